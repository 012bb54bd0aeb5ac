"""A pipe through an HTTP proxy for programs that can't use one: ssh's ProxyCommand and git's core.gitProxy.

Run as a file by an isolated interpreter (`python -I connect.py HOST PORT`), so it imports the standard library only.
The proxy's URL comes from the environment: on a command line every process of the machine could read its password.
"""

from __future__ import annotations

import base64
import os
import socket
import ssl
import sys
import threading
from urllib.parse import unquote, urlsplit

PROXY = "RANCHER_CD_CONNECT_PROXY"
CAFILE = "RANCHER_CD_CONNECT_CAFILE"
_CHUNK = 65536


def open_tunnel(proxy: str, cafile: str, host: str, port: int, timeout: float = 30.0) -> socket.socket:
    """A socket that reaches `host:port` through `proxy`. Raises ConnectionError with the proxy's answer."""
    parts = urlsplit(proxy)
    secure = parts.scheme == "https"
    connected = socket.create_connection((parts.hostname or "", parts.port or (443 if secure else 80)), timeout)
    if secure:
        connected = ssl.create_default_context(cafile=cafile or None).wrap_socket(connected, server_hostname=parts.hostname)
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if parts.username:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(login.encode()).decode()}")
    connected.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    answer = b""
    while b"\r\n\r\n" not in answer and len(answer) < _CHUNK:
        byte = connected.recv(1)  # one at a time: what follows the headers belongs to the tunnel
        if not byte:
            break
        answer += byte
    status = answer.split(b"\r\n", 1)[0].decode(errors="replace")
    if status.split(" ")[1:2] != ["200"]:
        raise ConnectionError(f"the proxy {parts.hostname}:{parts.port} does not connect to {target}: {status or 'no answer'}")
    connected.settimeout(None)
    return connected


def pump(connected: socket.socket) -> None:
    """Copies standard input to the tunnel and the tunnel to standard output until the tunnel ends."""

    def outward() -> None:
        while data := os.read(0, _CHUNK):
            connected.sendall(data)
        connected.shutdown(socket.SHUT_WR)

    threading.Thread(target=outward, daemon=True).start()
    while data := connected.recv(_CHUNK):
        os.write(1, data)


def main() -> int:
    try:
        pump(open_tunnel(os.environ[PROXY], os.environ.get(CAFILE, ""), sys.argv[1], int(sys.argv[2])))
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
