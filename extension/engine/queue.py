"""A keyed work queue: one key is worked on by one thread at a time, its wishes coalesce, failures back off.

Controllers are level-triggered: a key says "look at this object", never what changed, so a hundred events for one
object cost one pass, and an event that comes while its object is being worked on makes exactly one more pass.
A handler returns the seconds after which to look again, or None. Waiting keys cost no thread: one heap of due times
serves them all.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

import structlog

from extension.jitter import spread
from extension.objects.errors import UserError

K = TypeVar("K", bound=Hashable)

log = structlog.get_logger()

FIRST_BACK_OFF = 0.5
LONGEST_BACK_OFF = 60.0


class Queue(Generic[K]):
    """Handlers run in `workers` daemon threads from `start` to `stop`. Times are seconds of `clock` (monotonic)."""

    def __init__(self, name: str, handler: Callable[[K], float | None], workers: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self._handler = handler
        self._clock = clock
        self._condition = threading.Condition()
        self._due: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._number = 0
        self._active: set[K] = set()
        self._failures: dict[K, int] = {}
        self._ended: dict[K, float] = {}
        self._stopped = False
        self._threads = [threading.Thread(target=self._work, name=f"{name}-{i}", daemon=True) for i in range(workers)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def add(self, key: K, after: float = 0.0) -> None:
        """Asks for `key` to be worked on `after` seconds from now, or sooner if it is already asked for sooner."""
        with self._condition:
            self._put(key, self._clock() + after)

    def add_apart(self, key: K, apart: float) -> None:
        """Asks for `key` now, or `apart` seconds after the end of its last pass if that is later: for what comes often, and of which
        one pass sees all."""
        with self._condition:
            now = self._clock()
            ended = self._ended.setdefault(key, now - apart)
            self._put(key, now + apart if key in self._active else max(now, ended + apart))

    def forget(self, key: K) -> None:
        """Drops a waiting wish and all that is remembered of a key whose object is gone."""
        with self._condition:
            self._due.pop(key, None)
            self._failures.pop(key, None)
            self._ended.pop(key, None)

    def stop(self, timeout: float = 5.0) -> None:
        """Lets running handlers end (up to `timeout` seconds in all) and starts no new ones."""
        with self._condition:
            self._stopped = True
            self._condition.notify_all()
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, deadline - time.monotonic()))

    def idle(self) -> bool:
        """Whether nothing runs and nothing is due now."""
        with self._condition:
            return not self._active and all(due > self._clock() for due in self._due.values())

    def _put(self, key: K, when: float) -> None:
        known = self._due.get(key)
        if known is None or when < known:
            self._due[key] = when
            if key not in self._active:
                self._push(key)

    def _push(self, key: K) -> None:
        self._number += 1
        heapq.heappush(self._heap, (self._due[key], self._number, key))
        self._condition.notify()

    def _take(self) -> K | None:
        """The next due key; None when the queue has stopped. A key that is being worked on is not in the heap."""
        with self._condition:
            while not self._stopped:
                while self._heap and self._due.get(self._heap[0][2]) != self._heap[0][0]:
                    heapq.heappop(self._heap)
                wait = self._heap[0][0] - self._clock() if self._heap else None
                if wait is None or wait > 0:
                    self._condition.wait(wait)
                    continue
                key = heapq.heappop(self._heap)[2]
                del self._due[key]
                self._active.add(key)
                return key
        return None

    def _done(self, key: K, again: float | None) -> None:
        with self._condition:
            if again is not None:
                self._put(key, self._clock() + again)
            if key in self._ended:
                self._ended[key] = self._clock()
            self._active.discard(key)
            if key in self._due:
                self._push(key)

    def _work(self) -> None:
        while (key := self._take()) is not None:
            again: float | None
            try:
                again = self._handler(key)
                self._failures.pop(key, None)
            except UserError as error:
                again = self._back_off(key)
                log.warning("retry", queue=self.name, key=str(key), error=str(error), after=round(again, 1))
            except Exception:
                again = self._back_off(key)
                log.exception("failed", queue=self.name, key=str(key), after=round(again, 1))
            self._done(key, again)

    def _back_off(self, key: K) -> float:
        count = self._failures[key] = self._failures.get(key, 0) + 1
        longest = min(LONGEST_BACK_OFF, FIRST_BACK_OFF * 2.0 ** min(count - 1, 10))
        return spread(longest, 0.7, 1.0)
