"""A way to an API server that a test can close."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class Way:
    """A way to an API server that can be closed: nobody gets through then, and who is on it is cut off."""

    def __init__(self, port: int) -> None:
        self._port, self._open = port, True
        self._server = socket.create_server(("127.0.0.1", 0))
        self._connections: list[socket.socket] = []
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._open = False
        for one in self._connections:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def open(self) -> None:
        self._open = True

    def end(self) -> None:
        self.close()
        self._server.close()
        for one in self._connections:
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                came, _ = self._server.accept()
                if not self._open:
                    came.close()
                    continue
                there = socket.create_connection(("127.0.0.1", self._port))
                self._connections += [came, there]
                for source, target in ((came, there), (there, came)):
                    threading.Thread(target=self._pass, args=(source, target), daemon=True).start()

    @staticmethod
    def _pass(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(data)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


@contextmanager
def way_to(kubeconfig: Path, folder: Path) -> Iterator[tuple[Way, Path]]:
    """A way to the API server of a kubeconfig, and another kubeconfig that leads over it."""
    text = kubeconfig.read_text()
    port = text.partition("https://127.0.0.1:")[2].partition('"')[0]
    made = Way(int(port))
    path = folder / "kubeconfig"
    path.write_text(text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{made.port}"))
    try:
        yield made, path
    finally:
        made.end()
