"""Small things every reconciler does to stored objects."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from extension.objects.base import Condition, Key, Object
from extension.objects.errors import Busy, Conflict, NotFound
from extension.objects.kinds import Cluster
from extension.objects.selectors import LabelSelector
from extension.objects.states import condition, with_conditions
from extension.store.protocol import Query, Store

T = TypeVar("T", bound=Object)

PAGE = 500
_ATTEMPTS = 5


def now() -> str:
    """The time as Kubernetes writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def put(store: Store, obj: T) -> T:
    """Creates the object, or replaces all but the status of the one with its name; unchanged ones are not written."""
    there = store.find(type(obj), obj.metadata.namespace, obj.metadata.name)
    return store.create(obj) if there is None else store.update(obj)


def listed(store: Store, cls: type[T], namespace: str | None = None, label: str = "", value: str = "") -> list[T]:
    """Every object of a kind, in one namespace or all, with one label if named; Bundles without resources."""
    selector = LabelSelector(match_labels={label: value}) if label else None
    namespaces = None if namespace is None else (namespace,)
    found: list[T] = []
    after = ""
    while True:
        page = store.list(cls, Query(namespaces=namespaces, selector=selector, limit=PAGE, after=after))
        found += page.items
        after = page.next
        if not after:
            return found


def imported(store: Store, cluster: Key, status: str, message: str) -> None:
    """Says on a Cluster whether it can be reached; nothing on one that is gone."""

    def told(one: Cluster) -> Cluster:
        new = condition("Imported", status, now(), one.status.conditions, message=message)
        conditions = with_conditions(one.status.conditions, new)
        return msgspec.structs.replace(one, status=msgspec.structs.replace(one.status, conditions=conditions))

    with suppress(NotFound):
        store.change_status(Cluster, cluster.namespace, cluster.name, told)


def unreachable(cluster: Cluster) -> Condition | None:
    """The condition of a Cluster that says why it can't be reached; None where it says nothing of that."""
    return next((one for one in cluster.status.conditions if one.type == "Imported" and one.status == "False"), None)


def redeployed(store: Store, cluster: Cluster, generation: int) -> None:
    """Says which forced update the agent of a cluster has done (`fleet-semantics.md` 3.8)."""
    status = msgspec.structs.replace(cluster.status, agent_deployed_generation=generation)
    store.update_status(msgspec.structs.replace(cluster, status=status))


def ensure_finalizer(store: Store, obj: T, finalizer: str) -> T:
    """The object with the finalizer on it, written if it was not there. Raises Conflict when it changed meanwhile."""
    if finalizer in obj.metadata.finalizers:
        return obj
    metadata = msgspec.structs.replace(obj.metadata, finalizers=(*obj.metadata.finalizers, finalizer))
    return store.update(msgspec.structs.replace(obj, metadata=metadata))


def drop_finalizer(store: Store, obj: Object, finalizer: str) -> None:
    """Ends what the finalizer held up; the object goes when it was the last one."""
    store.update(without_finalizer(obj, finalizer))


def without_finalizer(obj: T, finalizer: str) -> T:
    kept = tuple(f for f in obj.metadata.finalizers if f != finalizer)
    return msgspec.structs.replace(obj, metadata=msgspec.structs.replace(obj.metadata, finalizers=kept))


def changed(store: Store, obj: T, change: Callable[[T], T]) -> None:
    """Writes what `change` makes of the object, or of a newer version of it; nothing of one that is gone. Raises Busy when others write it
    all the time."""
    found: T | None = obj
    for _ in range(_ATTEMPTS):
        if found is None:
            return
        try:
            store.update(change(found))
        except Conflict:
            found = store.find(type(obj), obj.metadata.namespace, obj.metadata.name)
        else:
            return
    raise Busy(f"{obj.key} is written by others all the time", 1)
