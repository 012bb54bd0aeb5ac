"""What every answer has, and the places for probes, Prometheus and readers of documentation."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from structlog.testing import capture_logs

from api.app import MAX_BODY, create_app
from api.docs import METHODS
from api.metrics import Objects
from api.services import Services
from extension.objects.errors import Unavailable
from tests.api.conftest import GITREPOS, Session, gitrepo

AFAR = {"REMOTE_ADDR": "192.0.2.7"}


@pytest.mark.parametrize("path", ["/healthz", "/docs", "/openapi.json", "/metrics", "/v1", "/nothing"])
def test_every_answer_is_safe_to_open_in_a_browser(app: Flask, path: str) -> None:
    headers = app.test_client().get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"


def test_a_body_that_is_too_large_is_refused_in_words(admin: Session) -> None:
    response = admin.post(GITREPOS, data=b" " * (MAX_BODY + 1), content_type="application/json")
    assert (response.status_code, response.json["code"]) == (413, "MaxLengthExceeded")
    assert str(MAX_BODY) in response.json["message"]


@pytest.mark.parametrize(
    ("data", "content_type", "status"),
    [
        pytest.param("{", "application/json", 422, id="half of a JSON object"),
        pytest.param("[]", "application/json", 422, id="a list"),
        pytest.param("", "application/json", 422, id="nothing"),
        pytest.param('{"a": NaN}', "application/json", 422, id="not a number"),
        pytest.param('{"a": ' + "[" * 900 + "]" * 900 + "}", "application/json", 422, id="deep JSON"),
        pytest.param("a: [1", "application/yaml", 422, id="half of a YAML list"),
        pytest.param("a: &a [*a]", "application/yaml", 422, id="YAML in itself"),
        pytest.param('a: "\\ud800"', "application/yaml", 422, id="half of a character"),
        pytest.param("- a", "text/yaml", 422, id="a YAML list"),
        pytest.param("<x/>", "application/xml", 415, id="XML"),
    ],
)
def test_a_body_that_can_not_be_read_is_refused(admin: Session, data: str, content_type: str, status: int) -> None:
    response = admin.post(GITREPOS, data=data, content_type=content_type)
    assert (response.status_code, response.json["type"]) == (status, "error")


def test_wrong_methods_and_places_have_error_bodies_too(admin: Session) -> None:
    wrong = admin.call("PUT", GITREPOS, json={})
    assert (wrong.status_code, wrong.json["code"], "GET" in wrong.headers["Allow"]) == (405, "MethodNotAllowed", True)
    assert admin.get("/v1/pods").json["code"] == "NotFound"


def test_an_unexpected_failure_tells_its_id_and_nothing_else(admin: Session, store: Any) -> None:
    def broken(*_args: Any) -> Any:
        raise RuntimeError("hunter2")

    store.list = broken
    with capture_logs() as logs:
        response = admin.get(GITREPOS, headers={"X-Request-ID": "my-id"})
    assert (response.status_code, response.json["detail"]) == (500, "my-id")
    assert "hunter2" not in response.text
    assert any(line["event"] == "request failed" and line["request"] == "my-id" for line in logs)


def test_a_store_that_can_not_work_now_is_a_503(admin: Session, store: Any) -> None:
    def full(*_args: Any, **_kwargs: Any) -> Any:
        raise Unavailable("the disk is full", hint="free some space")

    store.create = full
    response = admin.post(GITREPOS, json=gitrepo())
    assert (response.status_code, response.json["detail"], response.headers["Retry-After"]) == (503, "free some space", "5")


def test_every_attempt_to_write_leaves_one_line_for_the_audit(admin: Session, login: Callable[..., Session], app: Flask) -> None:
    with capture_logs() as logs:
        admin.post(f"{GITREPOS}?dryRun=All", json=gitrepo(), headers={"X-Request-ID": "bad id\t"})
        login(team_a="read-only").post(GITREPOS, json=gitrepo())
        admin.get(GITREPOS)
        admin.post(f"{GITREPOS}?action=forceUpdate&labelSelector=secret%3Dhunter2")
        app.test_client().delete(f"{GITREPOS}/team-a/web")
    lines = [line for line in logs if line["event"] == "audit"]
    told = [(line["method"], line["status"], line["dry_run"], line["action"], line["caller"]) for line in lines]
    assert told == [
        ("POST", 201, True, "", "someone"),
        ("POST", 403, False, "", "someone"),
        ("POST", 200, False, "forceUpdate", "someone"),
        ("DELETE", 401, False, "", ""),
    ]
    assert "hunter2" not in str(lines)
    assert re.fullmatch("[0-9a-f]{32}", lines[0]["request"])


def test_the_root_and_the_schemas_name_every_type(admin: Session) -> None:
    links = admin.get("/v1").json["data"][0]["links"]
    schemas = {schema["pluralName"]: schema for schema in admin.get("/v1/schemas").json["data"]}
    assert set(links) - set(schemas) == {"self", "schemas", "events", "counts", "errorgroups", "operations", "tokens"}
    for plural, schema in schemas.items():
        assert admin.get(links[plural]).status_code == 200
        assert admin.get(schema["links"]["self"]).json == schema
    assert schemas["fleet.cattle.io.gitrepos"]["attributes"]["kind"] == "GitRepo"
    assert admin.get("/v1/schemas/pod").status_code == 404


def test_readiness_names_what_is_missing(services: Services) -> None:
    ready = create_app(services).test_client().get("/readyz")
    assert (ready.status_code, ready.json) == (200, {"status": "ok", "problems": {}})
    waiting = dataclasses.replace(services, ready=lambda: {"engine": "the index is being built"})
    response = create_app(waiting).test_client().get("/readyz")
    assert (response.status_code, response.json["problems"]) == (503, {"engine": "the index is being built"})
    assert create_app(waiting).test_client().get("/healthz").status_code == 200


@pytest.mark.usefixtures("deployed")
def test_metrics_are_fleets_and_follow_the_objects(admin: Session, app: Flask) -> None:
    text = app.test_client().get("/metrics").text
    labels = 'branch="",name="web",namespace="team-a",paths="",repo="https://git.example.org/web.git"'
    assert f"fleet_gitrepo_ready_clusters{{{labels}}} 1.0" in text
    assert f"fleet_gitrepo_desired_ready_clusters{{{labels}}} 3.0" in text
    assert f"fleet_gitrepo_resources_desired_ready{{{labels}}} 6.0" in text
    for line in (
        r'fleet_bundle_modified\{[^}]*name="web",namespace="team-a"[^}]*\} 1\.0',
        r'fleet_bundle_state\{[^}]*name="web",namespace="team-a"[^}]*state="Modified"\} 1\.0',
        r'fleet_bundle_state\{[^}]*name="web",namespace="team-a"[^}]*state="Ready"\} 0\.0',
        r'fleet_cluster_resources_count_desiredready\{[^}]*name="c1"[^}]*\} 2\.0',
        r'fleet_cluster_state\{[^}]*name="c4"[^}]*state="WaitCheckIn"\} 1\.0',
        r'rancher_cd_http_requests_total\{method="POST",route="/v1/fleet.cattle.io.gitrepos",status="201"\} 2\.0',
    ):
        assert re.search(line, text), line
    admin.delete(f"{GITREPOS}/team-a/web")
    assert f"fleet_gitrepo_ready_clusters{{{labels}}}" not in app.test_client().get("/metrics").text


def test_metrics_of_too_many_objects_are_left_out_and_said_so(admin: Session, store: Any) -> None:
    admin.post(GITREPOS, json=gitrepo())
    families = {family.name: family for family in Objects(store, most=0).collect()}
    assert set(families) == {"rancher_cd_metrics_omitted_objects"}
    counts = {sample.labels["kind"]: sample.value for sample in families["rancher_cd_metrics_omitted_objects"].samples}
    assert counts == {"GitRepo": 1, "HelmOp": 0, "Bundle": 0, "Cluster": 1, "ClusterGroup": 0}


def test_metrics_are_open_to_this_machine_only(app: Flask, login: Callable[..., Session]) -> None:
    client = app.test_client()
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", environ_overrides=AFAR).status_code == 401
    assert client.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 401
    assert login(team_a="admin").get("/metrics", environ_overrides=AFAR).status_code == 403
    assert login(all="read-only").get("/metrics", environ_overrides=AFAR).status_code == 200


def test_the_documentation_is_one_page_that_loads_nothing(app: Flask) -> None:
    client = app.test_client()
    page, document = client.get("/docs").text, client.get("/openapi.json").json
    assert document["openapi"] == "3.1.0"
    assert document["info"]["version"] == "1.2.3"
    for path in document["paths"]:
        assert path.replace("<", "&lt;") in page
    assert not re.search(r"<script|<link|src=|url\(|@import", page)


def test_every_route_is_documented(app: Flask) -> None:
    documented = {re.sub(r"\{(\w+)\}", r"<\1>", path) for path in app.test_client().get("/openapi.json").json["paths"]}
    rules = {rule.rule.replace("<int:", "<") for rule in app.url_map.iter_rules() if not rule.endpoint.startswith("ui.")}
    assert rules - documented == {"/openapi.json", "/docs"}, "the pages are for people"


def test_every_operation_has_a_name_of_its_own(app: Flask) -> None:
    paths = app.test_client().get("/openapi.json").json["paths"]
    names = [item[method]["operationId"] for item in paths.values() for method in METHODS if method in item]
    assert len(names) == len(set(names)) > 60
