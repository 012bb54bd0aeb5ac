"""Counters, changed in the transaction that changes a state, and never recomputed.

A delta goes to the Bundle and to the Cluster of a deployment; GitRepos and groups add up the tallies of their Bundles
and members. A tally's revision is how watchers of those objects learn of a change.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from extension.objects.status import ResourceCounts
from extension.store.bulk import load, many, returned
from extension.store.clock import now
from extension.store.schema import RESOURCE_COLUMNS, STATE_COLUMNS

Counts = tuple[int, ...]
"""How many deployments are in each state, in the order of STATE_COLUMNS."""
NO_COUNTS: Counts = (0,) * len(STATE_COLUMNS)
Moves = dict[int, tuple[Counts, Counts]]
"""The counts of Bundles before a write and after it."""

COLUMNS = (*STATE_COLUMNS, *(f"r_{name}" for name in RESOURCE_COLUMNS))
_NO_STATE = 0


class Deltas:
    """Changes of tallies gathered by object id."""

    def __init__(self) -> None:
        self._by_id: dict[int, list[int]] = {}
        self._clusters: set[int] = set()

    def move(self, bundle: int, cluster: int, old: int, new: int, resources: Sequence[int] = ()) -> None:
        """A deployment went from state `old` to `new` (0: not counted); `resources` are added."""
        self._clusters.add(cluster)
        for owner in (bundle, cluster):
            row = self._by_id.setdefault(owner, [0] * len(COLUMNS))
            if old != _NO_STATE:
                row[old - 1] -= 1
            if new != _NO_STATE:
                row[new - 1] += 1
            for place, count in enumerate(resources, len(STATE_COLUMNS)):
                row[place] += count

    def touch(self, object_id: int) -> None:
        """Tells watchers of an object, no cluster, to look."""
        self._by_id.setdefault(object_id, [0] * len(COLUMNS))

    def write(self, connection: Connection, revision: int) -> Moves:
        """Adds them; what became of the Bundles whose deployments changed their states."""
        changed = now()
        rows = [(owner, *row, revision, changed, owner in self._clusters) for owner, row in sorted(self._by_id.items())]
        moving = {owner for owner in self._by_id.keys() - self._clusters if any(self._by_id[owner][: len(STATE_COLUMNS)])}
        many(connection, _ADD, [row for row in rows if row[0] not in moving])
        found = returned(connection, _ADD_AND_TELL, [row for row in rows if row[0] in moving])
        return {owner: (self._before(owner, counts), tuple(counts)) for owner, *counts in found}

    def _before(self, owner: int, after: Sequence[int]) -> Counts:
        """What the counts were that are `after` now."""
        return tuple(count - moved for count, moved in zip(after, self._by_id[owner], strict=False))


_ADD = (
    f"INSERT INTO tally (object_id, {', '.join(COLUMNS)}, revision, changed, of_cluster)"  # noqa: S608 (names of our own columns)
    f" VALUES ({', '.join('?' * (len(COLUMNS) + 4))})"
    f" ON CONFLICT (object_id) DO UPDATE SET {', '.join(f'{c} = tally.{c} + excluded.{c}' for c in COLUMNS)},"
    " revision = excluded.revision, changed = excluded.changed"
)

RETURNING_COUNTS = f" RETURNING object_id, {', '.join(STATE_COLUMNS)}"
_ADD_AND_TELL = _ADD + RETURNING_COUNTS


def begin(connection: Connection, clusters: Sequence[int], revision: int) -> None:
    """The tallies of new clusters: each has one from its first moment to its last."""
    load(connection, "tally", ("object_id", "revision", "changed", "of_cluster"), [(number, revision, "", True) for number in clusters])


def touch(connection: Connection, object_ids: Iterable[int], revision: int) -> None:
    """Tells watchers of these objects, none a cluster, to look, with no count changed."""
    deltas = Deltas()
    for object_id in object_ids:
        deltas.touch(object_id)
    deltas.write(connection, revision)


def look(connection: Connection, clusters: Iterable[int], revision: int) -> None:
    """Tells watchers of these clusters to look, with no count changed. The engine does not look: it goes by marks and deployments."""
    many(connection, "UPDATE tally SET revision = ? WHERE object_id = ?", [(revision, number) for number in clusters])


def difference(old: ResourceCounts, new: ResourceCounts) -> list[int]:
    return [getattr(new, name) - getattr(old, name) for name in RESOURCE_COLUMNS]
