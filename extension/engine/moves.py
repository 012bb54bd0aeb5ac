"""Moving a cluster to another workspace: what leaves, what comes, and the move itself (`fleet-semantics.md` 3.8).

What is deployed stays until the new workspace says otherwise: bundles of the same name are taken over as they are,
the others leave once the cluster is in its new place. `fleet-local` is never a source or target, `local` never moves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import msgspec

from extension.engine.clusters import is_local
from extension.engine.folders import Folders
from extension.engine.leaving import LEAVING
from extension.engine.stored import listed
from extension.objects.base import Key, ObjectMeta
from extension.objects.errors import AlreadyExists, Invalid
from extension.objects.kinds import Bundle, BundleNamespaceMapping, Cluster, ClusterGroup, ClusterStatus, FleetWorkspace
from extension.objects.names import LOCAL_WORKSPACE
from extension.settings import Settings
from extension.store.protocol import Store
from extension.targeting import MemoryUniverse, Templates, plan
from extension.targeting.planning import searched

Held = Callable[[Key], AbstractContextManager[None]]


class MoveResult(msgspec.Struct, frozen=True):
    """The cluster in its new place; the Bundles that leave it, come to it, and stay under the same name; what else is to be told."""

    cluster: Key
    leaves: tuple[Key, ...]
    comes: tuple[Key, ...]
    told: dict[str, Any] = {}


class Moves:
    """`held` keeps a cluster's agent from working while its folder and its object change places."""

    def __init__(self, store: Store, templates: Templates, settings: Settings, held: Held) -> None:
        self._held = held
        self._store = store
        self._templates = templates
        self.folders = Folders(store, settings)

    def move(self, key: Key, workspace: str, labels: Mapping[str, str], dry_run: bool) -> MoveResult:
        """Raises NotFound for an unknown cluster or workspace, Invalid for `local`, AlreadyExists for a taken name."""
        cluster = self._store.get(Cluster, key.namespace, key.name)
        self._check(cluster, workspace)
        if dry_run:
            return self._foreseen(cluster, workspace, labels)[0]
        with self._held(key):
            cluster = self._store.get(Cluster, key.namespace, key.name)  # what ran until now may have written to it
            result, moved = self._foreseen(cluster, workspace, labels)
            with self.folders.carried(cluster, workspace):
                self._store.move(cluster, moved)
        return result

    def _foreseen(self, cluster: Cluster, workspace: str, labels: Mapping[str, str]) -> tuple[MoveResult, Cluster]:
        moved = in_workspace(cluster, workspace, labels)
        result = foreseen(self._store, self._templates, cluster, moved)
        names = {bundle.name for bundle in result.comes}
        return result, _marked(moved, _leaving(cluster, result.leaves) - names)

    def _check(self, cluster: Cluster, workspace: str) -> None:
        if is_local(cluster.key) or LOCAL_WORKSPACE in (cluster.metadata.namespace, workspace):
            raise Invalid(f"workspace {LOCAL_WORKSPACE} holds the local cluster only", where=str(cluster.key), field="workspace")
        if workspace == cluster.metadata.namespace:
            raise Invalid(f"the cluster is in workspace {workspace} already", where=str(cluster.key), field="workspace")
        self._store.get(FleetWorkspace, "", workspace)
        if self._store.find(Cluster, workspace, cluster.metadata.name) is not None:
            raise AlreadyExists(f"workspace {workspace} has a cluster {cluster.metadata.name}", field="workspace")
        name = cluster.metadata.name
        source, target = self.folders.of(cluster.metadata.namespace, name), self.folders.of(workspace, name)
        if source.exists() and target.exists() and any(target.iterdir()):
            raise AlreadyExists(f"there is a folder {workspace}/{name} of an earlier cluster", field="workspace", hint="move it away")


def in_workspace(cluster: Cluster, workspace: str, labels: Mapping[str, str]) -> Cluster:
    """The cluster as it is made anew in a workspace, with these labels besides."""
    meta = ObjectMeta(
        name=cluster.metadata.name,
        namespace=workspace,
        labels={**cluster.metadata.labels, **labels},
        annotations=cluster.metadata.annotations,
        finalizers=cluster.metadata.finalizers,
    )
    return Cluster(metadata=meta, spec=cluster.spec)


def foreseen(store: Store, templates: Templates, cluster: Cluster, moved: Cluster) -> MoveResult:
    """What a move of the cluster does, by what is stored."""
    comes = _comes(store, templates, moved)
    names = {bundle.name for bundle in comes}
    leaves = tuple(a.bundle for a in store.assigned(cluster.key) if not a.deleting and a.bundle.name not in names)
    return MoveResult(moved.key, leaves, comes)


def _comes(store: Store, templates: Templates, moved: Cluster) -> tuple[Key, ...]:
    """The Bundles that the cluster is a target of in its new workspace. Values say nothing about that, so they need not be there."""
    workspace = moved.metadata.namespace
    placed = msgspec.structs.replace(moved, status=ClusterStatus(namespace="moved"))
    universe = MemoryUniverse(
        [placed],
        listed(store, ClusterGroup, workspace),
        listed(store, BundleNamespaceMapping),
        {w.metadata.name: w.metadata.labels for w in listed(store, FleetWorkspace)},
    )
    found: list[Key] = []
    for bundle in listed(store, Bundle):
        if bundle.metadata.deletion_timestamp or workspace not in searched(bundle, universe):
            continue
        try:
            planned = plan(bundle, universe, templates, manifest_id="")
        except Invalid:  # a broken Bundle comes to nobody
            continue
        if planned.clusters or planned.errors:
            found.append(bundle.key)
    return tuple(found)


def _marked(moved: Cluster, leaving: set[str]) -> Cluster:
    annotations = {key: value for key, value in moved.metadata.annotations.items() if key != LEAVING}
    annotations |= {LEAVING: ",".join(sorted(leaving))} if leaving else {}
    return msgspec.structs.replace(moved, metadata=msgspec.structs.replace(moved.metadata, annotations=annotations))


def _leaving(cluster: Cluster, leaves: tuple[Key, ...]) -> set[str]:
    """The bundles a cluster is to be rid of, with those it still has from an earlier move."""
    earlier = cluster.metadata.annotations.get(LEAVING, "")
    return {*(bundle.name for bundle in leaves), *filter(None, earlier.split(","))}
