"""When clusters were last heard of, written for all of them at once and waking nobody but those who wait for a new one."""

from __future__ import annotations

from collections.abc import Callable

from pyroaring import BitMap

from extension.engine.looks import Looks
from extension.engine.stored import now
from extension.objects.base import Key
from extension.store.protocol import Store

FIRST = 1.0
INTERVAL = 30.0


class Seen(Looks):
    """`reached` gives the clusters that answered since it was last asked, `numbers` those that asked, by number."""

    def __init__(self, store: Store, reached: Callable[[], set[Key]] = set, numbers: Callable[[], BitMap] = BitMap) -> None:
        super().__init__("last-seen times", FIRST, INTERVAL)  # soon after a start, when most were never heard of
        self._store = store
        self._reached = reached
        self._numbers = numbers

    def look(self) -> None:
        clusters, numbers = self._reached(), self._numbers()
        if clusters:
            self._store.seen(clusters, now())
        self._store.asking.seen(numbers, now())
