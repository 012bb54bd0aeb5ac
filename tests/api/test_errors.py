"""Every failure has the one documented body, and a store that can't be used is said to be so and nothing else."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event
from sqlalchemy.pool import Pool
from structlog.testing import capture_logs

from api.services import Services
from tests.api.conftest import CLUSTERS, GITREPOS, Session, gitrepo

WEB = f"{GITREPOS}/team-a/web"
FIELDS = {"type", "status", "code", "message", "fieldName", "detail"}
JSON_PATCH = {"Content-Type": "application/json-patch+json"}

Ask = Callable[[Session], Any]


def told(response: Any) -> dict[str, Any]:
    """The error body of an answer, which has what is documented and nothing else."""
    body: dict[str, Any] = response.json
    assert body.keys() <= FIELDS, body
    assert (body["type"], body["status"]) == ("error", response.status_code), body
    assert all(isinstance(body[name], str) and body[name] for name in body.keys() - {"status"}), body
    assert {"code", "message"} <= body.keys()
    return body


@pytest.mark.parametrize(
    ("ask", "status", "code", "field"),
    [
        pytest.param(lambda s: s.get(f"{GITREPOS}/team-a/no"), 404, "NotFound", None, id="an object that is not there"),
        pytest.param(lambda s: s.get("/v1/nothing"), 404, "NotFound", None, id="a place that is not there"),
        pytest.param(lambda s: s.get("/v1/schemas/no"), 404, "NotFound", None, id="a schema that is not there"),
        pytest.param(lambda s: s.delete("/v1/tokens/no"), 404, "NotFound", None, id="a token that is not there"),
        pytest.param(lambda s: s.call("PUT", GITREPOS, json={}), 405, "MethodNotAllowed", None, id="a method that is not there"),
        pytest.param(lambda s: s.post("/v1/tokens", data="<x/>", content_type="text/xml"), 415, "UnsupportedMediaType", None, id="XML"),
        pytest.param(lambda s: s.post(GITREPOS, data="{", content_type="application/json"), 422, "InvalidBodyContent", None, id="no JSON"),
        pytest.param(lambda s: s.post(GITREPOS, json=gitrepo()), 409, "AlreadyExists", "metadata.name", id="a taken name"),
        pytest.param(lambda s: s.post(GITREPOS, json=gitrepo("x", repo="")), 422, "MissingRequired", "spec.repo", id="an empty field"),
        pytest.param(lambda s: s.post(GITREPOS, json=gitrepo("x", no=1)), 422, "InvalidFormat", "spec.no", id="an unknown field"),
        pytest.param(lambda s: s.post(GITREPOS, json=gitrepo("x", "no")), 422, "InvalidReference", "metadata.namespace", id="a workspace"),
        pytest.param(lambda s: s.post(f"{WEB}?action=no"), 422, "InvalidOption", "action", id="an unknown action"),
        pytest.param(lambda s: s.post(f"{WEB}?action=pause", json={"a": 1}), 422, "InvalidBodyContent", None, id="a body too much"),
        pytest.param(lambda s: s.post(f"{GITREPOS}?action=pause"), 422, "InvalidOption", "labelSelector", id="everything"),
        pytest.param(lambda s: s.put(WEB, json=gitrepo()), 428, "PreconditionRequired", None, id="no version"),
        pytest.param(lambda s: s.delete(WEB, headers={"If-Match": '"1"'}), 412, "Conflict", None, id="an old ETag"),
        pytest.param(lambda s: s.patch(WEB, json=[{"op": "no"}], headers=JSON_PATCH), 422, "InvalidFormat", "[0]", id="no operation"),
        pytest.param(lambda s: s.patch(WEB, json={"kind": 1}), 422, "InvalidFormat", "kind", id="a number for a text"),
        pytest.param(lambda s: s.get(f"{GITREPOS}?limit=x"), 422, "InvalidOption", "limit", id="a parameter"),
        pytest.param(lambda s: s.get(f"{GITREPOS}?continue=x"), 422, "InvalidOption", "continue", id="a token of nobody"),
        pytest.param(lambda s: s.get(f"{WEB}/resources?limit=0"), 422, "InvalidOption", "limit", id="a parameter below an object"),
        pytest.param(lambda s: s.get("/v1/events?since=x"), 422, "InvalidOption", "since", id="a parameter of the stream"),
        pytest.param(lambda s: s.post("/v1/tokens", json={}), 422, "MissingRequired", "name", id="a token for nobody"),
        pytest.param(lambda s: s.post(WEB), 422, "MissingRequired", "action", id="no action"),
        pytest.param(
            lambda s: s.post("/v1/tokens", json={"no": 1, "name": "x", "roles": {"*": "admin"}}),
            422,
            "InvalidFormat",
            "no",
            id="a token's field",
        ),
        pytest.param(
            lambda s: s.post(f"{CLUSTERS}/fleet-local/local?action=move", json={}), 422, "MissingRequired", "workspace", id="a move"
        ),
    ],
)
def test_every_refusal_has_its_code_and_its_field(admin: Session, ask: Ask, status: int, code: str, field: str | None) -> None:
    admin.post(GITREPOS, json=gitrepo())
    body = told(ask(admin))
    assert (body["status"], body.get("fieldName")) == (status, field)
    assert body["code"] == code


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", GITREPOS, "GET, HEAD, OPTIONS, POST"),
        ("POST", "/v1/fleet.cattle.io.bundledeployments", "GET, HEAD, OPTIONS"),
        ("POST", "/v1/secrets/team-a/s", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"),
        ("DELETE", "/v1/schemas", "GET, HEAD, OPTIONS"),
        ("GET", "/webhook", "OPTIONS, POST"),
    ],
)
def test_a_method_that_is_not_there_is_refused_with_those_that_are(admin: Session, method: str, path: str, allowed: str) -> None:
    response = admin.call(method, path, json={})
    assert told(response)["message"] == f"{method} is not possible here; use {allowed}"
    assert ", ".join(sorted(response.headers["Allow"].split(", "))) == allowed


def test_callers_who_may_not_are_told_in_the_same_shape(app: Flask, login: Callable[..., Session]) -> None:
    assert told(app.test_client().get(GITREPOS))["code"] == "Unauthorized"
    refused = told(login(team_a="read-only").post(GITREPOS, json=gitrepo()))
    assert (refused["code"], refused["detail"]) == ("PermissionDenied", "it needs the role member in workspace team-a")


@pytest.fixture
def tight() -> Iterator[list[str]]:
    """Pragmas that every connection gets from now on when it is used."""
    pragmas: list[str] = []

    def apply(connection: Any, _record: Any, _proxy: Any) -> None:
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}").close()

    event.listen(Pool, "checkout", apply)
    yield pragmas
    event.remove(Pool, "checkout", apply)


def unusable(response: Any, services: Services) -> str:
    """The message of a 503, which says when to come back and not where the store lies."""
    body = told(response)
    assert (body["status"], body["code"], response.headers["Retry-After"]) == (503, "ClusterUnavailable", "5")
    assert "nothing was written" in body["detail"]
    assert str(services.settings.state_dir) not in response.text
    return str(body["message"])


def test_a_full_disk_is_a_503_and_reading_goes_on(admin: Session, services: Services, tight: list[str]) -> None:
    tight.append("max_page_count=1")
    large = gitrepo(paths=[f"path-{i}" for i in range(20_000)])
    with capture_logs() as logs:
        assert "full" in unusable(admin.post(GITREPOS, json=large), services)
    assert any(line["event"] == "unavailable" and line["where"].endswith("store.db") for line in logs)
    assert admin.get(GITREPOS).json["data"] == []
    tight.clear()
    tight.append("max_page_count=4294967294")
    assert admin.post(GITREPOS, json=large).status_code == 201


WRITES: dict[str, Ask] = {
    "create": lambda s: s.post(GITREPOS, json=gitrepo("other")),
    "put": lambda s: s.put(WEB, json=gitrepo(branch="x"), headers={"If-Match": "*"}),
    "patch": lambda s: s.patch(WEB, json={"spec": {"branch": "x"}}),
    "delete": lambda s: s.delete(WEB),
    "action": lambda s: s.post(f"{WEB}?action=pause"),
    "token": lambda s: s.post("/v1/tokens", json={"name": "x", "roles": {"*": "admin"}}),
    "revoke": lambda s: s.delete(f"/v1/tokens/{s.token.partition(':')[0]}"),
}


@pytest.mark.parametrize("ask", WRITES.values(), ids=WRITES)
def test_a_lock_that_is_not_let_go_is_a_503(admin: Session, services: Services, tight: list[str], ask: Ask) -> None:
    admin.post(GITREPOS, json=gitrepo())
    tight.append("busy_timeout=1")
    with closing(sqlite3.connect(services.settings.state_dir / "store.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        assert "locked" in unusable(ask(admin), services)
        assert admin.get(WEB).status_code == 200
    assert ask(admin).status_code < 300


READS = (GITREPOS, WEB, f"{WEB}/resources", "/v1/tokens", "/v1/schemas", "/v1/events", "/v1/fleet.cattle.io.bundledeployments", "/metrics")


@pytest.mark.parametrize("path", READS)
def test_a_store_that_can_not_be_read_is_a_503_before_anybody_is_known(admin: Session, services: Services, path: str) -> None:
    services.store.close()
    for name in ("store.db", "store.db-wal", "store.db-shm"):
        (services.settings.state_dir / name).unlink(missing_ok=True)
    (services.settings.state_dir / "store.db").write_bytes(b"not a database" * 1000)
    assert "not a database" in unusable(admin.get(path), services)


def test_readiness_says_that_the_store_can_not_be_read(app: Flask, services: Services) -> None:
    services.store.close()
    (services.settings.state_dir / "store.db").write_bytes(b"not a database" * 1000)
    response = app.test_client().get("/readyz")
    assert (response.status_code, response.json["status"]) == (503, "not ready")
    assert "not a database" in response.json["problems"]["store"]
    assert str(services.settings.state_dir) not in response.text
    assert app.test_client().get("/healthz").status_code == 200
