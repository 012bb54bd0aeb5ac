"""Secrets are written and never read: a canary value must not come back by any way there is."""

from __future__ import annotations

import base64
import io
import json
import logging
from typing import Any

import pytest
import structlog

from extension.objects.kinds import Secret
from tests.api.conftest import Session

URL = "/v1/secrets"
CANARY = "canary-5e1f-never-shown"
ENCODED = base64.b64encode(CANARY.encode()).decode()


@pytest.fixture
def made(admin: Session) -> Any:
    body = {
        "metadata": {"name": "s", "namespace": "team-a"},
        "_type": "kubernetes.io/basic-auth",
        "data": {"password": ENCODED, "username": "bWU="},
    }
    return admin.post(URL, json=body)


def stored(store: Any) -> dict[str, bytes]:
    data: dict[str, bytes] = store.get(Secret, "team-a", "s").data
    return data


def test_a_secret_shows_its_type_and_keys(admin: Session, made: Any, store: Any) -> None:
    assert made.status_code == 201
    body = admin.get(f"{URL}/team-a/s").json
    assert (body["type"], body["_type"], body["data"]) == ("secret", "kubernetes.io/basic-auth", {"password": None, "username": None})
    assert body["metadata"]["labels"] == {"fleet.cattle.io/managed": "true", "resources.cattle.io/backup": "true"}
    assert stored(store)["password"] == CANARY.encode()


def test_what_was_read_can_be_written_back_without_losing_a_value(admin: Session, made: Any, store: Any) -> None:
    body = admin.get(f"{URL}/team-a/s").json
    body["metadata"]["labels"]["a"] = "b"
    body["data"]["username"] = base64.b64encode(b"you").decode()
    assert admin.put(f"{URL}/team-a/s", json=body).status_code == 200
    assert stored(store) == {"password": CANARY.encode(), "username": b"you"}
    del body["data"]
    assert admin.put(f"{URL}/team-a/s", json=body, headers={"If-Match": "*"}).status_code == 200
    assert stored(store) == {"password": CANARY.encode(), "username": b"you"}


def test_a_key_that_is_left_out_is_removed(admin: Session, made: Any, store: Any) -> None:
    body = admin.get(f"{URL}/team-a/s").json
    del body["data"]["password"]
    admin.put(f"{URL}/team-a/s", json=body)
    assert stored(store) == {"username": b"me"}


def test_texts_are_taken_as_they_are(admin: Session, made: Any, store: Any) -> None:
    admin.patch(f"{URL}/team-a/s", json={"stringData": {"token": "plain"}, "data": {"username": None}})
    assert stored(store) == {"password": CANARY.encode(), "token": b"plain"}


@pytest.mark.parametrize(
    ("operation", "status"),
    [
        pytest.param({"op": "test", "path": "/data/password", "value": ENCODED}, 422, id="a guess can't be tested"),
        pytest.param({"op": "copy", "from": "/data/password", "path": "/metadata/annotations"}, 200, id="a copy copies nothing"),
        pytest.param({"op": "move", "from": "/data/password", "path": "/data/other"}, 422, id="a value can't be renamed"),
    ],
)
def test_a_json_patch_is_no_way_to_a_value(admin: Session, made: Any, operation: dict[str, Any], status: int) -> None:
    response = admin.patch(f"{URL}/team-a/s", json=[operation], headers={"Content-Type": "application/json-patch+json"})
    assert response.status_code == status
    assert ENCODED not in response.text


@pytest.mark.parametrize(
    ("body", "field"),
    [
        pytest.param({"data": {"new": None}}, "data.new", id="null where nothing is stored"),
        pytest.param({"data": {"k": "not base64!"}}, "data.k", id="a value that is no base64"),
        pytest.param({"data": {"a/b": "dg=="}}, "data", id="a key that is a path"),
        pytest.param({"stringData": {"k": 1}}, "stringData", id="a number for a text"),
        pytest.param({"data": {"k": base64.b64encode(b"x" * 1_100_000).decode()}}, "data", id="more than Kubernetes takes"),
    ],
)
def test_a_bad_value_is_refused_by_key(admin: Session, body: dict[str, Any], field: str) -> None:
    response = admin.post(URL, json={"metadata": {"name": "n", "namespace": "team-a"}, **body})
    assert (response.status_code, response.json["fieldName"]) == (422, field)
    assert "not base64!" not in response.text


def test_an_immutable_secret_stays(admin: Session, made: Any, store: Any) -> None:
    admin.patch(f"{URL}/team-a/s", json={"immutable": True})
    assert admin.patch(f"{URL}/team-a/s", json={"data": {"password": "eA=="}}).status_code == 422
    assert admin.patch(f"{URL}/team-a/s", json={"metadata": {"labels": {"a": "b"}}}).status_code == 200
    assert stored(store)["password"] == CANARY.encode()


def test_the_canary_is_in_no_answer_and_no_log(admin: Session, store: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    log = io.StringIO()
    structlog.configure(processors=[structlog.processors.JSONRenderer()], logger_factory=structlog.PrintLoggerFactory(log))
    try:
        answers = list(everything(admin))
    finally:
        structlog.reset_defaults()
    told = "\n".join(answers) + log.getvalue() + caplog.text
    assert store.get(Secret, "team-a", "s").data["password"] == CANARY.encode()
    assert '"event": "audit"' in log.getvalue()
    assert CANARY not in told
    assert ENCODED not in told


def everything(admin: Session) -> Any:
    """The texts of every kind of answer about a secret that holds the canary, refusals included."""
    body = {"metadata": {"name": "s", "namespace": "team-a"}, "data": {"password": ENCODED}, "stringData": {"again": CANARY}}
    one = f"{URL}/team-a/s"
    yield admin.post(f"{URL}?dryRun=All", json=body).text
    yield admin.post(URL, json=body).text
    yield admin.post(URL, json=body).text
    yield admin.post(URL, json=body | {"metadata": {"name": "BAD", "namespace": "team-a"}}).text
    yield admin.post(URL, json=body | {"data": {"password": CANARY}}).text
    yield admin.post(URL, json=body | {"data": {"password": [ENCODED]}}).text
    yield admin.post(URL, json=body | {"unknown": {"password": ENCODED}}).text
    yield admin.post(URL, data=json.dumps(body)[:-3]).text
    yield admin.post(URL, data=f"data: {{password: {ENCODED}", content_type="application/yaml").text
    yield admin.put(one, json=body).text
    yield admin.put(one, json=body, headers={"If-Match": '"0"'}).text
    yield admin.put(one, json=body, headers={"If-Match": "*"}).text
    yield admin.patch(one, json={"data": {"password": ENCODED}, "bad": CANARY}).text
    for query in ("", "?sort=metadata.name", "?filter=metadata.name~s", "?exclude=metadata"):
        yield admin.get(f"{URL}{query}").text
        yield admin.get(f"{URL}/team-a{query}").text
    yield admin.get(one).text
    yield admin.get(one, headers={"Accept": "application/yaml"}).text
    yield admin.get("/metrics").text
    yield str(admin.get(one).headers)


@pytest.mark.parametrize("query", [f"filter=data.password={ENCODED}", "sort=data.password"], ids=["filter", "sort"])
def test_a_list_is_no_way_to_a_value(admin: Session, made: Any, query: str) -> None:
    assert admin.get(f"{URL}?{query}").status_code == 422
