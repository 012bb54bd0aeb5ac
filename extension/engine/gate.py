"""Who comes in: a few at a time. A storm of reconnecting agents is told when to come back, and does not wait in a queue."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from extension.jitter import spread
from extension.objects.errors import Busy


class Gate:
    """At most `width` are inside. Others get Busy, with a time between `wait` seconds and three times as long."""

    def __init__(self, what: str, width: int, wait: int) -> None:
        self._what = what
        self._wait = wait
        self._free = threading.BoundedSemaphore(width)

    @contextmanager
    def entered(self) -> Iterator[None]:
        if not self._free.acquire(blocking=False):
            raise Busy(f"too many {self._what} at once", round(spread(self._wait, 1, 3)))
        try:
            yield
        finally:
            self._free.release()
