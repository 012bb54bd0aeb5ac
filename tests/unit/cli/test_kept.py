"""A thread of the service stays with a connection that asks again at once, and never longer than others can do without it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from gunicorn.workers.gthread import TConn

from extension.commands import kept
from extension.commands.kept import KeptWorker

QUESTION = b"POST / HTTP/1.1\r\nHost: hub\r\nContent-Length: 2\r\n\r\n{}"
THREADS = 4
FOREVER = 60_000


class Application(BaseApplication):
    def load_config(self) -> None:
        self.cfg.set("threads", THREADS)
        self.cfg.set("keepalive", 30)

    def load(self) -> Any:
        return None


@pytest.fixture
def worker() -> Iterator[KeptWorker]:
    application = Application()
    made = KeptWorker(1, 1, [], application, 30, application.cfg, Logger(application.cfg))
    made.wsgi = answer
    made.nr_conns = 1
    yield made
    made.tmp.close()


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    pair = socket.socketpair()
    yield pair
    for one in pair:
        one.close()


def answer(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    body: bytes = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


def connection(worker: KeptWorker, end: socket.socket) -> Any:
    return TConn(worker.cfg, end, ("127.0.0.1", 1), ("127.0.0.1", 2))


def ask(end: socket.socket) -> bytes:
    end.sendall(QUESTION)
    data = b""
    while not data.endswith(b"{}"):
        data += end.recv(65536)
    return data


def test_one_thread_answers_all_that_is_asked_at_once_until_the_connection_ends(worker, ends, monkeypatch):
    monkeypatch.setattr(kept, "MOMENT", FOREVER)
    client, server = ends
    found: list[bytes] = []

    def asks() -> None:
        found.extend(ask(client) for _ in range(3))
        client.shutdown(socket.SHUT_RDWR)

    thread = threading.Thread(target=asks, daemon=True)
    thread.start()
    assert worker.handle(connection(worker, server)) is False
    thread.join(60)
    assert [one.startswith(b"HTTP/1.1 200 OK") for one in found] == [True] * 3
    assert worker.nr == 3


def test_a_thread_goes_back_when_nothing_is_asked(worker, ends):
    client, server = ends
    client.sendall(QUESTION)
    assert worker.handle(connection(worker, server)) is True
    assert worker.nr == 1


@pytest.mark.parametrize(("connections", "alive"), [(THREADS + 1, True), (1, False)], ids=["others wait for a thread", "it stops"])
def test_a_thread_that_is_needed_elsewhere_does_not_wait(worker, ends, monkeypatch, connections, alive):
    monkeypatch.setattr(kept, "MOMENT", FOREVER)
    client, server = ends
    worker.nr_conns, worker.alive = connections, alive
    client.sendall(QUESTION)
    worker.handle(connection(worker, server))
    assert worker.nr == 1
