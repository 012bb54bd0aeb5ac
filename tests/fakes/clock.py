"""A clock that stands still until a test moves it."""

from __future__ import annotations


class Clock:
    """Callable, as `time.monotonic` is."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += seconds
