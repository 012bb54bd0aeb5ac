"""What was asked lately, for a while: bounded in time and in number. From any thread."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Remembered(Generic[K, V]):
    """Answers by question. The one that was put in longest ago goes when there are more than `size`."""

    def __init__(self, size: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._size = size
        self._clock = clock
        self._lock = threading.Lock()
        self._known: OrderedDict[K, tuple[float, V]] = OrderedDict()

    def get(self, key: K) -> tuple[V] | None:
        """The answer, in a tuple of its own since it may be None; None when there is none, or none any more."""
        with self._lock:
            found = self._known.get(key)
            if found is None:
                return None
            until, value = found
            if until <= self._clock():
                del self._known[key]
                return None
            return (value,)

    def put(self, key: K, value: V, seconds: float) -> None:
        with self._lock:
            self._known.pop(key, None)
            self._known[key] = (self._clock() + seconds, value)
            while len(self._known) > self._size:
                self._known.popitem(last=False)

    def drop(self, key: K) -> None:
        with self._lock:
            self._known.pop(key, None)

    def __len__(self) -> int:
        return len(self._known)
