"""Real servers on loopback: git over HTTP, ssh and git://, a proxy that logs, files for Helm repositories, a registry.

Each is a thread of this process (git itself does the protocol) and remembers what it was asked.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import http.server
import json
import os
import select
import socket
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncssh


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


def git_http(root: Path, *, login: str = "", tls: ssl.SSLContext | None = None, api: dict[str, Answer] | None = None) -> Server:
    """Git's smart HTTP over `git http-backend` for the repositories below `root`; `api` answers POSTs at its paths."""

    class Git(Handler):
        def do_GET(self) -> None:
            if self.let_in():
                self.backend(b"")

        def do_POST(self) -> None:
            body = self._body()
            if self.path in (api or {}):
                (api or {})[self.path](self)
            elif self.let_in():
                self.backend(body)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            whole = b""
            while size := int(self.rfile.readline(), 16):
                whole += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return whole

        def backend(self, body: bytes) -> None:
            parts = urlsplit(self.path)
            env = {
                "PATH": os.environ["PATH"],
                "GIT_PROJECT_ROOT": str(root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "REQUEST_METHOD": self.command,
                "PATH_INFO": parts.path,
                "QUERY_STRING": parts.query,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "REMOTE_ADDR": "127.0.0.1",
            }
            out = subprocess.run(["git", "http-backend"], input=body, env=env, capture_output=True, check=False).stdout
            head, _, rest = out.partition(b"\r\n\r\n")
            headers = dict(line.split(": ", 1) for line in head.decode().splitlines() if ": " in line)
            self.reply(int(headers.pop("Status", "200").split()[0]), rest, headers)

    Git.login = login
    return Server(Git, tls)


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


def registry(
    charts: dict[tuple[str, str], bytes],
    *,
    login: str = "",
    token: bool = False,
    tls: ssl.SSLContext | None = None,
    tells_digest: bool = True,
) -> Server:
    """An OCI registry with `charts` by (repository, tag), two tags a page; `token`: logins are exchanged for a bearer token."""
    blobs: dict[str, bytes] = {}
    manifests: dict[tuple[str, str], bytes] = {}
    for (name, tag), data in charts.items():
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        blobs[digest] = data
        layer = {"mediaType": "application/vnd.cncf.helm.chart.content.v1.tar+gzip", "digest": digest, "size": len(data)}
        config = {"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": digest, "size": len(data)}
        document = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": [layer]}
        manifests[name, tag] = json.dumps(document).encode()

    class Registry(Handler):
        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            if path == "/token":
                self._token()
                return
            if not self._allowed():
                return
            name, _, rest = path.removeprefix("/v2/").rpartition("/")
            name, _, kind = name.rpartition("/")
            if kind == "tags":
                self._tags(name, query)
            elif kind == "manifests" and (name, rest) in manifests:
                digest = {"Docker-Content-Digest": f"sha256:{hashlib.sha256(manifests[name, rest]).hexdigest()}"} if tells_digest else {}
                self.reply(200, manifests[name, rest], {"Content-Type": "application/vnd.oci.image.manifest.v1+json", **digest})
            elif kind == "blobs" and rest in blobs:
                self.reply(200, blobs[rest])
            else:
                self.reply(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}')

        def do_HEAD(self) -> None:
            self.do_GET()

        def _allowed(self) -> bool:
            if not login:
                return True
            if not token:
                return self.let_in()
            if self.headers.get("Authorization") == "Bearer good":
                return True
            realm = f"{self.server.url}/token"  # type: ignore[attr-defined]
            self.reply(401, b"", {"WWW-Authenticate": f'Bearer realm="{realm}",service="test",scope="repository:x:pull"'})
            return False

        def _token(self) -> None:
            if self.headers.get("Authorization") == basic(login):
                self.reply(200, b'{"token":"good"}')
            else:
                self.reply(401, b"{}")

        def _tags(self, name: str, query: str) -> None:
            tags = [tag for known, tag in charts if known == name]
            start = int(query.partition("from=")[2] or 0)
            following = {"Link": f'</v2/{name}/tags/list?from={start + 2}>; rel="next"'} if start + 2 < len(tags) else {}
            self.reply(200 if tags else 404, json.dumps({"name": name, "tags": tags[start : start + 2]}).encode(), following)

    Registry.login = login
    return Server(Registry, tls)


class Proxy(Server):
    """A forward proxy. Names ending in `.test` lead to 127.0.0.1, so only who uses the proxy finds them."""

    def __init__(self, login: str = "") -> None:
        proxy = self
        self.reached: list[str] = []

        class Forward(Handler):
            def do_CONNECT(self) -> None:
                if not self._known():
                    return
                proxy.reached.append(self.path)
                host, _, port = self.path.rpartition(":")
                self.close_connection = True
                try:
                    upstream = socket.create_connection((_local(host), int(port)))
                except OSError:
                    self.reply(502)
                    return
                with upstream:
                    self.send_response(200)
                    self.end_headers()
                    _splice(self.connection, upstream)

            def do_GET(self) -> None:
                if not self._known():
                    return
                parts = urlsplit(self.path)
                proxy.reached.append(f"{parts.hostname}:{parts.port or 80}")
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                dropped = ("proxy-connection", "proxy-authorization", "connection", "content-length", "transfer-encoding")
                lines = [f"{name}: {value}" for name, value in self.headers.items() if name.lower() not in dropped]
                where = f"{parts.path}?{parts.query}" if parts.query else parts.path
                head = [f"{self.command} {where} HTTP/1.1", *lines, f"Content-Length: {len(body)}", "Connection: close", "", ""]
                with socket.create_connection((_local(parts.hostname or ""), parts.port or 80)) as upstream:
                    upstream.sendall("\r\n".join(head).encode() + body)
                    while data := upstream.recv(65536):
                        self.wfile.write(data)
                self.close_connection = True

            def do_POST(self) -> None:
                self.do_GET()

            def _known(self) -> bool:
                if login and self.headers.get("Proxy-Authorization") != basic(login):
                    self.reply(407, b"", {"Proxy-Authenticate": "Basic"})
                    return False
                return True

        super().__init__(Forward)


def _local(host: str) -> str:
    return "127.0.0.1" if host.endswith(".test") else host.strip("[]")


def _splice(one: socket.socket, other: socket.socket) -> None:
    while True:
        readable, _, _ = select.select([one, other], [], [], 30)
        if not readable:
            return
        for source in readable:
            data = source.recv(65536)
            if not data:
                return
            (other if source is one else one).sendall(data)


class SSHServer:
    """An ssh server that runs git for one public key. `known_hosts` is its line for that file."""

    def __init__(self, root: Path, client: asyncssh.SSHKey) -> None:
        self.users: list[str] = []
        self._root = root
        self._client = client
        self._host_key = asyncssh.generate_private_key("ssh-ed25519")
        self._loop = asyncio.new_event_loop()
        self._serving: set[asyncio.Task[None]] = set()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(10)

    @property
    def known_hosts(self) -> bytes:
        public = self._host_key.export_public_key().decode().strip()
        return f"[localhost]:{self.port} {public}\n[ssh.test]:{self.port} {public}\n".encode()

    def url(self, name: str, host: str = "localhost") -> str:
        return f"ssh://git@{host}:{self.port}/{name}"

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        keys = asyncssh.import_authorized_keys(self._client.export_public_key().decode())

        async def start() -> None:
            server = await asyncssh.listen(
                "127.0.0.1", 0, server_host_keys=[self._host_key], authorized_client_keys=keys, process_factory=self._serve, encoding=None
            )
            self.port = server.get_port()
            self._server = server
            ready.set()

        self._loop.run_until_complete(start())
        self._loop.run_forever()
        self._server.close()
        self._loop.run_until_complete(self._server.wait_closed())
        self._loop.run_until_complete(self._end())
        self._loop.close()

    async def _end(self) -> None:
        """A git whose client went away is reaped before its loop closes; nobody could afterwards."""
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await asyncio.sleep(0.1)

    async def _serve(self, process: Any) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        program, _, path = (process.command or "").partition(" ")
        self.users.append(process.get_extra_info("username"))
        if program != "git-upload-pack":
            process.exit(1)
            return
        folder = self._root / path.strip("'").lstrip("/")
        env = {"PATH": os.environ["PATH"], "GIT_PROTOCOL": process.env.get("GIT_PROTOCOL", "")}
        pipe = asyncio.subprocess.PIPE
        git = await asyncio.create_subprocess_exec("git", "upload-pack", str(folder), stdin=pipe, stdout=pipe, stderr=pipe, env=env)
        assert git.stdin is not None
        receiving = asyncio.create_task(_copy(process.stdin, git.stdin))
        try:
            await asyncio.gather(_copy(git.stdout, process.stdout), _copy(git.stderr, process.stderr))
        except asyncio.CancelledError:
            git.kill()
            raise
        finally:
            receiving.cancel()
            git.stdin.close()
            status = await git.wait()
        process.exit(status)


async def _copy(source: Any, target: Any) -> None:
    with contextlib.suppress(asyncssh.Error, OSError):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
        target.write_eof()


@contextlib.contextmanager
def git_daemon(root: Path) -> Iterator[int]:
    """`git daemon` for the repositories below `root`, one a connection, so that the port is never somebody else's; yields it."""
    command = ["git", "daemon", "--inetd", "--export-all", f"--base-path={root}", str(root)]

    class Daemon(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            subprocess.run(command, stdin=self.request, stdout=self.request, stderr=subprocess.DEVNULL, check=False)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Daemon) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield int(server.server_address[1])
        server.shutdown()


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
