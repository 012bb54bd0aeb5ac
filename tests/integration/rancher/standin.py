"""A small Rancher: users with tokens and sessions before a real API server, as `rancher-integration.md` 3.1-3.3 tells it.

What matters here is what it passes on: it takes the caller's Authorization and Impersonate-* away and acts as the user by
impersonation; cookies go along; it looks at no CSRF token. A Bearer that it does not know goes on to the API server unchanged. A stream of
events goes on piece by piece. What it serves itself, as its dashboard, is up to `own`.
"""

from __future__ import annotations

import base64
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import trustme
import urllib3

EVERYBODY = ("system:authenticated", "system:cattle:authenticated")
LOCAL = "/k8s/clusters/local"
_OWN = ("authorization", "host", "connection", "content-length", "accept-encoding")


@dataclass
class User:
    name: str
    groups: tuple[str, ...] = ()
    enabled: bool = True

    def impersonation(self) -> list[tuple[str, str]]:
        groups = [("Impersonate-Group", group) for group in (*self.groups, *EVERYBODY)]
        extra = [("Impersonate-Extra-Principalid", f"local://{self.name}"), ("Impersonate-Extra-Requesttokenid", f"token-{self.name}")]
        return [("Impersonate-User", self.name), *groups, *extra]


@dataclass
class Rancher:
    """`tokens` are `<name>:<secret>`; a session is one too. `away` has it break every connection. `asked` counts reviews."""

    api: str
    api_token: str
    url: str = ""
    tokens: dict[str, User] = field(default_factory=dict)
    away: bool = False
    asked: int = 0
    own: Callable[[str, str, User | None], tuple[int, str, bytes] | None] = lambda _method, _path, _user: None
    """Method, path and who is calling to status, content type and body of what Rancher answers itself; None for what it passes on."""

    def user(self, authorization: str, cookie: str) -> User | None:
        scheme, _, value = authorization.partition(" ")
        if scheme == "Basic":
            value = base64.urlsafe_b64decode(value).decode()
        if not scheme:
            session = SimpleCookie(cookie).get("R_SESS")
            value = session.value if session else ""
        found = self.tokens.get(value)
        return found if found and found.enabled else None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    def _answer(self) -> None:
        rancher: Rancher = self.server.rancher
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if rancher.away:
            self.close_connection = True
            return
        path = self.path.removeprefix(LOCAL)
        rancher.asked += path.endswith("/selfsubjectreviews")
        authorization = self.headers.get("Authorization", "")
        user = rancher.user(authorization, self.headers.get("Cookie", ""))
        if own := rancher.own(self.command, self.path, user):
            self._send(own[0], {"Content-Type": own[1]}, own[2])
            return
        headers = urllib3.HTTPHeaderDict()
        for name, value in self.headers.items():
            if name.lower() not in _OWN and not name.lower().startswith("impersonate-"):
                headers.add(name, value)
        if user is not None:
            headers["Authorization"] = f"Bearer {rancher.api_token}"
            for name, value in user.impersonation():
                headers.add(name, value)
        elif authorization.startswith("Bearer ") and path.startswith("/api"):
            headers["Authorization"] = authorization
        else:
            self._send(401, {}, b'{"type":"error","status":401,"code":"Unauthorized","message":"must authenticate"}')
            return
        url = rancher.api + path
        answer = self.server.pool.request(self.command, url, body=body or None, headers=headers, retries=False, preload_content=False)
        if answer.headers.get("Content-Type", "").startswith("text/event-stream"):
            self._stream(answer)
        else:
            self._send(answer.status, answer.headers, answer.data)

    def _stream(self, answer: Any) -> None:
        self.send_response_only(answer.status)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for piece in answer.stream(1 << 16):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
        except (OSError, urllib3.exceptions.HTTPError):
            self.close_connection = True
        finally:
            answer.close()

    def _send(self, status: int, headers: Any, data: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815

    def log_message(self, *_: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no news."""


@contextmanager
def running(folder: Path, api: str, api_token: str) -> Iterator[Rancher]:
    """A Rancher before this API server; its CA is in `rancher-ca.pem` of the folder."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "rancher-ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = _Server(("127.0.0.1", 0), _Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.pool = urllib3.PoolManager(cert_reqs="CERT_NONE", maxsize=16)  # type: ignore[attr-defined]
    rancher = server.rancher = Rancher(api, api_token, f"https://127.0.0.1:{server.server_port}")  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield rancher
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
