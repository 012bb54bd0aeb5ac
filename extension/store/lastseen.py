"""When clusters were heard of last, in memory: sets of clusters by the second, brought up to date with what was written since.

Each write of times has a number above all before it (`seen.written`), so a look reads the clusters that were heard of since the last
one, however many there are. Clusters that went may still be in a set: who asks brings the set of those that are there.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from pyroaring import BitMap, FrozenBitMap
from sqlalchemy import Connection, bindparam, text

from extension.store.bulk import fetched, many

_AT_ONCE = 500
BEFORE, AFTER = "<", ">="
"""Operators of filters by time: earlier than a time, then or later."""


class LastSeen:
    """All methods may be called from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._newest = -1
        self._at: dict[str, BitMap] = {}

    def refresh(self, connection: Connection) -> None:
        """Catches up with the connection's snapshot; one that is older than what is known changes nothing."""
        with self._lock:
            rows = fetched(connection, _SINCE, since=self._newest)
            changed: dict[str, list[int]] = defaultdict(list)
            for cluster_id, at, written in rows:
                changed[at].append(cluster_id)
                self._newest = max(self._newest, written)
            other = BitMap([row[0] for row in rows])
            for at in list(self._at) if other else ():
                self._at[at] -= other
                if not self._at[at]:
                    del self._at[at]
            for at, clusters in changed.items():
                self._at[at] = self._at.get(at, BitMap()) | BitMap(clusters)

    def ever(self) -> FrozenBitMap:
        """The clusters that were heard of."""
        return self._where(lambda _at: True)

    def before(self, when: str) -> FrozenBitMap:
        """The clusters that were heard of, and last before a time as it is stored (`2026-01-01T00:00:00Z`)."""
        return self._where(lambda at: at < when)

    def since(self, when: str) -> FrozenBitMap:
        """The clusters that were heard of then or later."""
        return self._where(lambda at: at >= when)

    def by_time(self) -> Mapping[str, FrozenBitMap]:
        """The clusters by when they were heard of last."""
        with self._lock:
            return {at: FrozenBitMap(clusters) for at, clusters in self._at.items()}

    def _where(self, holds: Callable[[str], bool]) -> FrozenBitMap:
        with self._lock:
            return FrozenBitMap(BitMap.union(BitMap(), *(clusters for at, clusters in self._at.items() if holds(at))))


def unheard(connection: Connection, numbers: Sequence[int]) -> list[int]:
    """Those of these clusters that are there and were never heard of."""
    found: list[int] = []
    for at in range(0, len(numbers), _AT_ONCE):
        found += [row[0] for row in fetched(connection, _UNHEARD, numbers=numbers[at : at + _AT_ONCE])]
    return found


def write_seen(connection: Connection, numbers: list[int], when: str) -> None:
    """Sets the time of clusters, those that are gone left out. The clock makes numbers that no row had, also one that went since."""
    newest = int(connection.execute(_NEWEST).scalar_one())
    written = max(newest + 1, time.time_ns() // 1000)
    many(connection, _PUT, [(when, written, number) for number in numbers])


_SINCE = text("SELECT cluster_id, at, written FROM seen WHERE written > :since")
_UNHEARD = text(
    "SELECT o.id FROM object o WHERE o.id IN :numbers AND o.kind = 'Cluster'"
    " AND NOT EXISTS (SELECT 1 FROM seen WHERE seen.cluster_id = o.id)"
).bindparams(bindparam("numbers", expanding=True))
_NEWEST = text("SELECT coalesce(max(written), 0) FROM seen")
_PUT = (
    "INSERT INTO seen (cluster_id, at, written) SELECT id, ?, ? FROM object WHERE id = ? AND kind = 'Cluster'"
    " ON CONFLICT (cluster_id) DO UPDATE SET at = excluded.at, written = excluded.written"
)
