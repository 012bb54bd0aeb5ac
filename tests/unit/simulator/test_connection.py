"""The simulator's connection: it says what agents say, reads what the hub answers, and takes nothing else for an answer."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator, Sequence

import pytest

from extension.simulator.connection import Connection

NOTHING = b"HTTP/1.1 204 NO CONTENT\r\nCheck-In-After: 15\r\n\r\n"
SOME = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"since":1}'


class Peer:
    """Takes connections one after the other; answers each question with the next of its answers, given in parts, and hangs up after
    one that is empty."""

    def __init__(self, answers: Sequence[Sequence[bytes]]) -> None:
        self.asked: list[bytes] = []
        self.connections = 0
        self._answers = list(answers)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/hub"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while self._answers:
            try:
                taken, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with taken:
                while self._answers and (data := taken.recv(65536)):
                    self.asked.append(data)
                    parts = self._answers.pop(0)
                    for part in parts:
                        taken.sendall(part)
                    if b"" in parts:
                        break


@pytest.fixture
def peer(request: pytest.FixtureRequest) -> Iterator[Peer]:
    made = Peer(request.param)
    yield made
    made.close()


def asked(peer: Peer, times: int = 1):
    connection = Connection(peer.url, timeout=20)
    try:
        return [connection.post("/agent/v1/checkin", "agent-1.0.ab", b'{"since":""}') for _ in range(times)]
    finally:
        connection.close()


@pytest.mark.parametrize("peer", [[[NOTHING], [SOME], [NOTHING]]], indirect=True)
def test_a_connection_is_kept_and_says_all_a_request_needs(peer):
    found = asked(peer, 3)
    assert [(one.status, one.body) for one in found] == [(204, b""), (200, b'{"since":1}'), (204, b"")]
    assert found[0].headers == {"check-in-after": "15", "connection": "keep-alive"}
    assert peer.connections == 1
    assert peer.asked[0] == (
        b"POST /hub/agent/v1/checkin HTTP/1.1\r\nHost: " + peer.url.split("/")[2].encode() + b"\r\nAuthorization: Bearer agent-1.0.ab\r\n"
        b'Content-Type: application/json\r\nContent-Length: 12\r\n\r\n{"since":""}'
    )


@pytest.mark.parametrize(
    "peer",
    [
        pytest.param([[SOME[at : at + 1] for at in range(len(SOME))]], id="byte by byte"),
        pytest.param([[SOME[:-4], SOME[-4:]]], id="a body in two parts"),
        pytest.param([[b"HTTP/1.1 100 Continue\r\n\r\n", SOME]], id="after word that it goes on"),
    ],
    indirect=True,
)
def test_an_answer_is_read_whole_however_it_comes(peer):
    assert asked(peer)[0].body == b'{"since":1}'


@pytest.mark.parametrize(
    "peer",
    [
        pytest.param([[NOTHING.replace(b"15", b"15\r\nConnection: close"), b""], [NOTHING]], id="by a header"),
        pytest.param([[NOTHING.replace(b"1.1", b"1.0"), b""], [NOTHING]], id="by an old version"),
    ],
    indirect=True,
)
def test_a_connection_that_the_hub_ends_is_opened_anew(peer):
    assert [one.status for one in asked(peer, 2)] == [204, 204]
    assert peer.connections == 2


@pytest.mark.parametrize(
    ("peer", "error"),
    [
        pytest.param([[b""]], http.client.RemoteDisconnected, id="nothing"),
        pytest.param([[SOME[:30], b""]], http.client.RemoteDisconnected, id="half a head"),
        pytest.param([[SOME[:-4], b""]], http.client.RemoteDisconnected, id="half a body"),
        pytest.param([[SOME + SOME]], http.client.BadStatusLine, id="more than one answer"),
        pytest.param([[b"SSH-2.0-OpenSSH\r\n\r\n"]], http.client.BadStatusLine, id="no HTTP"),
        pytest.param(
            [[SOME.replace(b"Content-Length: 11", b"Transfer-Encoding: chunked")]], http.client.UnknownTransferEncoding, id="chunks"
        ),
        pytest.param([[SOME.replace(b"Content-Length: 11", b"X: y")]], http.client.UnknownTransferEncoding, id="no length"),
        pytest.param([[SOME.replace(b"h: 11", b"h: 11\r\nContent-Length: 5")]], http.client.HTTPException, id="two lengths"),
        pytest.param([[SOME.replace(b"h: 11", b"h: 11\r\nbroken")]], http.client.HTTPException, id="a broken header"),
        pytest.param([[b"HTTP/1.1 200 " + b"x" * 200_000]], http.client.LineTooLong, id="a head without end"),
    ],
    indirect=["peer"],
)
def test_what_is_no_answer_is_refused(peer, error):
    with pytest.raises(error):
        asked(peer)


def test_a_key_can_not_be_more_than_a_header():
    with pytest.raises(ValueError, match="printable"):
        Connection("http://127.0.0.1:1").post("/agent/v1/checkin", "a\r\nHost: b", b"")
