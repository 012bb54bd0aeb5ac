"""Deployment rows as sets of clusters by what the rows say, brought up to date with the rows that changed since.

The rows of a bundle are read whole once; from then on a look costs what changed. Rows that went leave their ids in
`dropped`, the newest KEPT of them: who is further behind reads everything again. Several threads may ask at once.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from pyroaring import BitMap
from sqlalchemy import Connection, text

from extension.store.bulk import fetched, load
from extension.store.database import committed

KEPT = 100_000
_BUNDLES = 2000
"""So many bundles are remembered, those asked for last."""

Said = tuple[Any, ...]
"""The values of a row's columns."""


class _Known(msgspec.Struct):
    revision: int
    sets: dict[Said, BitMap]


class RowSets:
    """Sets by the values of `columns` (expressions over `deployment`), of the bundles that were asked for."""

    def __init__(self, columns: str) -> None:
        select = f"SELECT cluster_id, {columns} FROM deployment WHERE bundle_id = :bundle"  # noqa: S608 (our own columns)
        self._all, self._since = text(select), text(f"{select} AND revision > :since")
        self.lock = threading.RLock()
        """Held while what `of` gave is looked at."""
        self._known: OrderedDict[int, _Known] = OrderedDict()
        self._oldest = (-1, 0)

    def of(self, connection: Connection, bundle_id: int, *, exact: bool = True) -> Mapping[Said, BitMap]:
        """A bundle's sets in the snapshot of the connection; without `exact` they may be of a later one, which another thread looked at.
        Good while `lock` is held, which the caller does. In a write this is asked for before it changes any deployment."""
        revision = committed(connection)
        known = self._known.get(bundle_id)
        if known is not None and known.revision > revision:
            return self._read(connection, bundle_id) if exact else known.sets
        if known is None or (known.revision < revision and known.revision < self._remembered(connection, revision)):
            known = self._known[bundle_id] = _Known(revision, self._read(connection, bundle_id))
            if len(self._known) > _BUNDLES:
                self._known.popitem(last=False)
        elif known.revision < revision:
            self._catch_up(connection, bundle_id, known)
            known.revision = revision
        self._known.move_to_end(bundle_id)
        return known.sets

    def _catch_up(self, connection: Connection, bundle_id: int, known: _Known) -> None:
        gone = fetched(connection, _DROPPED, bundle=bundle_id, since=known.revision)
        changed = _sets(fetched(connection, self._since, bundle=bundle_id, since=known.revision))
        other = BitMap([row[0] for row in gone]) | BitMap.union(BitMap(), *changed.values())
        for said in list(known.sets) if other else ():
            known.sets[said] -= other
            if not known.sets[said]:
                del known.sets[said]
        for said, clusters in changed.items():
            known.sets[said] = known.sets.get(said, BitMap()) | clusters

    def _remembered(self, connection: Connection, revision: int) -> int:
        """The revision from which on all that was dropped is remembered."""
        if self._oldest[0] != revision:
            self._oldest = (revision, int(connection.execute(_OLDEST, {"kept": KEPT}).scalar_one_or_none() or 0))
        return self._oldest[1]

    def forget(self, bundle_id: int) -> None:
        """Called when the bundle goes."""
        with self.lock:
            self._known.pop(bundle_id, None)

    def _read(self, connection: Connection, bundle_id: int) -> dict[Said, BitMap]:
        return _sets(fetched(connection, self._all, bundle=bundle_id))


def dropped(connection: Connection, rows: Sequence[tuple[int, int]], revision: int) -> None:
    """Remembers deployments (bundle, cluster) that were deleted, and forgets the oldest beyond the window."""
    if rows:
        load(connection, "dropped", ("revision", "bundle_id", "cluster_id"), [(revision, *row) for row in rows])
        connection.execute(_PRUNE, {"kept": KEPT})


def _sets(rows: Sequence[Any]) -> dict[Said, BitMap]:
    found: dict[Said, list[int]] = defaultdict(list)
    for row in rows:
        found[row[1:]].append(row[0])
    return {said: BitMap(clusters) for said, clusters in found.items()}


_DROPPED = text("SELECT cluster_id FROM dropped WHERE revision > :since AND bundle_id = :bundle")
_OLDEST = text("SELECT revision FROM dropped ORDER BY revision DESC LIMIT 1 OFFSET :kept - 1")
_PRUNE = text("DELETE FROM dropped WHERE revision < (SELECT revision FROM dropped ORDER BY revision DESC LIMIT 1 OFFSET :kept - 1)")
