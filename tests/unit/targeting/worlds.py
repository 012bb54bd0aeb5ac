"""Small universes and bundles for these tests."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from extension.objects.codec import decode
from extension.objects.errors import Invalid
from extension.objects.kinds import Bundle, BundleNamespaceMapping, Cluster, ClusterGroup
from extension.targeting import MemoryUniverse


def cluster(name: str, labels: Mapping[str, str] | None = None, namespace: str = "ws", **spec: Any) -> Cluster:
    meta = {"name": name, "namespace": namespace, "labels": labels or {}}
    return decode(Cluster, {"metadata": meta, "spec": spec, "status": {"namespace": f"cluster-{namespace}-{name}"}})


def group(name: str, selector: Any, labels: Mapping[str, str] | None = None, namespace: str = "ws") -> ClusterGroup:
    meta = {"name": name, "namespace": namespace, "labels": labels or {}}
    return decode(ClusterGroup, {"metadata": meta, "spec": {"selector": selector}})


def mapping(bundles: Any, namespaces: Any) -> BundleNamespaceMapping:
    return decode(
        BundleNamespaceMapping, {"metadata": {"name": "m", "namespace": "ws"}, "bundleSelector": bundles, "namespaceSelector": namespaces}
    )


def bundle(spec: Mapping[str, Any], labels: Mapping[str, str] | None = None, name: str = "app") -> Bundle:
    return decode(Bundle, {"metadata": {"name": name, "namespace": "ws", "labels": labels or {}}, "spec": spec})


def names(universe: MemoryUniverse, clusters: Any) -> set[str]:
    return {universe.cluster(number).metadata.name for number in clusters}


class Substituting:
    """Templates without Go: `${.Path}` with literal fields only, a missing one is an error."""

    def __init__(self) -> None:
        self.calls = 0

    def evaluate(self, text: str, context: Mapping[str, Any]) -> str:
        self.calls += 1

        def value(found: re.Match[str]) -> str:
            at: Any = context
            for part in found[1].split(".")[1:]:
                if part not in at:
                    raise Invalid(f"map has no entry for key {part!r}")
                at = at[part]
            return str(at)

        return re.sub(r"\$\{ *([.\w]+) *\}", value, text)
