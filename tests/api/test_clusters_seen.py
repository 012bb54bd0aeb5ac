"""Clusters by when they were heard of last."""

from __future__ import annotations

import pytest
from flask import Flask

from extension.objects.base import Key
from tests.api.conftest import CLUSTERS, Session

URL = f"{CLUSTERS}/team-a"


@pytest.fixture
def seen(app: Flask, deployed: None) -> None:
    store = app.extensions["continuous-delivery"].store
    for name, when in (("c1", "2026-01-01T00:00:30Z"), ("c2", "2026-01-01T00:00:10Z"), ("c3", "2999-01-01T00:00:00Z")):
        store.seen([Key("Cluster", "team-a", name)], when)


@pytest.mark.usefixtures("seen")
@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("sort=status.agent.lastSeen", ["c2", "c1", "c3"]),
        ("sort=-status.agent.lastSeen", ["c3", "c1", "c2"]),
        ("seenBefore=2026-01-01T00:00:30Z", ["c2"]),
        ("seenSince=2026-01-01T00:00:30Z", ["c1", "c3"]),
        ("seenSince=2026-01-01T00:00:30Z&silentFor=1h", ["c1"]),
        ("silentFor=1h", ["c1", "c2"]),
        ("silentFor=1h&seenBefore=2026-01-01T00:00:30Z", ["c2"]),
    ],
)
def test_clusters_are_listed_by_when_they_were_heard_of(admin: Session, asked: str, found: list[str]) -> None:
    names = [row["metadata"]["name"] for row in admin.get(f"{URL}?{asked}").json["data"]]
    assert [name for name in names if name in ("c1", "c2", "c3")] == found


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ("seenBefore=yesterday", "seenBefore"),
        ("silentFor=long", "silentFor"),
        ("sort=metadata.name,status.agent.lastSeen", "sort"),
        ("filter=status.agent.lastSeen=2026-01-01T00:00:30Z", "filter"),
        ("sort=status.conditions[Ready].message", "sort"),
    ],
)
def test_what_a_list_of_clusters_can_not_go_by_is_refused(admin: Session, asked: str, field: str) -> None:
    answer = admin.get(f"{URL}?{asked}")
    assert (answer.status_code, answer.json["fieldName"]) == (422, field)
