"""A store whose disk is full when a test says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from extension.objects.errors import Unavailable
from extension.store.protocol import Report, Store


class FullDisk:
    """A store; while `full` it takes no reports. `batches` are the sizes of those it took, `refused` how many it did not."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.full = False
        self.batches: list[int] = []
        self.refused = 0

    def report(self, reports: Sequence[Report]) -> Mapping[tuple[int, int], int]:
        if self.full:
            self.refused += 1
            raise Unavailable("the disk is full")
        standing = self._store.report(reports)
        self.batches.append(len(reports))
        return standing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)
