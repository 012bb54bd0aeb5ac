"""What `describe` tells of what happened to an object."""

from __future__ import annotations

from typing import Any

import pytest

from extension.client import Refused
from extension.commands.objects import NEWEST, described, happened
from tests.unit.cli.test_tables import ago, known, row

PLACE = "/v1/fleet.cattle.io.gitrepos/fleet-default/shop/events"


class Answers:
    """A client that has one answer, or one refusal."""

    def __init__(self, *found: dict[str, Any], refusal: int = 0) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self._found, self._refusal = found, refusal

    def get(self, path: str, **query: str) -> dict[str, Any]:
        self.asked.append((path, query))
        if self._refusal:
            raise Refused("http://x", f"GET {path}", {"status": self._refusal, "message": "you may not", "code": "No"})
        return {"data": list(self._found)}


def event(type_: str, reason: str, message: str = "", count: int = 1) -> dict[str, Any]:
    return {"_type": type_, "reason": reason, "message": message, "count": count, "lastTimestamp": ago(minutes=5)}


def shop(*links: str) -> dict[str, Any]:
    return {**row("shop"), "links": dict.fromkeys(links, "x")}


def test_the_newest_events_stand_at_the_end_of_a_description_a_line_each() -> None:
    client: Any = Answers(event("Warning", "FailedToCheckCommit", "no\nroute", 3), event("Normal", "Created"))
    told = happened(client, known("gitrepo"), shop("events"))
    assert described(known("gitrepo"), shop(), told).endswith(
        "Events:\n  5m Warning FailedToCheckCommit (3 times): no route\n  5m Normal Created\n"
    )
    assert client.asked == [(PLACE, {"limit": str(NEWEST)})]


def test_nothing_is_asked_for_what_has_no_events() -> None:
    client: Any = Answers()
    assert happened(client, known("secret"), shop("self")) == [] and client.asked == []
    assert "Events:" not in described(known("gitrepo"), shop())


def test_who_may_not_read_events_is_told_so_and_reads_the_rest() -> None:
    client: Any = Answers(refusal=403)
    assert happened(client, known("gitrepo"), shop("events")) == ["you may not (No)"]


def test_another_refusal_ends_it() -> None:
    client: Any = Answers(refusal=503)
    with pytest.raises(Refused):
        happened(client, known("gitrepo"), shop("events"))
