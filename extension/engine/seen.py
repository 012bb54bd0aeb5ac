"""When clusters were last heard of, written for all of them at once and waking nobody."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog
from pyroaring import BitMap

from extension.engine.stored import now
from extension.objects.base import Key
from extension.objects.errors import Unavailable
from extension.store.protocol import Store

log = structlog.get_logger()

FIRST = 1.0
INTERVAL = 30.0


class Seen:
    """`reached` gives the clusters that answered since it was last asked, `numbers` those that asked, by number."""

    def __init__(self, store: Store, reached: Callable[[], set[Key]] = set, numbers: Callable[[], BitMap] = BitMap) -> None:
        self._store = store
        self._reached = reached
        self._numbers = numbers
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="seen", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join(5)

    def _run(self) -> None:
        wait = FIRST
        while not self._stopped.wait(wait):
            wait = min(INTERVAL, 2 * wait)  # soon after a start, when most were never heard of
            clusters, numbers = self._reached(), self._numbers()
            try:
                if clusters:
                    self._store.seen(clusters, now())
                self._store.asking.seen(numbers, now())
            except Unavailable as error:
                log.warning("last-seen times not written", clusters=len(clusters) + len(numbers), error=str(error))
