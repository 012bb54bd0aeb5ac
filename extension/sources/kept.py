"""A memory of downloads that stays within a number of bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Kept(Generic[K, V]):
    """The values used last, as many as fit `size` bytes in all; one larger than that is not kept. Safe for several threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._held = 0
        self._values: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: K) -> V | None:
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def put(self, key: K, value: V, size: int) -> None:
        """Keeps `value`, which counts for `size` bytes, in place of what had the key."""
        with self._lock:
            if key in self._values:
                self._held -= self._values.pop(key)[1]
            if size > self._size:
                return
            self._values[key] = (value, size)
            self._held += size
            while self._held > self._size:
                _, (_, dropped) = self._values.popitem(last=False)
                self._held -= dropped
