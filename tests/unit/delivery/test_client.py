"""The Kubernetes client against a server that answers as a test says."""

from __future__ import annotations

import json
import threading
import time

import pytest
import urllib3

from extension.delivery.client import TOKEN_SECONDS, ApiError, Client, Kind, TokenFile, Unreachable
from extension.delivery.kubeconfig import Endpoint
from extension.objects.errors import Invalid, Unavailable
from tests.unit.delivery.answering import Server

CONFIG_MAPS = Kind("v1", "ConfigMap", "configmaps", True)
ROLES = Kind("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", False)


@pytest.fixture
def server():
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def client(server):
    client = Client(Endpoint(f"http://127.0.0.1:{server.server_port}", token="t"))
    yield client
    client.close()


@pytest.mark.parametrize(
    ("kind", "namespace", "name", "path"),
    [
        (CONFIG_MAPS, "web", "a", "/api/v1/namespaces/web/configmaps/a"),
        (CONFIG_MAPS, "", "", "/api/v1/configmaps"),
        (ROLES, "", "a", "/apis/rbac.authorization.k8s.io/v1/clusterroles/a"),
        (ROLES, "web", "a", "/apis/rbac.authorization.k8s.io/v1/clusterroles/a"),
        (CONFIG_MAPS, "../x", "a/b?c", "/api/v1/namespaces/..%2Fx/configmaps/a%2Fb%3Fc"),
    ],
)
def test_a_path_names_one_object_whatever_its_name(kind, namespace, name, path):
    assert kind.path(namespace, name) == path


@pytest.mark.parametrize(
    ("endpoint", "header"),
    [
        ({"token": "t"}, "Bearer t"),
        ({"username": "u", "password": "p"}, "Basic dTpw"),
        ({"token": "t", "username": "u"}, "Bearer t"),
        ({}, None),
    ],
)
def test_who_asks_is_proved_with_what_the_kubeconfig_says(server, endpoint, header):
    server.answer()
    Client(Endpoint(f"http://127.0.0.1:{server.server_port}", **endpoint)).request("GET", "/version")
    assert server.requests[0][2]["Authorization"] == header


def test_a_token_file_is_read_again_and_counts_for_who_acts_as_another_too(server, tmp_path):
    file = tmp_path / "token"
    file.write_text("one\n")
    client = Client(Endpoint(f"http://127.0.0.1:{server.server_port}", token_file=str(file)))
    for one in (client, client.acting_as("u")):
        server.answer()
        one.request("GET", "/x")
    client.close()
    assert [headers["Authorization"] for _, _, headers, _ in server.requests] == ["Bearer one", "Bearer one"]


def test_a_token_that_was_renewed_is_shown_soon_and_one_that_is_gone_is_told(tmp_path):
    now, file = [100.0], tmp_path / "token"
    token = TokenFile(str(file), clock=lambda: now[0])
    with pytest.raises(Unreachable, match=r"can't be read.*see the volume of the service account"):
        token.header()
    file.write_text("one")
    assert token.header() == "Bearer one"
    file.write_text("two")
    assert token.header() == "Bearer one", "it is good for minutes yet"
    now[0] += TOKEN_SECONDS
    assert token.header() == "Bearer two"
    file.unlink()
    now[0] += TOKEN_SECONDS
    with pytest.raises(Unreachable):
        token.header()


