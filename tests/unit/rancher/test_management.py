"""What the API server of Rancher's cluster says, as one of this service's errors."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from extension.delivery.client import Client
from extension.delivery.kubeconfig import Endpoint
from extension.objects.errors import AlreadyExists, Busy, Conflict, Forbidden, Gone, Invalid, NotFound, Unauthorized, Unavailable, UserError
from extension.rancher.identity import Identity
from extension.rancher.management import Management

DENIED = 'admission webhook "rancher.cattle.io" denied the request: the workspace is locked'
PATH = "/apis/fleet.cattle.io/v1alpha1/namespaces/team-a/gitrepos"


class _Server(HTTPServer):
    answer: tuple[int, bytes] = (200, b"{}")
    seen: list[tuple[str, str, list[tuple[str, str]]]]


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def _reply(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.seen.append((self.command, self.path, self.headers.items()))
        status, body = self.server.answer
        self.send_response_only(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = _reply  # noqa: N815

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[_Server]:
    made = _Server(("127.0.0.1", 0), _Handler)
    made.seen = []
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture
def api(server: _Server) -> Iterator[Management]:
    client = Client(Endpoint(f"http://127.0.0.1:{server.server_port}"))
    yield Management(client)
    client.close()


@pytest.mark.parametrize(
    ("status", "reason", "message", "error", "hint"),
    [
        (400, "BadRequest", "not so", Invalid, ""),
        (401, "Unauthorized", "Unauthorized", Unauthorized, "does not know this service's account"),
        (403, "Forbidden", 'User "u" cannot create', Forbidden, "see your roles"),
        (403, "Forbidden", DENIED, Forbidden, ""),
        (404, "NotFound", "not found", NotFound, ""),
        (409, "AlreadyExists", "exists", AlreadyExists, ""),
        (409, "Conflict", "modified", Conflict, "read it again"),
        (410, "Expired", "too old", Gone, "list again"),
        (422, "Invalid", "is invalid", Invalid, ""),
        (500, "InternalError", "etcd is away", Unavailable, "see whether the API server"),
    ],
)
def test_what_is_refused_is_said_in_the_api_servers_words(
    api: Management, server: _Server, status: int, reason: str, message: str, error: type[UserError], hint: str
) -> None:
    details = {"causes": [{"field": "spec.repo", "message": "no"}]}
    server.answer = (status, json.dumps({"kind": "Status", "reason": reason, "message": message, "details": details}).encode())
    with pytest.raises(error) as caught:
        api.send("POST", PATH, {})
    assert type(caught.value) is error
    assert (caught.value.message, caught.value.where) == (message, f"POST {PATH}")
    assert hint in caught.value.hint
    assert caught.value.field == {Invalid: "spec.repo", Conflict: "metadata.resourceVersion", AlreadyExists: "metadata.name"}.get(error, "")


def test_an_answer_that_is_no_json_is_an_error_all_the_same(api: Management, server: _Server) -> None:
    server.answer = (502, b"<html>Bad Gateway</html>")
    with pytest.raises(Unavailable, match="Bad Gateway"):
        api.send("POST", PATH, {})


def test_a_crowded_api_server_is_asked_again_and_then_said_to_be_busy(api: Management, server: _Server) -> None:
    server.answer = (429, b'{"message": "too many requests"}')
    with pytest.raises(Busy):
        api.send("POST", PATH, {})
    assert len(server.seen) > 1


def test_a_write_without_an_answer_may_have_been_done(server: _Server) -> None:
    client = Client(Endpoint("http://127.0.0.1:1"))
    with pytest.raises(Unavailable) as caught:
        Management(client).send("POST", PATH, {})
    assert caught.value.hint == "read it again: whether this was written is not known"
    client.close()


def test_what_is_sent_for_a_user_names_the_user_and_reads_of_the_service_name_nobody(api: Management, server: _Server) -> None:
    user = Identity("u-1", uid="7", groups=("a", "cn=b,ou=c"), extra=(("k/1", ("v",)),))
    api.acting(user).send("POST", PATH, {}, {"dryRun": "All"})
    api.read(PATH)
    (method, path, told), (_, _, plain) = server.seen
    assert (method, path) == ("POST", f"{PATH}?dryRun=All")
    named = sorted((name, value) for name, value in told if name.lower().startswith("impersonate-"))
    assert named == [
        ("Impersonate-Extra-k%2F1", "v"), ("Impersonate-Group", "a"), ("Impersonate-Group", "cn=b,ou=c"), ("Impersonate-Uid", "7"),
        ("Impersonate-User", "u-1"),
    ]  # fmt: skip
    assert not [name for name, _ in plain if name.lower().startswith("impersonate-")]
