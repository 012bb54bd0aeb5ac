"""How many unproven deliveries are still written to the log. Anybody can send them, and a flood must not keep others from the disk."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

RATE = 5.0
"""Rows a second in the long run."""
MOST = 50.0
"""Rows at once."""


class Allowance:
    """A bucket that fills by RATE a second up to MOST; each row takes one out. Its clock is `time.monotonic`, or a test's."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._left = MOST
        self._filled = clock()

    def take(self) -> bool:
        """Whether one more may be written."""
        with self._lock:
            moment = self._clock()
            self._left = min(MOST, self._left + (moment - self._filled) * RATE)
            self._filled = moment
            if self._left < 1:
                return False
            self._left -= 1
            return True
