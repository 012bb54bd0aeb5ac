"""Moving a cluster to another workspace: what leaves, what comes, and the move itself (`fleet-semantics.md` 3.8).

What is deployed stays until the new workspace says otherwise: bundles of the same name are taken over as they are,
the others leave once the cluster is in its new place. `fleet-local` is never a source or target, `local` never moves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

import msgspec

from extension.bundles import with_values
from extension.engine.agents import LEAVING
from extension.engine.bootstrap import LOCAL_WORKSPACE
from extension.engine.clusters import folder_of, is_directory, is_local
from extension.engine.stored import listed
from extension.objects.base import Key, ObjectMeta
from extension.objects.content import content_id
from extension.objects.errors import AlreadyExists, Invalid
from extension.objects.kinds import Bundle, BundleNamespaceMapping, Cluster, ClusterGroup, ClusterStatus, FleetWorkspace, Secret
from extension.settings import Settings
from extension.store.protocol import Store
from extension.targeting import MemoryUniverse, Templates, plan

Held = Callable[[Key], AbstractContextManager[None]]


class MoveResult(msgspec.Struct, frozen=True):
    """The cluster in its new place; the Bundles that leave it, come to it, and stay under the same name."""

    cluster: Key
    leaves: tuple[Key, ...]
    comes: tuple[Key, ...]


class Moves:
    """`held` keeps a cluster's agent from working while its folder and its object change places."""

    def __init__(self, store: Store, templates: Templates, settings: Settings, held: Held) -> None:
        self._held = held
        self._store = store
        self._templates = templates
        self._settings = settings

    def move(self, key: Key, workspace: str, labels: Mapping[str, str], dry_run: bool) -> MoveResult:
        """Raises NotFound for an unknown cluster or workspace, Invalid for `local`, AlreadyExists for a taken name."""
        cluster = self._store.get(Cluster, key.namespace, key.name)
        self._check(cluster, workspace)
        moved = self._moved(cluster, workspace, labels)
        comes = self._comes(moved)
        names = {bundle.name for bundle in comes}
        leaves = tuple(a.bundle for a in self._store.assigned(key) if not a.deleting and a.bundle.name not in names)
        if not dry_run:
            with self._held(key):
                self._write(cluster, moved, leaves)
        return MoveResult(moved.key, leaves, comes)

    def _check(self, cluster: Cluster, workspace: str) -> None:
        if is_local(cluster.key) or LOCAL_WORKSPACE in (cluster.metadata.namespace, workspace):
            raise Invalid(f"workspace {LOCAL_WORKSPACE} holds the local cluster only", where=str(cluster.key), field="workspace")
        if workspace == cluster.metadata.namespace:
            raise Invalid(f"the cluster is in workspace {workspace} already", where=str(cluster.key), field="workspace")
        self._store.get(FleetWorkspace, "", workspace)
        if self._store.find(Cluster, workspace, cluster.metadata.name) is not None:
            raise AlreadyExists(f"workspace {workspace} has a cluster {cluster.metadata.name}", field="workspace")

    def _moved(self, cluster: Cluster, workspace: str, labels: Mapping[str, str]) -> Cluster:
        meta = ObjectMeta(
            name=cluster.metadata.name,
            namespace=workspace,
            labels={**cluster.metadata.labels, **labels},
            annotations=cluster.metadata.annotations,
        )
        return Cluster(metadata=meta, spec=cluster.spec)

    def _comes(self, moved: Cluster) -> tuple[Key, ...]:
        """The Bundles of the new workspace that the cluster is a target of."""
        workspace = moved.metadata.namespace
        placed = msgspec.structs.replace(moved, status=ClusterStatus(namespace="moved"))
        universe = MemoryUniverse(
            [placed],
            listed(self._store, ClusterGroup, workspace),
            listed(self._store, BundleNamespaceMapping),
            {w.metadata.name: w.metadata.labels for w in listed(self._store, FleetWorkspace)},
        )
        found: list[Key] = []
        for bundle in listed(self._store, Bundle):
            secret = self._store.find(Secret, bundle.metadata.namespace, bundle.metadata.name) if bundle.spec.values_hash else None
            manifest = content_id(bundle.status.resources_sha256_sum)
            planned = plan(with_values(bundle, secret), universe, self._templates, manifest_id=manifest)
            if planned.clusters or planned.errors:
                found.append(bundle.key)
        return tuple(found)

    def _write(self, old: Cluster, moved: Cluster, leaves: tuple[Key, ...]) -> None:
        if is_directory(old):
            source, target = folder_of(self._settings, old.key), folder_of(self._settings, moved.key)
            if source.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                source.rename(target)
        annotations = {**moved.metadata.annotations, **({LEAVING: ",".join(b.name for b in leaves)} if leaves else {})}
        meta = msgspec.structs.replace(moved.metadata, annotations=annotations)
        self._store.create(msgspec.structs.replace(moved, metadata=meta))
        self._store.delete(Cluster, old.metadata.namespace, old.metadata.name)
