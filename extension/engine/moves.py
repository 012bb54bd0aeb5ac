"""Moving a cluster to another workspace: what leaves, what comes, and the move itself (`fleet-semantics.md` 3.8).

What is deployed stays until the new workspace says otherwise: bundles of the same name are taken over as they are,
the others leave once the cluster is in its new place. `fleet-local` is never a source or target, `local` never moves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager

import msgspec

from extension.engine.folders import Folders
from extension.engine.stored import listed
from extension.objects.base import Key, ObjectMeta
from extension.objects.errors import AlreadyExists, Conflict, Invalid
from extension.objects.kinds import Bundle, BundleNamespaceMapping, Cluster, ClusterGroup, ClusterStatus, FleetWorkspace
from extension.objects.marks import is_local
from extension.objects.moving import LEAVING, Leaving, Move, Moved, decoded_leaving, with_marks
from extension.objects.names import LOCAL_WORKSPACE
from extension.objects.options import BundleDeploymentOptions
from extension.rendering.render import Input, release_of
from extension.settings import Settings
from extension.store.protocol import Assigned, Store
from extension.targeting import MemoryUniverse, Templates, plan
from extension.targeting.planning import searched

SOME = 5
"""So many names are told."""
Held = Callable[[Key], AbstractContextManager[None]]


class Moves:
    """`held` keeps a cluster's agent from working while its folder and its object change places."""

    def __init__(self, store: Store, templates: Templates, settings: Settings, held: Held) -> None:
        self._held = held
        self._store = store
        self._templates = templates
        self.folders = Folders(store, settings)

    def move(self, key: Key, wanted: Move, dry_run: bool) -> Moved:
        """Raises NotFound for an unknown cluster or workspace, Invalid for `local`, AlreadyExists for a taken name, and Conflict where
        something would be taken over that may not be."""
        cluster = self._store.get(Cluster, key.namespace, key.name)
        self._check(cluster, wanted)
        if dry_run:
            return self._foreseen(cluster, wanted)[0]
        with self._held(key):
            cluster = self._store.get(Cluster, key.namespace, key.name)  # what ran until now may have written to it
            result, moved = self._foreseen(cluster, wanted)
            with self.folders.carried(cluster, wanted.workspace):
                self._store.move(cluster, moved)
        return result

    def _foreseen(self, cluster: Cluster, wanted: Move) -> tuple[Moved, Cluster]:
        moved = in_workspace(cluster, wanted)
        there = deployed(self._store, cluster.key)
        comes = coming(self._store, self._templates, moved)
        result = outcome(moved.key, there, comes, wanted)
        return result, with_marks(moved, _leaving(cluster, there, comes, wanted))

    def _check(self, cluster: Cluster, wanted: Move) -> None:
        workspace = wanted.workspace
        if cluster.metadata.deletion_timestamp:
            raise Conflict("the cluster is being deleted", where=str(cluster.key))
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


def in_workspace(cluster: Cluster, wanted: Move) -> Cluster:
    """The cluster as it is made anew in its new workspace."""
    meta = ObjectMeta(
        name=cluster.metadata.name,
        namespace=wanted.workspace,
        labels={**cluster.metadata.labels, **wanted.labels},
        annotations=cluster.metadata.annotations,
        finalizers=cluster.metadata.finalizers,
    )
    return Cluster(metadata=meta, spec=cluster.spec)


def deployed(store: Store, cluster: Key) -> list[Assigned]:
    """What a cluster has and keeps."""
    return [one for one in store.assigned(cluster) if one.is_wanted]


def outcome(cluster: Key, there: Sequence[Assigned], comes: Mapping[Key, BundleDeploymentOptions], wanted: Move) -> Moved:
    """What a move does. Raises Conflict for a bundle that would be taken over and may not be."""
    wants, has = {bundle.name for bundle in comes}, {one.bundle.name for one in there}
    leaves = [one for one in there if one.bundle.name not in wants]
    adopts = tuple(bundle for bundle in comes if bundle.name in has)
    if adopts and not wanted.adopt:
        some = ", ".join(sorted(bundle.name for bundle in adopts)[:SOME])
        hint = "move with adopt, or rename them in one of the workspaces"
        raise Conflict(f"{len(adopts)} bundles are in both workspaces and would be taken over: {some}", field="adopt", hint=hint)
    return Moved(
        cluster,
        tuple(one.bundle for one in leaves),
        adopts,
        tuple(bundle for bundle in comes if bundle.name not in has),
        removed=sum(
            one.status.resource_counts.desired_ready for one in leaves if not (wanted.keep_resources or one.options.keep_resources)
        ),
    )


def coming(store: Store, templates: Templates, moved: Cluster) -> dict[Key, BundleDeploymentOptions]:
    """The Bundles that the cluster is a target of in its new workspace, with their options there, empty where a template has an error.
    Values say nothing about that, so they need not be there."""
    workspace = moved.metadata.namespace
    placed = msgspec.structs.replace(moved, status=ClusterStatus(namespace="moved"))
    universe = MemoryUniverse(
        [placed],
        listed(store, ClusterGroup, workspace),
        listed(store, BundleNamespaceMapping),
        {w.metadata.name: w.metadata.labels for w in listed(store, FleetWorkspace)},
    )
    found: dict[Key, BundleDeploymentOptions] = {}
    for bundle in listed(store, Bundle):
        if bundle.metadata.deletion_timestamp or workspace not in searched(bundle, universe):
            continue
        try:
            planned = plan(bundle, universe, templates, manifest_id="")
        except Invalid:  # a broken Bundle comes to nobody
            continue
        if planned.clusters or planned.errors:
            found[bundle.key] = next((one.variant.options for one in planned.assignments), BundleDeploymentOptions())
    return found


def _leaving(cluster: Cluster, there: Sequence[Assigned], comes: Mapping[Key, BundleDeploymentOptions], wanted: Move) -> set[Leaving]:
    """What a cluster is to be rid of, with what it still has from an earlier move."""
    by_name = {bundle.name: options for bundle, options in comes.items()}
    found = set()
    for one in there:
        name, old = one.bundle.name, one.status.release.rpartition(":")[0]
        if name not in by_name or (old and old != _place(name, by_name[name])):
            found.add(Leaving(name, wanted.keep_resources, replaced=name in by_name))
    earlier = decoded_leaving(cluster.metadata.annotations.get(LEAVING, ""))
    return found | {Leaving(mark.bundle, mark.keep, replaced=mark.bundle in by_name) for mark in earlier}


def _place(bundle: str, options: BundleDeploymentOptions) -> str:
    """Where a bundle's release will be, empty for a name that Helm refuses."""
    try:
        name, namespace = release_of(Input(bundle, options, ()))
    except Invalid:
        return ""
    return f"{namespace}/{name}"
