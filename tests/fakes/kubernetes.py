"""A Kubernetes API in memory, as far as `delivery.observing` asks it."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from extension.delivery.client import Kind

Object = dict[str, Any]


class MemoryCluster:
    """`objects` are what is there. `defaults` are added to a spec by the server; `lists` counts what was listed. `changes` are what others
    do to an object before each time something would be applied to it: laid over it, or deleted for None."""

    def __init__(self, *kinds: Kind, defaults: Mapping[str, Any] | None = None) -> None:
        self._kinds = {(kind.api_version, kind.kind): kind for kind in kinds}
        self._defaults = dict(defaults or {})
        self.objects: list[Object] = []
        self.lists: list[tuple[str, str]] = []
        self.asked: list[str] = []
        self.changes: list[Object | None] = []

    def put(self, *objects: Object) -> None:
        self.objects += [copy.deepcopy(obj) for obj in objects]

    def kind(self, api_version: str, kind: str) -> Kind | None:
        return self._kinds.get((api_version, kind))

    def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        return next((obj for obj in self._of(kind, namespace) if obj["metadata"]["name"] == name), None)

    def list(self, kind: Kind, namespace: str = "", selector: str = "") -> Iterator[Object]:
        self.lists.append((kind.kind, namespace))
        key, _, value = selector.partition("=")
        for obj in self._of(kind, namespace):
            if not selector or obj["metadata"].get("labels", {}).get(key) == value:
                yield copy.deepcopy(obj)

    def dry_apply(self, kind: Kind, namespace: str, obj: Object, manager: str) -> Object:
        """The live object with what is applied laid over it."""
        name = obj["metadata"]["name"]
        assert obj["metadata"].get("namespace", "") == namespace
        self.asked.append(name)
        self._change(kind, namespace, name)
        live = self.get(kind, namespace, name)
        return _laid(copy.deepcopy(live or {}), {**obj, "spec": {**self._defaults, **(obj.get("spec") or {})}})

    def _change(self, kind: Kind, namespace: str, name: str) -> None:
        live = self.get(kind, namespace, name)
        if self.changes and live:
            self.objects.remove(live)
            if change := self.changes.pop(0):
                version = int(live["metadata"].get("resourceVersion", "0")) + 1
                self.put(_laid(_laid(live, change), {"metadata": {"resourceVersion": str(version)}}))

    def _of(self, kind: Kind, namespace: str) -> Iterator[Object]:
        for obj in self.objects:
            same = (obj["apiVersion"], obj["kind"]) == (kind.api_version, kind.kind)
            if same and (not namespace or obj["metadata"].get("namespace", "") == namespace):
                yield obj


def _laid(base: Object, over: Object) -> Object:
    for key, value in over.items():
        base[key] = _laid(base.get(key) or {}, value) if isinstance(value, dict) else value
    return base
