"""No secret comes out by any way there is to read: every address, every form of answer, every caller, and the log."""

from __future__ import annotations

import base64
import io
import logging
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
import structlog
from flask import Flask

from api import events
from extension.objects.kinds import Secret
from extension.store.documents import LAST_APPLIED
from tests.api.conftest import Session

CANARY = "canary-83b1-never-shown"
ENCODED = base64.b64encode(CANARY.encode()).decode()
PLACE = {"name": "s", "namespace": "team-a", "annotations": {LAST_APPLIED: f'{{"data":{{"k":"{CANARY}"}}}}', "note": "seen"}}
SECRETS = "/v1/secrets"
QUERIES = ("", "?limit=1", "?sort=-metadata.name", "?filter=metadata.name~s", "?exclude=metadata.labels", "?page=1&pagesize=2")
ENOUGH = 3
"""Objects of a kind that are read."""
REFUSED = (f"?filter=data.k={ENCODED}", f"?sort=metadata.annotations[{LAST_APPLIED}]", "?filter=metadata.annotations", "?limit=x", "?no=1")


@pytest.fixture
def made(admin: Session, filled: None) -> Any:
    return admin.post(SECRETS, json={"metadata": PLACE, "data": {"k": ENCODED}, "stringData": {"again": CANARY}})


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], str]]:
    """All that is logged from now on."""
    caplog.set_level(logging.DEBUG)
    file = io.StringIO()
    structlog.configure(processors=[structlog.processors.JSONRenderer()], logger_factory=structlog.PrintLoggerFactory(file))
    yield lambda: file.getvalue() + caplog.text
    structlog.reset_defaults()


def addresses(app: Flask, admin: Session) -> Iterator[tuple[str, str]]:
    """Every rule that can be read, with each address of an object it stands for."""
    tokens = [token["id"] for token in admin.get("/v1/tokens").json["data"]]
    schemas = [schema["id"] for schema in admin.get("/v1/schemas").json["data"]]
    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or rule.rule.startswith("/agent/"):  # no user's token is good there (test_agents.py)
            continue
        if rule.endpoint.startswith("ui."):  # files of the program, without data (test_ui.py)
            continue
        collection = re.split("/<", rule.rule, maxsplit=1)[0]
        known = {"/v1/tokens": tokens, "/v1/schemas": schemas}.get(collection)
        listed = known or ([item["id"] for item in admin.get(collection).json["data"]] if "<" in rule.rule else [""])
        for object_id in listed[:ENOUGH]:
            namespace, _, name = object_id.rpartition("/")
            values = {"namespace": namespace, "name": name, "token_id": object_id, "schema_id": object_id}
            yield rule.rule, re.sub(r"<(\w+)>", lambda found, values=values: values[found[1]], rule.rule)


def answers(session: Session, path: str, queries: Iterable[str]) -> Iterator[Any]:
    if path == "/v1/events":
        with session.get(f"{path}?since=1", buffered=False) as response:
            yield response, "".join(block.decode() for block in until_quiet(response))
        return
    for query in queries:
        response = session.get(path + query)
        yield response, response.text
    for headers in ({"Accept": "application/yaml"}, {"If-None-Match": '"1"'}):
        response = session.get(path, headers=headers)
        yield response, response.text


def until_quiet(response: Any) -> Iterator[bytes]:
    for block in response.iter_encoded():
        yield block
        if b"heartbeat" in block:
            return


ON_RANCHER = "/v1/management.cattle.io.fleetworkspaces/<name>/members"
"""Elsewhere nobody is a member."""


@pytest.mark.usefixtures("made")
def test_no_address_that_can_be_read_tells_a_secret(
    app: Flask, admin: Session, login: Callable[..., Session], log: Callable[[], str]
) -> None:
    app.config[events.HEARTBEAT] = 0.01
    admin.post("/v1/operations", json={"kind": "forceUpdate", "type": "fleet.cattle.io.gitrepos", "ids": ["team-a/none"]})
    callers = [admin, login(all="read-only"), login(team_a="member")]
    hidden = [CANARY, ENCODED, *(caller.token.partition(":")[2] for caller in callers)]
    seen: dict[str, bool] = {}
    for rule, path in list(addresses(app, admin)):
        for caller in callers:
            for response, text in answers(caller, path, (*QUERIES, *REFUSED) if caller is admin else QUERIES[:1]):
                seen[rule] = seen.get(rule, False) or response.status_code == 200
                assert not any(secret in text + str(response.headers) for secret in hidden), (path, text)
    assert len(seen) > 30
    assert [rule for rule, answered in seen.items() if not answered] == [ON_RANCHER]
    assert not any(secret in log() for secret in hidden)


def test_kubectls_copy_of_the_values_is_kept_and_never_shown(admin: Session, made: Any, store: Any) -> None:
    body = admin.get(f"{SECRETS}/team-a/s").json
    assert (made.json["metadata"]["annotations"], body["metadata"]["annotations"]) == ({"note": "seen"}, {"note": "seen"})
    body["metadata"]["annotations"] = {"note": "changed"}
    assert admin.put(f"{SECRETS}/team-a/s", json=body).json["metadata"]["annotations"] == {"note": "changed"}
    admin.patch(f"{SECRETS}/team-a/s", json={"metadata": {"annotations": None}})
    kept = store.get(Secret, "team-a", "s").metadata.annotations
    assert kept == {LAST_APPLIED: PLACE["annotations"][LAST_APPLIED]}


def test_a_whole_token_in_a_url_is_not_in_the_audit(admin: Session, log: Callable[[], str]) -> None:
    assert admin.delete(f"/v1/tokens/{admin.token}").status_code == 404
    token_id, _, secret = admin.token.partition(":")
    assert f'"path": "/v1/tokens/{token_id}"' in log()
    assert secret not in log()
