"""How far an agent is, in a text that a restored store does not misread.

Revisions start again from the backup when a store is restored, so a number alone could mean what came after the backup and is
lost. An agent is told `<epoch>.<revision>`: each time a process begins to work as the engine is an epoch, noted in the store,
and the newest one is that of all processes. An epoch the store does not know, or a revision beyond the one at which the
next epoch began, is of a time that never was. Nobody is told anything before there is an engine: what a restored store tells
belongs to a new epoch. A number can be good and reports that were acknowledged after it be lost, so an agent that comes from an
earlier epoch is told once what the hub has of its reports (`Work.reported`).
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable

from extension.objects.errors import Unavailable
from extension.store.asking import Asking

REFRESH = 5.0
"""Seconds for which what is known of epochs is good; an epoch that nobody knows is looked up once a second."""
UNKNOWN_REFRESH = 1.0
_TEXT = re.compile(r"([0-9a-f]{16})\.([0-9]{1,18})", re.ASCII)


class Epochs:
    """`follow` is called until there is an engine. Methods may be called from several threads; before, they raise Unavailable."""

    def __init__(self, asking: Asking, clock: Callable[[], float] = time.monotonic) -> None:
        self._asking = asking
        self._clock = clock
        self._lock = threading.Lock()
        self._looked = 0.0
        self._ends: dict[str, int | None] = {}

    def follow(self, term: int) -> bool:
        """Whether the epoch of this term of the lease has begun: from then on it is told."""
        with self._lock:
            self._look()
            if not next(reversed(self._ends), "").endswith(f"{term % 2**32:08x}"):
                self._ends = {}
        return bool(self._ends)

    def told(self, revision: int) -> str:
        ends = self._known(REFRESH)
        return f"{next(reversed(ends))}.{revision}"

    def revision(self, told: str) -> int:
        """The revision up to which an agent knows everything; 0 when it has to be told all again."""
        ends = self._known(REFRESH)
        parts = _TEXT.fullmatch(told)
        if parts is None:
            return 0
        if parts[1] not in ends:
            ends = self._known(UNKNOWN_REFRESH)
        end, revision = ends.get(parts[1], 0), int(parts[2])
        return revision if end is None or revision <= end else 0

    def present(self, told: str) -> int:
        """The same for what was told in the newest epoch; 0 for all before it, of which reports may have been lost since."""
        newest = next(reversed(self._known(REFRESH)))
        return self.revision(told) if told.startswith(newest) else 0

    def _known(self, age: float) -> dict[str, int | None]:
        if not self._ends:
            raise Unavailable("there is no engine yet", hint="try again in a few seconds")
        if self._clock() - self._looked > age:
            with self._lock:
                if self._clock() - self._looked > age:
                    self._look()
        return self._ends

    def _look(self) -> None:
        self._looked = self._clock()
        self._ends = dict(self._asking.epochs())
