"""The event stream: what changed, for those who may see it, without a gap, and never more streams than threads allow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest
from flask import Flask
from structlog.testing import capture_logs

from api import events
from extension.objects.base import Key
from extension.objects.errors import Gone, Unavailable
from extension.store.protocol import Change
from tests.api.conftest import CLUSTERS, GITREPOS, Session, gitrepo

URL = "/v1/events"


@pytest.fixture(autouse=True)
def quick(app: Flask) -> None:
    app.config[events.HEARTBEAT] = 0.05


@contextmanager
def stream(session: Session, query: str = "", **kwargs: Any) -> Iterator[Iterator[str]]:
    """The blocks of an open stream; closing it is what a client that goes away does."""
    response = session.get(f"{URL}{query}", buffered=False, **kwargs)
    assert response.status_code == 200, response.json
    try:
        yield (chunk.decode() for chunk in response.iter_encoded())
    finally:
        response.close()


def until_quiet(blocks: Iterator[str]) -> list[tuple[str, str, str]]:
    """(event, object, id line) of the blocks before the next heartbeat."""
    found = []
    for block in blocks:
        if "heartbeat" in block:
            return found
        lines = dict(line.split(": ", 1) for line in block.strip().splitlines())
        if "data" in lines:
            found.append((lines["event"], orjson.loads(lines["data"]).get("id", ""), lines.get("id", "")))
    return found


def test_changes_are_told_as_they_happen(admin: Session) -> None:
    told = []
    with stream(admin, "?resourceType=fleet.cattle.io.gitrepo") as blocks:
        assert next(blocks) == "retry: 3000\n\n"
        for change in (
            lambda: admin.post(GITREPOS, json=gitrepo()),
            lambda: admin.post(f"{GITREPOS}/team-a/web?action=pause"),
            lambda: admin.delete(f"{GITREPOS}/team-a/web"),
        ):
            change()
            told += until_quiet(blocks)
    assert [(event, object_id) for event, object_id, _ in told] == [
        ("resource.create", "team-a/web"),
        ("resource.change", "team-a/web"),
        ("resource.remove", "team-a/web"),
    ]


def test_a_client_resumes_where_it_was(admin: Session) -> None:
    before = admin.get(GITREPOS).json["revision"]
    for name in ("one", "two", "three"):
        admin.post(GITREPOS, json=gitrepo(name))
    with stream(admin, f"?since={before}") as blocks:
        first = until_quiet(blocks)
    assert [object_id for _, object_id, _ in first] == ["team-a/one", "team-a/two", "team-a/three"]
    with stream(admin, headers={"Last-Event-ID": first[1][2]}) as blocks:
        assert [object_id for _, object_id, _ in until_quiet(blocks)] == ["team-a/three"]


def test_the_id_comes_with_the_last_event_of_a_revision_only(admin: Session, store: Any) -> None:
    """One bulk write puts one number on many objects."""
    since = store.revision()
    bulk = [Change(since, Key("GitRepo", "team-a", name), "MODIFIED") for name in ("one", "two")]
    store.changes = lambda after, limit=1000: bulk if after < since else []
    with stream(admin, f"?since={since - 1}") as blocks:
        assert [id_ for _, _, id_ in until_quiet(blocks)] == ["", str(since)]


def test_only_permitted_workspaces_are_told_of(admin: Session, login: Callable[..., Session]) -> None:
    before = admin.get(GITREPOS).json["revision"]
    for namespace in ("team-a", "team-b"):
        admin.post(GITREPOS, json=gitrepo("web", namespace))
    with stream(login(team_b="read-only"), f"?since={before}") as blocks:
        assert [object_id for _, object_id, _ in until_quiet(blocks)] == ["team-b/web"]


def test_kinds_and_workspaces_can_be_chosen(admin: Session) -> None:
    before = admin.get(GITREPOS).json["revision"]
    admin.post(GITREPOS, json=gitrepo())
    admin.post(CLUSTERS, json={"metadata": {"name": "c1", "namespace": "team-b"}})
    admin.post(CLUSTERS, json={"metadata": {"name": "c1", "namespace": "team-a"}})
    with stream(admin, f"?since={before}&resourceType=fleet.cattle.io.cluster&workspace=team-b") as blocks:
        assert [object_id for _, object_id, _ in until_quiet(blocks)] == ["team-b/c1"]


def forget(store: Any) -> None:
    def gone(since: int, limit: int = 1000) -> Any:
        raise Gone(f"revision {since} is older than what is remembered")

    store.changes = gone


def test_what_is_forgotten_is_gone(admin: Session, store: Any) -> None:
    forget(store)
    response = admin.get(f"{URL}?since=1")
    assert (response.status_code, response.json["code"]) == (410, "Expired")


def test_a_stream_that_falls_too_far_behind_is_told_so_and_ends(admin: Session, store: Any) -> None:
    with stream(admin) as blocks:
        next(blocks)
        forget(store)
        assert [event for event, _, _ in until_quiet(blocks)] == ["gone"]


def test_a_stream_ends_while_the_store_can_not_be_used(admin: Session, store: Any) -> None:
    def unavailable(*_args: Any) -> Any:
        raise Unavailable("the store can't be used: database is locked")

    with stream(admin) as blocks, capture_logs() as logs:
        next(blocks)
        store.wait = unavailable
        assert list(blocks) == []
    assert [(line["event"], line["problem"]) for line in logs] == [("stream ended", "the store can't be used: database is locked")]


def test_deployments_are_told_of_by_their_bundle(admin: Session, store: Any) -> None:
    since = store.revision()
    rollout = [Change(since, Key("BundleDeployment", "team-a", "web"), "MODIFIED")]
    store.changes = lambda after, limit=1000: rollout if after < since else []
    with stream(admin, f"?since={since - 1}") as blocks:
        block = next(block for block in blocks if "data" in block)
    assert '"resourceType":"fleet.cattle.io.bundledeployment","bundle":"team-a/web"' in block


def test_there_are_never_more_streams_than_allowed(admin: Session) -> None:
    with stream(admin), stream(admin):
        response = admin.get(URL)
        assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    with stream(admin) as blocks:
        assert next(blocks).startswith("retry")


def test_a_revoked_token_ends_its_stream(admin: Session, login: Callable[..., Session], services: Any) -> None:
    session = login(team_a="read-only")
    with stream(session) as blocks:
        next(blocks)
        services.tokens.revoke(session.token.partition(":")[0])
        assert "".join(blocks) == ""


@pytest.mark.parametrize(
    ("query", "headers", "field"),
    [
        pytest.param("?since=yesterday", {}, "since", id="since that is no revision"),
        pytest.param("", {"Last-Event-ID": "x"}, "since", id="an id that is no revision"),
        pytest.param("?resourceType=pods", {}, "resourceType", id="a type nobody knows"),
    ],
)
def test_what_is_not_understood_is_refused(admin: Session, query: str, headers: dict[str, str], field: str) -> None:
    response = admin.get(f"{URL}{query}", headers=headers)
    assert response.status_code == 422
    assert response.json["fieldName"].startswith(field)
