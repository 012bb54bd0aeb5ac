"""Which clusters have a bundle in which state and complain of what, as sets in memory (`rowsets.py`).

For what counters can't say: how many clusters have all of several bundles ready, and who they are that complain alike.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from pyroaring import BitMap, FrozenBitMap
from sqlalchemy import Connection

from extension.objects.states import State
from extension.store.rowsets import RowSets

NOT_READY = frozenset(State) - {State.Ready}


class Standing:
    """All methods may be called from several threads, and may tell of a moment after the connection's snapshot."""

    def __init__(self) -> None:
        self._sets = RowSets("state, shape")

    def together(self, connection: Connection, bundles: Iterable[int]) -> tuple[int, int]:
        """How many clusters have all their deployments of these bundles ready, and how many have any; those that go are left out."""
        some, late = BitMap(), BitMap()
        with self._sets.lock:
            for bundle_id in bundles:
                for (state, _), clusters in self._sets.of(connection, bundle_id, exact=False).items():
                    if state:
                        some |= clusters
                    if state > State.Ready:
                        late |= clusters
        return len(some) - len(late), len(some)

    def complaining(self, connection: Connection, shapes: Iterable[tuple[int, int]], states: Collection[int]) -> FrozenBitMap:
        """The clusters whose deployments have one of these shapes (bundle, shape) and one of these states."""
        found = BitMap()
        with self._sets.lock:
            for bundle_id, wanted in shapes:
                for (state, shape), clusters in self._sets.of(connection, bundle_id, exact=False).items():
                    if shape == wanted and state in states:
                        found |= clusters
        return FrozenBitMap(found)

    def forget(self, bundle_id: int) -> None:
        """Called when the bundle goes."""
        self._sets.forget(bundle_id)
