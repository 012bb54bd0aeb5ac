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

PAUSE = 1.0
REST = 600.0


class Feed:
    """A thread that hands changes, in order, to the routes of their kind; `resync` is called first and after a gap.

    `settle` is called after each batch: for what is done once, however many changes ask for it.

    A route that raises a UserError gets its change again. Any other error is a mistake of ours with one object: it is logged,
    and the rest of the fleet goes on; with `anew`, for those who may miss no change, everything is read again. `pause` are the
    seconds after which it tries again. Where nothing happens it does nothing: news and `stop` end its wait of `rest` seconds.
    """

    def __init__(
        self,
        store: Store,
        routes: Mapping[str, Sequence[Callable[[Change], None]]],
        resync: Callable[[], None],
        pause: float = PAUSE,
        settle: Callable[[], None] = lambda: None,
        *,
        anew: bool = False,
        rest: float = REST,
    ) -> None:
        self._store = store
        self._routes = routes
        self._resync = resync
        self._pause = pause
        self._settle = settle
        self._anew = anew
        self._rest = rest
        self._stopped = threading.Event()
        self.position = 0
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._store.wake()
        if self._thread.ident is not None:
            self._thread.join(2 * PAUSE)

    def _run(self) -> None:
        known = False
        while not self._stopped.is_set():
            try:
                if not known:
                    self.position = self._store.revision()
                    self._resync()
                    known = True
                if self._store.wait(self.position, self._rest, self._stopped.is_set) != self.position:
                    self._hand_out()
            except Gone:
                known = False
            except UserError as error:
                log.warning("change feed", error=str(error), after=self._pause)
                self._stopped.wait(self._pause)
            except Exception:
                log.exception("change feed", after=self._pause)
                self._stopped.wait(self._pause)

    def _hand_out(self) -> None:
        """One batch; what came after it ends the next wait at once."""
        changes = self._store.changes(self.position, counters=False)
        for change in changes:
            for route in self._routes.get(change.key.kind, ()):
                self._hand(route, change)
        if changes:
            self._settle()
            self.position = changes[-1].revision

    def _hand(self, route: Callable[[Change], None], change: Change) -> None:
        try:
            route(change)
        except UserError:
            raise
        except Exception:
            log.exception("change not handled", key=str(change.key), revision=change.revision)
            if self._anew:
                raise Gone("a change was not handled") from None
