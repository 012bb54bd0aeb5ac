"""From the store's change feed to the queues: who has to look again because of a change.

The feed is the only way the engine learns of anything, whoever wrote it, so a write needs no call to the engine and
a restart starts from a full look at everything. One table says which change wakes what.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

import structlog

from extension.objects.errors import Gone, UserError
from extension.store.protocol import Change, Store

log = structlog.get_logger()

WAIT = 1.0
RETRY = 1.0


class Feed:
    """A thread that hands changes, in order, to the routes of their kind; `resync` is called first and after a gap."""

    def __init__(self, store: Store, routes: Mapping[str, Sequence[Callable[[Change], None]]], resync: Callable[[], None]) -> None:
        self._store = store
        self._routes = routes
        self._resync = resync
        self._stopped = threading.Event()
        self.position = 0
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join(2 * WAIT)

    def _run(self) -> None:
        known = False
        while not self._stopped.is_set():
            try:
                if not known:
                    self.position = self._store.revision()
                    self._resync()
                    known = True
                self._drain()
                self._store.wait(self.position, WAIT)
            except Gone:
                known = False
            except UserError as error:
                log.warning("change feed", error=str(error), after=RETRY)
                self._stopped.wait(RETRY)

    def _drain(self) -> None:
        while changes := self._store.changes(self.position):
            for change in changes:
                for route in self._routes.get(change.key.kind, ()):
                    route(change)
            self.position = changes[-1].revision
