"""A forward proxy on loopback that remembers what was reached through it."""

from __future__ import annotations

import select
import socket
from urllib.parse import urlsplit

from tests.integration.sources.servers import Handler, Server, basic


class Proxy(Server):
    """A forward proxy. Names ending in `.test` lead to 127.0.0.1, so only who uses the proxy finds them."""

    def __init__(self, login: str = "") -> None:
        proxy = self
        self.reached: list[str] = []

        class Forward(Handler):
            def do_CONNECT(self) -> None:  # noqa: N802
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

            def do_GET(self) -> None:  # noqa: N802
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

            def do_POST(self) -> None:  # noqa: N802
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
