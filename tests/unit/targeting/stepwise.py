"""A rollout followed cluster by cluster: one record each, changed one by one as fleet-semantics.md 3.4 tells."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any


@dataclass
class Row:
    name: int
    target: str
    exists: bool
    staged: str = ""
    deployed: str = ""
    applied: str = ""
    ready: bool = False
    paused: bool = False
    deleting: bool = False
    no_namespace: bool = False
    done: set[str] = field(default_factory=set)

    def unavailable(self) -> bool:
        return self.exists and (self.applied != self.deployed or not self.ready)

    def up_to_date(self) -> bool:
        return self.exists and self.staged == self.deployed == self.applied == self.target


@dataclass
class Case:
    rows: list[Row]
    partitions: list[tuple[list[int], int]]
    max_unavailable: int
    max_unavailable_partitions: int
    max_new: int


def reference(case: Case) -> tuple[dict[str, set[int]], dict[str, Any]]:
    rows = {row.name: replace(row, done=set()) for row in case.rows}
    unavailable = sum(row.unavailable() for row in rows.values())
    at_first = [sum(rows[n].unavailable() for n in members) for members, _ in case.partitions]
    shown, created, bad = list(at_first), 0, 0
    for number, (members, maximum) in enumerate(case.partitions):
        here = at_first[number]
        for row in (rows[n] for n in sorted(members)):
            if not row.exists and created < case.max_new and not (row.deleting or row.no_namespace):
                created += 1
                row.exists = True
                row.done.add("create")
            if row.exists:
                if row.staged != row.target:
                    row.done.add("stage")
                row.staged = row.target
        for row in (rows[n] for n in sorted(members)):
            if not row.exists or row.paused:
                continue
            if row.deployed == row.staged:
                if "promote" not in row.done:
                    row.done.add("refresh")
                continue
            if (unavailable < case.max_unavailable or row.unavailable()) and (here < maximum or row.unavailable()):
                if not row.unavailable():
                    unavailable += 1
                    here += 1
                row.deployed = row.staged
                row.done.add("promote")
        shown[number] = sum(not rows[n].up_to_date() or rows[n].unavailable() for n in members)
        bad += shown[number] > maximum
        if bad > case.max_unavailable_partitions:
            break
    sets = {what: {row.name for row in rows.values() if what in row.done} for what in ("create", "stage", "promote", "refresh")}
    return sets, {"new": created, "unavailable": unavailable, "bad": bad, "shown": shown}
