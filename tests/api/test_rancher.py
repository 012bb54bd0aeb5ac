"""The API inside Rancher: who is let in, what Kubernetes' judgement shows, where it is mounted, and how it says no."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.app import create_app
from api.events import HEARTBEAT
from api.services import Services
from extension.objects.base import ObjectMeta
from extension.objects.kinds import FleetWorkspace
from extension.rancher.doors import Doors
from extension.rancher.environ import CONFIG, HEADERS, PROVED
from extension.rancher.group import GROUP, MOUNT, ROOT
from extension.rancher.requestheader import configured
from extension.rancher.reviewing import Reviews
from tests.api.conftest import GITREPOS, Session, gitrepo
from tests.api.rancher import TOKEN, World
from tests.unit.rancher.test_requestheader import DATA, PROXY


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def app(services: Services, world: World) -> Flask:
    return create_app(dataclasses.replace(services, rancher=Doors(Reviews(world.review), world.resolve)))


@pytest.fixture
def user(app: Flask) -> Session:
    return Session(app.test_client(), TOKEN)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def stored(services: Services) -> None:
    outside = create_app(services)
    admin = Session(outside.test_client(), services.tokens.create("admin", {"*": "admin"}))
    for workspace in ("team-a", "team-b"):
        assert admin.post(GITREPOS, json=gitrepo("web", workspace)).status_code == 201


def test_this_service_s_own_tokens_open_nothing(services: Services, client: FlaskClient) -> None:
    token = services.tokens.create("admin", {"*": "admin"})
    assert client.get(GITREPOS, headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert client.get(GITREPOS).status_code == 401


def test_nobody_hands_out_this_service_s_own_tokens(user: Session, world: World) -> None:
    world.rules.append(("*",) * 5)
    refused = user.post("/v1/tokens", json={"name": "x", "roles": {"*": "admin"}})
    assert refused.status_code == 403 and "create an API key there" in refused.json["detail"]
    assert user.get("/v1/tokens").json["data"] == []


@pytest.mark.usefixtures("stored")
def test_a_list_holds_what_may_be_listed_there(user: Session, world: World) -> None:
    assert user.get(GITREPOS).json["data"] == []
    assert user.get(f"{GITREPOS}/team-a").json["data"] == []


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(("namespace", "expected"), [("team-a", ["team-a/web"]), ("", ["team-a/web", "team-b/web"])])
def test_a_right_in_a_workspace_or_everywhere(user: Session, world: World, namespace: str, expected: list[str]) -> None:
    world.allow("list", namespace=namespace)
    assert [item["id"] for item in user.get(GITREPOS).json["data"]] == expected
    first = world.asked[0]
    assert (first["verb"], first["resource"], "namespace" in first) == ("list", "gitrepos", False), "everywhere comes first"
    assert sum("namespace" in what and what["verb"] == "list" for what in world.asked) == (4 if namespace else 0)


@pytest.mark.usefixtures("stored")
def test_a_right_on_one_object_by_its_name(user: Session, world: World) -> None:
    world.allow("get", "patch", name="web")
    found = user.get(f"{GITREPOS}/team-a/web")
    assert sorted(found.json["links"]) == ["events", "patch", "resources", "self"]
    assert user.patch(f"{GITREPOS}/team-a/web", json={"metadata": {"labels": {"a": "b"}}}).status_code == 200
    refused = user.put(f"{GITREPOS}/team-a/web", json=gitrepo(), headers={"If-Match": "*"})
    assert refused.status_code == 403
    assert refused.json["detail"] == "it needs the verb update on gitrepos.fleet.cattle.io in namespace team-a; see your roles in Rancher"


@pytest.mark.usefixtures("stored")
def test_a_list_asks_not_for_each_row(user: Session, world: World) -> None:
    world.allow("list", namespace="")
    user.get(GITREPOS)
    assert not [what for what in world.asked if what.get("name")]


@pytest.mark.usefixtures("deployed_stored")
def test_a_deployment_is_judged_as_its_bundle(user: Session, world: World) -> None:
    world.allow("get", "list", resource="bundles")
    assert {item["metadata"]["name"] for item in user.get("/v1/fleet.cattle.io.bundledeployments").json["data"]} == {"web"}
    assert "bundledeployments" not in {what.get("resource") for what in world.asked}


@pytest.fixture
def deployed_stored(services: Services) -> None:
    from tests.api import conftest

    outside = create_app(services)
    admin = Session(outside.test_client(), services.tokens.create("admin", {"*": "admin"}))
    conftest.deployed.__wrapped__(admin, services.store)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("rule", "status"), [(("/metrics",), 200), (("*",) * 5, 403)])
def test_metrics_are_for_who_may_read_the_path(user: Session, world: World, rule: tuple[str, ...], status: int) -> None:
    world.rules.append(rule)
    assert user.get("/metrics", headers={"X-Forwarded-For": "192.0.2.1"}).status_code == status


@pytest.mark.parametrize(
    ("away", "status", "said"), [("rancher", 503, "Rancher can't tell who is calling"), ("kubernetes", 503, "the cluster can't be reached")]
)
def test_an_outage_is_told_as_one_and_is_no_yes(user: Session, world: World, away: str, status: int, said: str) -> None:
    world.rules.append(("*",) * 5)
    world.away = away
    answer = user.get(GITREPOS)
    assert (answer.status_code, answer.json["code"], answer.headers["Retry-After"]) == (status, "ClusterUnavailable", "5")
    assert said in answer.json["message"] and "canary" not in answer.text


def test_a_session_writes_only_with_its_csrf_token(client: FlaskClient, world: World) -> None:
    world.rules.append(("*",) * 5)
    client.set_cookie("R_SESS", TOKEN)
    client.set_cookie("CSRF", "abc")
    refused = client.post(GITREPOS, json=gitrepo())
    assert (refused.status_code, refused.json["code"]) == (422, "InvalidCSRFToken")
    assert client.post(GITREPOS, json=gitrepo(), headers={"X-API-CSRF": "abc"}).status_code == 201
    assert client.get(GITREPOS).status_code == 200


def test_no_credential_is_left_after_the_caller_is_known(app: Flask, world: World) -> None:
    seen: dict[str, Any] = {}

    @app.after_request
    def look(response: Any) -> Any:
        from flask import request

        seen.update(request.environ)
        return response

    client = app.test_client()
    client.set_cookie("R_SESS", TOKEN)
    client.get(GITREPOS, headers={"X-Other": "kept"})
    assert "canary" not in repr({key: value for key, value in seen.items() if key.startswith("HTTP_")})
    assert seen["HTTP_X_OTHER"] == "kept"


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/apis", "APIGroupList"), (f"/apis/{GROUP}", "APIGroup"), (ROOT, "APIResourceList"), (f"{ROOT}/", "APIResourceList")],
)
def test_discovery_asks_nobody_who_is_calling(client: FlaskClient, world: World, path: str, kind: str) -> None:
    world.away = "kubernetes"
    answer = client.get(path)
    assert (answer.status_code, answer.json["kind"]) == (200, kind)
    assert world.asked == []


def test_the_openapi_documents_lead_to_each_other(client: FlaskClient) -> None:
    assert client.get("/openapi/v2").json["swagger"] == "2.0"
    index = client.get("/openapi/v3").json["paths"]
    (place,) = index.values()
    document = client.get(place["serverRelativeURL"]).json
    assert list(index) == [ROOT.removeprefix("/")] and list(document["paths"]) == [f"{ROOT}/"]


@pytest.mark.parametrize("path", [f"{MOUNT}{GITREPOS}", f"{MOUNT}/v1"])
def test_who_is_not_known_gets_a_status_below_apis(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 401
    assert (answer.json["kind"], answer.json["code"], answer.json["reason"]) == ("Status", 401, "Unauthorized")


@pytest.mark.parametrize("path", ["/metrics", "/agent/v1/checkin", "/v2", "/healthz", ""])
def test_only_v1_is_mounted(client: FlaskClient, path: str) -> None:
    answer = client.get(f"{MOUNT}{path}")
    assert (answer.status_code, answer.json["reason"]) == (404, "NotFound")


def test_below_the_mount_all_other_errors_are_those_of_v1(user: Session, world: World) -> None:
    assert user.get(f"{MOUNT}{GITREPOS}/team-a/web").json["type"] == "error"


PROXY_PATH = "/api/v1/namespaces/cattle/services/http:cd:80/proxy"


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("path", "headers", "base"),
    [
        pytest.param("", {}, "http://localhost", id="direct"),
        pytest.param("", {"X-Forwarded-Host": "cd.example.org", "X-Forwarded-Proto": "https"}, "https://cd.example.org", id="an ingress"),
        pytest.param("", {"X-Forwarded-Host": "a.example.org, b", "X-Forwarded-Port": "8443"}, "http://a.example.org:8443", id="a port"),
        pytest.param("", {"X-Forwarded-Host": "a.example.org", "X-Forwarded-Prefix": "/cd/"}, "http://a.example.org/cd", id="a prefix"),
        pytest.param(MOUNT, {}, MOUNT, id="the API server"),
        pytest.param(
            MOUNT,
            {"X-Forwarded-Uri": f"{MOUNT}{GITREPOS}", "X-Forwarded-Host": "192.0.2.1:8443", "X-Forwarded-Proto": "https"},
            MOUNT,
            id="the API server, which says the path and this service's own host",
        ),
        pytest.param(
            MOUNT,
            {"X-API-URL-Prefix": "/k8s/clusters/c-x", "X-Forwarded-Host": "rancher.example.org", "X-Forwarded-Proto": "https"},
            f"https://rancher.example.org/k8s/clusters/c-x{MOUNT}",
            id="Rancher",
        ),
        pytest.param("", {"X-Forwarded-Uri": f"{PROXY_PATH}{GITREPOS}"}, PROXY_PATH, id="the service proxy"),
        pytest.param("", {"X-Forwarded-Uri": "/elsewhere"}, "http://localhost", id="another path"),
        pytest.param("", {"X-Forwarded-Host": 'x"onload=', "X-Forwarded-Proto": "javascript"}, "http://localhost", id="no host at all"),
        pytest.param("", {"X-API-URL-Prefix": "//evil.example.org"}, "http://localhost", id="no path"),
    ],
)
def test_links_honour_the_way_by_which_the_request_came(user: Session, world: World, path: str, headers: dict[str, str], base: str) -> None:
    world.allow("list", namespace="")
    body = user.get(f"{path}{GITREPOS}", headers=headers, query_string={"limit": "1"}).json
    assert body["links"]["self"] == f"{base}{GITREPOS}"
    assert body["data"][0]["links"]["self"] == f"{base}{GITREPOS}/team-a/web"
    assert body["pagination"]["next"].startswith(f"{base}{GITREPOS}?limit=1&continue=")


def test_without_rancher_no_header_moves_a_link_and_nothing_is_mounted(services: Services) -> None:
    outside = create_app(services)
    admin = Session(outside.test_client(), services.tokens.create("admin", {"*": "admin"}))
    headers = {"X-Forwarded-Host": "evil.example.org", "X-API-URL-Prefix": "/x", "X-Forwarded-Uri": f"/x{GITREPOS}"}
    assert admin.get(GITREPOS, headers=headers).json["links"]["self"] == f"http://localhost{GITREPOS}"
    assert admin.get(f"{MOUNT}{GITREPOS}").status_code == 404
    assert admin.get("/apis").status_code == 404


def test_the_audit_line_names_the_user_and_the_id_of_the_token(user: Session, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.rules.append(("*",) * 5)
    user.post(GITREPOS, json=gitrepo())
    line = next(line for line in capsys.readouterr().out.splitlines() if "audit" in line)
    assert "u-abc" in line and "token-x" in line and "canary" not in line


def test_a_stream_ends_when_its_caller_is_not_known_any_more(app: Flask, user: Session, world: World) -> None:
    app.config[HEARTBEAT] = 0.01
    world.rules.append(("*",) * 5)
    stream = user.get("/v1/events", buffered=False)
    world.known.clear()
    assert b"heartbeat" not in b"".join(stream.response)
    stream.close()


def test_a_stream_ends_with_its_caller_also_while_much_changes(app: Flask, services: Services, user: Session, world: World) -> None:
    app.config[HEARTBEAT] = 0.0
    world.rules.append(("*",) * 5)
    events = iter(user.get("/v1/events?since=0", buffered=False).response)
    while b"resource.create" not in next(events):
        pass
    world.known.clear()
    services.store.create(FleetWorkspace(metadata=ObjectMeta(name="later")))
    assert b"later" not in b"".join(events)


@pytest.mark.usefixtures("stored")
def test_a_stream_that_kubernetes_opened_names_the_user_of_its_headers(app: Flask, world: World) -> None:
    world.allow("list")
    proved = {
        HEADERS: (("X-REMOTE-USER", "u-abc"),),
        PROVED: PROXY,
        CONFIG: configured(DATA),
    }
    answer = app.test_client().get(f"{MOUNT}{GITREPOS}", environ_overrides=proved)
    assert [item["id"] for item in answer.json["data"]] == ["team-a/web"]


def test_where_there_is_no_rancher_server_nothing_is_repaired(services: Services, user: Session) -> None:
    outside = create_app(services)
    admin = Session(outside.test_client(), services.tokens.create("admin", {"*": "admin"}))
    for session in (admin, user):
        refused = session.post("/v1/repair")
        assert refused.status_code == 404 and "belongs to no Rancher server" in refused.json["message"]
