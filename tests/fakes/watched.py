"""A store that tells what is asked of it, and lets a test come in between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from extension.store.protocol import Store


class WatchedStore:
    """`store` behind a list of `calls`. `before` and `after` map a method to what happens once, around its next call."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.calls: list[str] = []
        self.before: dict[str, Callable[[], Any]] = {}
        self.after: dict[str, Callable[[], Any]] = {}

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if not callable(method):
            return method

        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls.append(name)
            self.before.pop(name, _nothing)()
            found = method(*args, **kwargs)
            self.after.pop(name, _nothing)()
            return found

        return call

    def asked(self, look: Callable[[], Any]) -> list[str]:
        """The calls that `look` makes."""
        self.calls.clear()
        look()
        return list(self.calls)


def _nothing() -> None:
    pass
