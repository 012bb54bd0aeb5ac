"""The gunicorn worker of a service that Kubernetes reaches by TLS, beside the plain port.

gunicorn knows one kind of port only, and hands the application headers joined by commas. Here a connection to the TLS port is
wrapped with the context of the moment, so a new certificate needs no restart; and the application is told what the connection
proved and the headers one by one. Loaded in the watching parent: nothing of the service may be imported here.
"""

from __future__ import annotations

import errno
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from gunicorn.workers.gthread import TConn

from extension.commands.kept import KeptWorker
from extension.rancher.environ import CONFIG, HEADERS, PROVED

HANDSHAKE_SECONDS = 10.0


class Connection(TConn):  # type: ignore[misc]
    """A connection to the TLS port. `door` gives how to take one at the moment, None while that can't be."""

    sock: Any

    def __init__(self, door: Callable[[], Any], *args: Any) -> None:
        super().__init__(*args)
        self._find = door
        self._door: Any = None
        self._name: str | None = None
        self._until = float("inf")

    def init(self) -> None:
        """Raises StopIteration, which ends a connection without a word, where no handshake comes about."""
        if not self.initialized:
            self._door = self._find()
            if self._door is None:
                raise StopIteration("there is no certificate yet")
            self._shake_hands()
        super().init()

    def _shake_hands(self) -> None:
        self.sock.settimeout(HANDSHAKE_SECONDS)
        try:
            self.sock = self._door.context.wrap_socket(self.sock, server_side=True)
        except (OSError, ValueError) as error:
            raise StopIteration(f"no handshake: {error}") from None
        certificate = self.sock.getpeercert()
        if certificate:
            self._name = next((value for part in certificate["subject"] for key, value in part if key == "commonName"), "")
            self._until = ssl.cert_time_to_seconds(certificate["notAfter"])

    def is_stale(self) -> bool:
        """Whether it proves nothing any more: its certificate has ended, or another CA is trusted since."""
        if self._door is None or self._name is None:
            return False
        door = self._find()
        return door is None or door.config != self._door.config or time.time() > self._until

    def proved(self) -> dict[str, Any]:
        return {} if self._name is None else {PROVED: self._name, CONFIG: self._door.config}

    def close(self, graceful: bool = False) -> None:
        with suppress(OSError):  # a handshake that failed has closed it already
            super().close(graceful)


class Worker(KeptWorker):
    """`app.tls_port` is the port that speaks TLS, `app.door()` how."""

    wsgi: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._told = threading.local()

    def load_wsgi(self) -> None:
        super().load_wsgi()
        application = self.wsgi

        def told(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
            environ.update(self._told.facts)
            answer: Iterable[bytes] = application(environ, start)
            return answer

        self.wsgi = told

    def accept(self, listener: Any) -> None:
        """As gunicorn's, with a connection of the port's own kind."""
        try:
            sock, client = listener.accept()
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return
        self.nr_conns += 1
        sock.setblocking(True)
        server = listener.getsockname()
        if server[1] == self.app.tls_port:
            self.enqueue_req(Connection(self.app.door, self.cfg, sock, client, server))
        else:
            self.enqueue_req(TConn(self.cfg, sock, client, server))

    def handle(self, conn: Any) -> Any:
        """Ends a stale connection before its next request is read: whoever has it opens another and sends it there."""
        if isinstance(conn, Connection) and conn.is_stale():
            return False
        return super().handle(conn)

    def handle_request(self, req: Any, conn: Any) -> Any:
        self._told.facts = {HEADERS: tuple(req.headers)}
        if isinstance(conn, Connection):
            if conn.is_stale():  # since it was looked at
                raise StopIteration("what it proved is worth nothing any more")
            req.scheme = "https"
            self._told.facts |= conn.proved()
        return super().handle_request(req, conn)
