"""Objects and shorthand for the engine's tests: one workspace, small bundles."""

from __future__ import annotations

from typing import Any

import msgspec

from extension.objects.base import Key, ObjectMeta
from extension.objects.kinds import Bundle, BundleResource, BundleSpec, BundleTarget, Cluster, ClusterSpec, FleetWorkspace
from extension.objects.selectors import LabelSelector
from extension.store.protocol import Query, Store

NS = "ws"
EVERYWHERE = BundleTarget(name="all", cluster_selector=LabelSelector())
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  key: {value}\n"

replace = msgspec.structs.replace


def config_map(name: str = "a", value: str = "one") -> str:
    return CONFIG_MAP.format(name=name, value=value)


def workspace(name: str) -> FleetWorkspace:
    return FleetWorkspace(metadata=ObjectMeta(name=name))


def cluster(name: str, namespace: str = NS, labels: dict[str, str] | None = None, annotations: Any = None, **spec: Any) -> Cluster:
    meta = ObjectMeta(name=name, namespace=namespace, labels=labels or {}, annotations=annotations or {})
    return Cluster(metadata=meta, spec=ClusterSpec(**spec))


def bundle(name: str, *targets: BundleTarget, namespace: str = NS, labels: dict[str, str] | None = None, **spec: Any) -> Bundle:
    """A Bundle with one ConfigMap, for every cluster unless targets are given."""
    given = {"resources": (BundleResource(name="a.yaml", content=config_map(name)),), "default_namespace": "web", **spec}
    meta = ObjectMeta(name=name, namespace=namespace, labels=labels or {})
    return Bundle(metadata=meta, spec=BundleSpec(targets=targets or (EVERYWHERE,), **given))


def cluster_key(name: str, namespace: str = NS) -> Key:
    return Key("Cluster", namespace, name)


def bundle_key(name: str, namespace: str = NS) -> Key:
    return Key("Bundle", namespace, name)


def changed(obj: Any, **spec: Any) -> Any:
    """The object with other fields in its spec."""
    return replace(obj, spec=replace(obj.spec, **spec))


def marked(obj: Any, **meta: Any) -> Any:
    """The object with other metadata."""
    return replace(obj, metadata=replace(obj.metadata, **meta))


def conditions(obj: Any) -> dict[str, str]:
    return {c.type: c.status for c in obj.status.conditions}


def message(obj: Any, type_: str) -> str:
    return next((c.message for c in obj.status.conditions if c.type == type_), "")


def states(store: Store, name: str, namespace: str = NS) -> dict[str, str]:
    """The state of a bundle's deployment by cluster."""
    page = store.deployments(Query(), bundle=bundle_key(name, namespace))
    return {d.metadata.labels["fleet.cattle.io/cluster"]: d.status.display.state for d in page.items}
