"""Events as the API server has them, of each of its two kinds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from extension.objects.base import ObjectMeta
from extension.objects.kinds import GitRepo
from extension.store.kubernetes import events

REPO = GitRepo(metadata=ObjectMeta(name="web", namespace="team-a", uid="u-1"))


class Answers:
    """A reader that has one list to give."""

    def __init__(self, *found: dict[str, Any]) -> None:
        self.asked: list[tuple[str, Mapping[str, str]]] = []
        self._body = json.dumps({"metadata": {"resourceVersion": "7"}, "items": list(found)}).encode()

    def read(self, path: str, query: Mapping[str, str] = {}, accept: str = "") -> bytes:
        self.asked.append((path, query))
        return self._body


def event(name: str, **parts: Any) -> dict[str, Any]:
    meta = {"name": name, "uid": name, "creationTimestamp": "2026-01-01T00:00:00Z"}
    involved = {"kind": "GitRepo", "namespace": "team-a", "name": "web", "uid": "u-1", "apiVersion": "fleet.cattle.io/v1alpha1"}
    return {"metadata": meta, "involvedObject": involved, "type": "Normal", "reason": "GotNewCommit", "message": "abc", **parts}


EVENTS = [
    (
        "counted",
        event("a", count=3, firstTimestamp="2026-01-01T00:00:00Z", lastTimestamp="2026-01-02T00:00:00Z"),
        (3, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
    ),
    (
        "in a series",
        event(
            "a",
            firstTimestamp=None,
            lastTimestamp=None,
            eventTime="2026-01-03T00:00:00.123456Z",
            series={"count": 5, "lastObservedTime": "2026-01-04T00:00:01.000000Z"},
        ),
        (5, "2026-01-03T00:00:00Z", "2026-01-04T00:00:01Z"),
    ),
    (
        "alone",
        event("a", firstTimestamp=None, eventTime="2026-01-03T00:00:00.123456Z"),
        (1, "2026-01-03T00:00:00Z", "2026-01-03T00:00:00Z"),
    ),
    ("without any time of its own", event("a"), (1, "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z")),
]


@pytest.mark.parametrize(("found", "expected"), [row[1:] for row in EVENTS], ids=[row[0] for row in EVENTS])
def test_times_and_counts_are_those_of_its_kind(found: dict[str, Any], expected: tuple[int, str, str]) -> None:
    (one,) = events.read(Answers(found), REPO)
    assert (one.count, one.first_timestamp, one.last_timestamp) == expected
    assert (one.type, one.reason, one.message, one.involved_object.uid) == ("Normal", "GotNewCommit", "abc", "u-1")


def test_events_of_one_object_are_asked_for_and_come_the_newest_first() -> None:
    api = Answers(event("old"), event("new", type="Warning", lastTimestamp="2026-02-01T00:00:00Z"))
    assert [(one.id, one.type) for one in events.read(api, REPO)] == [("new", "Warning"), ("old", "Normal")]
    ((path, query),) = api.asked
    assert (path, query["fieldSelector"]) == ("/api/v1/namespaces/team-a/events", "involvedObject.uid=u-1")
