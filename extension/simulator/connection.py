"""One HTTP/1.1 connection that is kept open, and no more of HTTP than the hub speaks to agents.

`http.client` reads the headers of an answer as those of an e-mail, which takes long, and a simulator that is
slower than the service it sizes tells of itself. What is not understood is refused: an answer says with Content-Length how long
it is, unless its status (204, 304) says that it has no body.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

TIMEOUT = 60.0
LONGEST_HEAD = 64 * 1024
_AT_ONCE = 64 * 1024
_END = b"\r\n\r\n"
_WITHOUT_BODY = (204, 304)
_KEPT = {"HTTP/1.0": "close", "HTTP/1.1": "keep-alive"}
"""What becomes of the connection of an answer that does not say so."""


class Answer(msgspec.Struct, frozen=True):
    """The names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connection:
    """Opened by the first question, and anew by the one after an error. Used by one thread.

    `verify` is a file of certificates to trust, True for those of the machine, False for any.
    """

    def __init__(self, url: str, verify: bool | str = True, timeout: float = TIMEOUT) -> None:
        parts = urlsplit(url)
        self._tls = _context(verify) if parts.scheme == "https" else None
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._tls else 80)
        self._prefix = parts.path.rstrip("/")
        self._named = parts.netloc.rpartition("@")[2]
        self._timeout = timeout
        self._socket: socket.socket | None = None
        self._left = b""

    def post(self, place: str, key: str, body: bytes) -> Answer:
        """Sends JSON, with a key as bearer, and reads the answer. Raises OSError and http.client.HTTPException, and is closed then;
        ValueError for a key that is no header's value."""
        if not (key.isascii() and key.isprintable()):
            raise ValueError("a key has printable ASCII characters only")
        head = (
            f"POST {self._prefix}{place} HTTP/1.1\r\nHost: {self._named}\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        try:
            self._opened().sendall(head.encode("ascii") + body)
            answer = self._answer()
        except BaseException:
            self.close()
            raise
        if "close" in answer.headers["connection"].lower():
            self.close()
        return answer

    def close(self) -> None:
        self._left = b""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _opened(self) -> socket.socket:
        if self._socket is None:
            plain = socket.create_connection((self._host, self._port), self._timeout)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket = self._tls.wrap_socket(plain, server_hostname=self._host) if self._tls else plain
        return self._socket

    def _answer(self) -> Answer:
        while True:
            status, headers = _head(self._until_end_of_head())
            if status >= http.client.OK:
                return Answer(status, headers, self._body(status, headers))

    def _until_end_of_head(self) -> bytes:
        data = self._left
        while (end := data.find(_END)) < 0:
            if len(data) > LONGEST_HEAD:
                raise http.client.LineTooLong("head")
            data += self._received("no answer" if not data else "half an answer")
        self._left = data[end + len(_END) :]
        return data[:end]

    def _body(self, status: int, headers: Mapping[str, str]) -> bytes:
        if status in _WITHOUT_BODY:
            return b""
        length = headers.get("content-length", "")
        if "transfer-encoding" in headers or not (length.isascii() and length.isdecimal()):
            raise http.client.UnknownTransferEncoding(headers.get("transfer-encoding", "no Content-Length"))
        parts, missing = [self._left], int(length) - len(self._left)
        while missing > 0:
            parts.append(self._received("half a body"))
            missing -= len(parts[-1])
        if missing < 0:
            raise http.client.BadStatusLine("more than one answer")
        self._left = b""
        return b"".join(parts)

    def _received(self, instead: str) -> bytes:
        """Some bytes. Raises RemoteDisconnected when there are no more."""
        assert self._socket is not None
        data = self._socket.recv(_AT_ONCE)
        if not data:
            raise http.client.RemoteDisconnected(f"the connection ended with {instead}")
        return data


def _head(head: bytes) -> tuple[int, dict[str, str]]:
    """Status and headers. Raises BadStatusLine and HTTPException."""
    first, *lines = head.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    if version not in _KEPT or not (rest[:3].isascii() and rest[:3].isdecimal() and rest[3:4] in {"", " "}):
        raise http.client.BadStatusLine(first)
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name, value = name.lower(), value.strip(" \t")
        if not colon or name != name.strip() or (name == "content-length" and headers.get(name, value) != value):
            raise http.client.HTTPException("a header can't be read")
        headers[name] = value
    headers.setdefault("connection", _KEPT[version])
    return int(rest[:3]), headers


def _context(verify: bool | str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=verify if isinstance(verify, str) else None)
    if verify is False:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
