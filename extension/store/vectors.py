"""The counters of all clusters in memory, as sets of clusters that have the same ones.

What a group of clusters adds up to is asked for often, and a group can be the whole fleet. Most clusters count alike (five
deployments, all ready), so a million of them are a few hundred sets, and a sum is a few hundred products. Brought up to
date by the revision of the counters that changed; clusters that went may still be in a set, so who asks brings the set
of those that are there.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable

import msgspec
from pyroaring import BitMap, FrozenBitMap
from sqlalchemy import Connection, text

from extension.objects.states import State
from extension.objects.status import ResourceCounts
from extension.store.database import committed
from extension.store.schema import STATE_COLUMNS
from extension.store.summing import Tally
from extension.store.tallies import COLUMNS

_AT_ONCE = 50_000

Vector = tuple[int, ...]
"""The values of COLUMNS."""


class _Set(msgspec.Struct):
    """Clusters with one vector; the newest revision and time with which one of them got it."""

    members: BitMap
    revision: int = 0
    changed: str = ""


class ClusterTallies:
    """All methods may be called from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._revision = -1
        self._sets: dict[Vector, _Set] = {}

    def refresh(self, connection: Connection) -> None:
        """Catches up with the connection's snapshot; one that is older than what is known changes nothing."""
        with self._lock:
            newest = committed(connection)
            if newest <= self._revision:
                return
            changed: dict[Vector, list[int]] = defaultdict(list)
            latest: dict[Vector, tuple[int, str]] = {}
            cursor = connection.execute(_CHANGED, {"since": self._revision}).cursor
            while rows := cursor.fetchmany(_AT_ONCE):
                for row in rows:
                    vector = row[3:]
                    changed[vector].append(row[0])
                    latest[vector] = max(latest.get(vector, (0, "")), row[1:3])
            self._take({vector: _Set(BitMap(clusters), *latest[vector]) for vector, clusters in changed.items()})
            self._revision = newest

    def _take(self, changed: dict[Vector, _Set]) -> None:
        other = BitMap.union(BitMap(), *(found.members for found in changed.values()))
        for vector, known in list(self._sets.items()) if other else ():
            known.members -= other
            if not known.members:
                del self._sets[vector]
        for vector, found in changed.items():
            known = self._sets.setdefault(vector, found)
            known.members |= found.members
            known.revision, known.changed = max((known.revision, known.changed), (found.revision, found.changed))

    def sum(self, clusters: FrozenBitMap) -> tuple[Tally, FrozenBitMap]:
        """The counters of these clusters added up, and those of them with a deployment that is not ready. The revision may be that of
        a cluster that counts like one of these."""
        sums, revision, changed, behind = [0] * len(COLUMNS), 0, "", BitMap()
        with self._lock:
            for vector, found in self._sets.items():
                if count := found.members.intersection_cardinality(clusters):
                    sums = [total + count * value for total, value in zip(sums, vector, strict=True)]
                    revision, changed = max(revision, found.revision), max(changed, found.changed)
                    if any(vector[1 : len(STATE_COLUMNS)]):
                        behind |= found.members & clusters
        states = {state: sums[state - 1] for state in State if sums[state - 1]}
        return Tally(states, ResourceCounts(*sums[len(STATE_COLUMNS) :]), revision, changed), FrozenBitMap(behind)

    def states(self) -> dict[str, FrozenBitMap]:
        """All clusters by their worst state, with the empty text for those that have nothing that is not ready."""
        return self._by(_worst)

    def by_ready(self) -> dict[str, FrozenBitMap]:
        """All clusters by how much of what is deployed to them is ready, least first."""
        return self._by(_share)

    def _by(self, name: Callable[[Vector], str]) -> dict[str, FrozenBitMap]:
        found: dict[str, BitMap] = defaultdict(BitMap)
        with self._lock:
            for vector, known in self._sets.items():
                found[name(vector)] |= known.members
        return {word: FrozenBitMap(clusters) for word, clusters in found.items()}


def _share(vector: Vector) -> str:
    """A text that sorts by the share of deployments that are ready, then by their number; nothing is deployed sorts first."""
    ready, total = vector[0], sum(vector[: len(STATE_COLUMNS)])
    return f"{ready * 10**9 // total:010d} {total:010d}" if total else ""


def _worst(vector: Vector) -> str:
    worst = max((state for state in State if state is not State.Ready and vector[state - 1]), default=None)
    return worst.name if worst else ""


_CHANGED = text(f"SELECT object_id, revision, changed, {', '.join(COLUMNS)} FROM tally WHERE revision > :since AND of_cluster")  # noqa: S608 (our own columns)