@pytest.mark.parametrize(
    ("listed", "through"),
    [
        ("", True),
        ("10.0.0.0/8,.svc", False),
        ("192.168.0.0/16, 10.43.0.0/16", False),
        ("192.168.0.0/16", True),
        ("10.43.0.1", False),
        ("no/network,10.43.0.2", True),
    ],
)
def test_the_networks_of_no_proxy_are_reached_without_the_proxy_as_go_programs_read_it(monkeypatch, listed, through):
    for name in ("HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    monkeypatch.setenv("NO_PROXY", listed)
    client = Client(Endpoint("https://10.43.0.1:443"))
    assert isinstance(client._pool, urllib3.ProxyManager) == through
    client.close()


def test_acting_as_another_user_says_so_and_leaves_the_client_as_it_is(server, client):
    for _ in range(2):
        server.answer()
    client.acting_as("system:serviceaccount:a:b").request("GET", "/x")
    client.acting_as("").request("GET", "/x")
    assert [headers["Impersonate-User"] for _, _, headers, _ in server.requests] == ["system:serviceaccount:a:b", None]


def test_a_list_is_read_page_by_page_and_every_object_says_its_kind(server, client):
    server.answer(body={"items": [{"metadata": {"name": "a"}}], "metadata": {"continue": "more"}})
    server.answer(body={"items": [{"metadata": {"name": "b"}}], "metadata": {}})
    found = list(client.list(CONFIG_MAPS, "web", "a=b"))
    assert [(o["kind"], o["metadata"]["name"]) for o in found] == [("ConfigMap", "a"), ("ConfigMap", "b")]
    assert server.paths()[1].endswith("/configmaps?limit=500&labelSelector=a%3Db&continue=more")


def test_of_a_kind_that_is_not_served_any_more_there_is_nothing_and_it_is_asked_for_anew(server, client):
    server.answer(body={"resources": [{"kind": "ConfigMap", "name": "configmaps", "namespaced": True}]})
    client.kind("v1", "ConfigMap")
    server.answer(404, b"404 page not found")
    assert list(client.list(CONFIG_MAPS)) == []
    server.answer(404)
    assert client.kind("v1", "ConfigMap") is None


REFUSALS = [
    (400, {"message": "no", "reason": "BadRequest"}, ApiError),
    (401, {"message": "no", "reason": "Unauthorized"}, ApiError),
    (403, {"message": "no", "reason": "Forbidden"}, ApiError),
    (404, {"message": "no", "reason": "NotFound"}, ApiError),
    (409, {"message": "no", "reason": "Conflict"}, ApiError),
    (422, {"message": "no", "reason": "Invalid"}, ApiError),
    (500, {"message": "no"}, Unavailable),
    (502, b"<html>no</html>", Unavailable),
    (404, b"no page", ApiError),
]


@pytest.mark.parametrize(("status", "body", "error"), REFUSALS)
def test_a_refusal_is_an_error_with_the_servers_words_and_the_request(server, client, status, body, error):
    server.answer(status, body)
    with pytest.raises(error, match="no") as refused:
        client.request("GET", "/api/v1/things")
    assert refused.value.where == "GET /api/v1/things"
    if error is ApiError:
        assert refused.value.status_code == status


def test_what_is_not_there_is_none_and_deleting_it_is_no_error(server, client):
    for _ in range(3):
        server.answer(404, {"message": "no"})
    assert client.get(CONFIG_MAPS, "web", "a") is None
    client.delete(CONFIG_MAPS, "web", "a")
    assert client.kind("example.org/v1", "Widget") is None


def test_another_refusal_is_told(server, client):
    for ask in (
        lambda: client.get(CONFIG_MAPS, "web", "a"),
        lambda: client.delete(CONFIG_MAPS, "web", "a"),
        lambda: client.kind("v1", "Pod"),
    ):
        server.answer(403, {"message": "forbidden"})
        with pytest.raises(ApiError, match="forbidden"):
            ask()


def test_a_kind_is_asked_for_once_and_again_when_it_was_not_served(server, client):
    server.answer(body={"resources": [{"kind": "ConfigMap", "name": "configmaps", "namespaced": True}]})
    assert client.kind("v1", "ConfigMap") == client.kind("v1", "ConfigMap") == CONFIG_MAPS
    assert len(server.requests) == 1
    server.answer(
        body={
            "resources": [
                {"kind": "ConfigMap", "name": "configmaps", "namespaced": True},
                {"kind": "Pod", "name": "pods/log", "namespaced": True},
            ]
        }
    )
    assert client.kind("v1", "Pod") is None
    server.answer(body={"resources": [{"kind": "Pod", "name": "pods", "namespaced": True}]})
    assert client.kind("v1", "Pod") == Kind("v1", "Pod", "pods", True)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_a_busy_server_is_asked_again_after_the_time_it_names(server, client, status, method):
    server.answer(status, Retry_After="0")
    server.answer(status, Retry_After="0")
    server.answer(200, {"ok": True})
    assert client.request(method, "/x", body={} if method == "PATCH" else None) == {"ok": True}


def test_a_server_that_stays_busy_is_unavailable(server, client):
    for _ in range(3):
        server.answer(503, {"message": "overloaded"}, Retry_After="0")
    with pytest.raises(Unavailable, match="overloaded"):
        client.request("GET", "/x")


@pytest.mark.parametrize("after", ["Wed, 21 Oct 2026 07:28:00 GMT", "-1"])
def test_a_time_that_can_not_be_read_is_a_moment(server, client, after):
    server.answer(429, Retry_After=after)
    server.answer(200, {"ok": True})
    before = time.monotonic()
    assert client.request("GET", "/x") == {"ok": True}
    assert time.monotonic() - before < 2


def test_a_read_is_repeated_after_a_lost_connection_and_a_write_is_not(server, client):
    server.answer(0)
    server.answer(200, {"ok": True})
    assert client.request("GET", "/x") == {"ok": True}
    server.answer(0)
    with pytest.raises(Unavailable, match="can't be reached"):
        client.request("POST", "/x", body={})
    assert [method for method, _, _, _ in server.requests] == ["GET", "GET", "POST"]


def test_a_server_that_is_not_there_is_unavailable_and_named():
    client = Client(Endpoint("http://127.0.0.1:1"))
    with pytest.raises(Unavailable, match="can't be reached") as refused:
        client.version()
    assert refused.value.where == "http://127.0.0.1:1"
    assert "object at 0x" not in str(refused.value)


@pytest.mark.parametrize(
    ("endpoint", "words"),
    [
        ({"ca": "no certificate"}, "certificates can't be used"),
        ({"certificate": "no certificate", "key": "no key"}, "certificates can't be used"),
        ({"ca": "ü"}, "certificates can't be used"),
        ({"proxy": "gopher://x"}, "proxy can't be used"),
        ({"proxy": "http://x:port"}, "proxy can't be used"),
    ],
)
def test_an_endpoint_that_can_not_be_used_is_refused_with_its_reason(endpoint, words):
    with pytest.raises(Invalid, match=words):
        Client(Endpoint("https://api.example.org", **endpoint))


def test_a_dry_apply_writes_nothing_and_says_who_would(server, client):
    server.answer(body={"data": {}})
    client.dry_apply(CONFIG_MAPS, "web", {"metadata": {"name": "a"}}, "helm")
    method, path, headers, body = server.requests[0]
    assert (method, headers["Content-Type"]) == ("PATCH", "application/apply-patch+yaml")
    assert path == "/api/v1/namespaces/web/configmaps/a?fieldManager=helm&force=true&dryRun=All"
    assert json.loads(body) == {"metadata": {"name": "a"}}


def test_every_served_version_is_told(server, client):
    server.answer(body={"groups": [{"versions": [{"groupVersion": "apps/v1"}, {"groupVersion": "apps/v2"}]}]})
    assert client.api_versions() == ("v1", "apps/v1", "apps/v2")


def test_headers_that_are_sent_along_may_repeat_and_stay_with_their_own(server, client):
    server.answer(200, {})
    server.answer(200, {})
    client.sending([("Impersonate-Group", "a,b"), ("Impersonate-Group", "c")]).request("GET", "/x")
    client.request("GET", "/x")
    assert [headers.get_all("Impersonate-Group") for _, _, headers, _ in server.requests] == [["a,b", "c"], None]


def test_a_watch_gives_its_events_until_the_server_ends_it(server, client):
    server.answer(200, b'{"type":"ADDED","object":{"a":1}}\n{"type":"MODIFIED","object":{"a":2}}\n')
    events = list(client.watch("/api/v1/configmaps", {"resourceVersion": "7"}, 9))
    assert [event["object"]["a"] for event in events] == [1, 2]
    assert server.paths() == ["GET /api/v1/configmaps?resourceVersion=7&watch=true&timeoutSeconds=9"]


def test_a_watch_that_is_refused_or_broken_says_so(server, client):
    server.answer(403, {"message": "no", "reason": "Forbidden"})
    with pytest.raises(ApiError):
        list(client.watch("/api/v1/configmaps", {}, 9))
    server.answer(200, b"<html>\n")
    with pytest.raises(Unavailable):
        list(client.watch("/api/v1/configmaps", {}, 9))
