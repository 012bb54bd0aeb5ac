"""Counters, changed in the transaction that changes a state, and never recomputed.

A delta goes to the Bundle and to the Cluster of a deployment; GitRepos and groups add up the tallies of their Bundles
and members. A tally's revision is how watchers of those objects learn of a change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import Connection, text

from extension.objects.status import ResourceCounts
from extension.store.clock import now
from extension.store.schema import RESOURCE_COLUMNS, STATE_COLUMNS

COLUMNS = (*STATE_COLUMNS, *(f"r_{name}" for name in RESOURCE_COLUMNS))
_NO_STATE = 0


class Deltas:
    """Changes of tallies gathered by object id."""

    def __init__(self) -> None:
        self._by_id: dict[int, list[int]] = defaultdict(lambda: [0] * len(COLUMNS))

    def move(self, owners: Iterable[int], old: int, new: int, resources: Iterable[int] = ()) -> None:
        """One deployment of `owners` went from state `old` to `new` (0: not counted); `resources` are added."""
        for owner in owners:
            row = self._by_id[owner]
            for state, sign in ((old, -1), (new, 1)):
                if state != _NO_STATE:
                    row[state - 1] += sign
            for place, count in enumerate(resources, len(STATE_COLUMNS)):
                row[place] += count

    def write(self, connection: Connection, revision: int) -> None:
        rows = [
            {"object_id": owner, "revision": revision, "changed": now(), **dict(zip(COLUMNS, row, strict=True))}
            for owner, row in self._by_id.items()
        ]
        if rows:
            connection.execute(_ADD, rows)


_ADD = text(
    f"INSERT INTO tally (object_id, {', '.join(COLUMNS)}, revision, changed)"  # noqa: S608 (names of our own columns)
    f" VALUES (:object_id, {', '.join(f':{c}' for c in COLUMNS)}, :revision, :changed)"
    f" ON CONFLICT (object_id) DO UPDATE SET {', '.join(f'{c} = {c} + excluded.{c}' for c in COLUMNS)},"
    " revision = excluded.revision, changed = excluded.changed"
)


def touch(connection: Connection, object_ids: Iterable[int], revision: int) -> None:
    """Tells watchers of these objects to look, with no count changed."""
    deltas = Deltas()
    for object_id in object_ids:
        deltas.move((object_id,), _NO_STATE, _NO_STATE)
    deltas.write(connection, revision)


def difference(old: ResourceCounts, new: ResourceCounts) -> list[int]:
    return [getattr(new, name) - getattr(old, name) for name in RESOURCE_COLUMNS]
