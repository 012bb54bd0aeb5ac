"""Operations remembered in the store, as documents that no API of objects shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from extension.objects.errors import NotFound
from extension.objects.kinds import Cluster
from extension.objects.moving import LEAVING, decoded_leaving
from extension.objects.operation import KEPT, Operation, OperationItem, Stage, key_of
from extension.store.protocol import Query, Store

HowFar = Callable[[OperationItem], Stage]
_ALL = Query(sort=("metadata.name",), limit=10 * KEPT)


class StoredOperations:
    """See `api.services.Operations`. `moved` tells how far a move is; without it, clusters are moved in one write of this store."""

    def __init__(self, store: Store, moved: HowFar | None = None) -> None:
        self._store = store
        self.moved = moved or partial(moved_at_once, store)

    def add(self, operation: Operation) -> Operation:
        made = self._store.create(operation)
        for old in self.list()[KEPT:]:
            with suppress(NotFound):  # another process has room to make as well
                self._store.delete(Operation, "", old.metadata.name)
        return made

    def find(self, name: str) -> Operation | None:
        return self._store.find(Operation, "", name)

    def list(self) -> Sequence[Operation]:
        """The newest first. None is ever changed, so its version is that of its creation."""
        found: list[Operation] = list(self._store.list(Operation, _ALL).items)
        return sorted(found, key=lambda one: -int(one.metadata.resource_version))


def moved_at_once(store: Store, item: OperationItem) -> Stage:
    """How far a move is that was one write: the rest is its agent's."""
    there = store.find(Cluster, item.workspace, key_of(Cluster.KIND, item).name)
    if there is None:
        return Stage("gone", f"it is not in workspace {item.workspace} any more")
    if marks := decoded_leaving(there.metadata.annotations.get(LEAVING, "")):
        return Stage("leaving", f"{len(marks)} bundles of its old workspace are not gone from it yet")
    summary = there.status.summary
    left = summary.wait_applied + summary.out_of_sync + summary.pending
    if left or (item.bundles and not summary.desired_ready):
        return Stage("arriving", f"{left or item.bundles} bundles of its new workspace are not applied yet")
    return Stage("done")
