"""A management cluster in memory, for repairs: objects by name, versions that count, and what reacts to a write."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from extension.objects.errors import Conflict, UserError
from extension.rancher.repair.world import Ref, Seen, World, world

NOW = "2026-11-29T12:00:00Z"
EARLIER = "2026-11-29T11:55:00Z"
LONG_AGO = "2026-11-28T12:00:00Z"
SILENT = 2700.0


def obj(kind: str, namespace: str, name: str, **parts: Any) -> Seen:
    """An object; `labels`, `annotations` and `created` are of its metadata."""
    created = parts.pop("created", LONG_AGO)
    metadata: dict[str, Any] = {"namespace": namespace, "name": name, "uid": f"uid-{name}", "creationTimestamp": created}
    metadata |= {field: parts.pop(field) for field in ("labels", "annotations", "deletionTimestamp", "generation") if field in parts}
    return Seen(Ref(kind, namespace, name), {"metadata": metadata, **parts})


def snapshot(*objects: Seen) -> World:
    return world(NOW, SILENT, objects)


class Management:
    """See `repairs.Place`. `after` is called with each object that was written, as a controller would be, and may change it;
    `refuse` is raised for a write of its object; `raced` are objects that somebody else changes before the next write."""

    def __init__(self, *objects: Seen, after: Callable[[dict[str, Any], Ref], None] = lambda raw, at: None) -> None:
        self.objects: dict[Ref, dict[str, Any]] = {one.at: copy.deepcopy(dict(one.raw)) for one in objects}
        self.after = after
        self.refuse: dict[Ref, UserError] = {}
        self.raced: set[Ref] = set()
        self.writes: list[tuple[str, Ref]] = []
        for raw in self.objects.values():
            raw["metadata"]["resourceVersion"] = "1"

    def world(self, silent_after: float) -> World:
        return world(NOW, silent_after, [Seen(at, copy.deepcopy(raw)) for at, raw in self.objects.items()])

    def read(self, at: Ref) -> Seen | None:
        if at in self.refuse and self.refuse[at].status == 503:
            raise self.refuse[at]
        return Seen(at, copy.deepcopy(self.objects[at])) if at in self.objects else None

    def patch(self, seen: Seen, patch: Mapping[str, Any]) -> None:
        self._check(seen)
        raw = self.objects[seen.at]
        _merge(raw, patch)
        if "spec" in patch:
            raw["metadata"]["generation"] = raw["metadata"].get("generation", 1) + 1
        self._wrote("patch", seen.at)
        self.after(raw, seen.at)

    def delete(self, seen: Seen) -> None:
        self._check(seen)
        self._wrote("delete", seen.at)
        del self.objects[seen.at]

    def _check(self, seen: Seen) -> None:
        if seen.at in self.refuse:
            raise self.refuse[seen.at]
        raw = self.objects[seen.at]
        if seen.at in self.raced:
            self.raced.discard(seen.at)
            raw["metadata"]["resourceVersion"] += "0"
        if raw["metadata"]["resourceVersion"] != seen.text("metadata", "resourceVersion"):
            raise Conflict("the object has been modified")

    def _wrote(self, how: str, at: Ref) -> None:
        self.writes.append((how, at))
        self.objects[at]["metadata"]["resourceVersion"] += "1"


def _merge(raw: dict[str, Any], patch: Mapping[str, Any]) -> None:
    """A JSON merge patch."""
    for name, value in patch.items():
        if value is None:
            raw.pop(name, None)
        elif isinstance(value, Mapping):
            _merge(raw.setdefault(name, {}), value)
        else:
            raw[name] = value
