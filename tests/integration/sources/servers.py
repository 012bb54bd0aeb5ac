"""Real servers on loopback: files for Helm repositories, redirects, and those that say nothing or too little.

Each is a thread of this process and remembers what it was asked; git, registries and proxies are made of them in files of their own.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.server
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any


class Server(http.server.ThreadingHTTPServer):
    """An HTTP server in a thread. `asked` are (method, path, headers) of all requests so far."""

    daemon_threads = True

    def __init__(self, handler: type[http.server.BaseHTTPRequestHandler], tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        super().__init__(("127.0.0.1", 0), handler)
        self.scheme = "https" if tls else "http"
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        return f"{self.scheme}://localhost:{self.port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is not worth a traceback."""

    def credentials(self) -> list[str]:
        """The Authorization headers seen, in order, without repeats."""
        seen = [headers.get("Authorization", "") for _, _, headers in self.asked]
        return [value for value in dict.fromkeys(seen) if value]

    def stop(self) -> None:
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    """Logs, answers, and is quiet. Subclasses set `login` (user:password) to ask for it."""

    protocol_version = "HTTP/1.1"
    login = ""

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on stderr."""

    def parse_request(self) -> bool:
        good = super().parse_request()
        if good:
            self.server.asked.append((self.command, self.path, dict(self.headers)))  # type: ignore[attr-defined]
        return good

    def let_in(self) -> bool:
        if not self.login or self.headers.get("Authorization") == basic(self.login):
            return True
        self.reply(401, b"who are you?", {"WWW-Authenticate": 'Basic realm="test"'})
        return False

    def reply(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


Answer = Callable[[Handler], None]


def basic(login: str) -> str:
    return f"Basic {base64.b64encode(login.encode()).decode()}"


def files(contents: dict[str, bytes | Answer], *, login: str = "", tls: ssl.SSLContext | None = None) -> Server:
    """Serves `contents` by path, with an ETag; a function answers by itself. The dict may be changed while it runs."""

    class Files(Handler):
        def do_GET(self) -> None:
            if not self.let_in():
                return
            found = contents.get(self.path.partition("?")[0])
            if found is None:
                self.reply(404, b"nothing here")
            elif callable(found):
                found(self)
            else:
                tag = f'"{hashlib.sha256(found).hexdigest()}"'
                fresh = self.headers.get("If-None-Match") == tag
                self.reply(304 if fresh else 200, b"" if fresh else found, {"ETag": tag})

        def do_POST(self) -> None:
            self.do_GET()

    Files.login = login
    return Server(Files, tls)


def redirect(target: Callable[[str], str], status: int = 302) -> Server:
    """Sends every request to `target(path)`."""

    class Redirect(Handler):
        def do_GET(self) -> None:
            self.reply(status, b"", {"Location": target(self.path)})

        def do_POST(self) -> None:
            self.do_GET()

    return Server(Redirect)


@contextlib.contextmanager
def silent_server() -> Iterator[int]:
    """Takes connections and never says a word; yields its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield int(listening.getsockname()[1])


@contextlib.contextmanager
def dripping_server(pause: float = 0.1) -> Iterator[int]:
    """Answers one byte of a header now and then, for ever; yields its port."""
    done = threading.Event()

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not done.wait(pause):
                connection.sendall(b"x")

    def accept(listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=accept, args=(listening,), daemon=True).start()
        yield int(listening.getsockname()[1])
        done.set()
        listening.shutdown(socket.SHUT_RDWR)
