"""The parts statuses are made of (`fleet-semantics.md` 1.2, 1.3, 1.5)."""

from __future__ import annotations

from typing import Any

from extension.objects.base import Condition, Struct


class FieldChange(Struct, frozen=True):
    """A field that is not as deployed. `path` is a JSON pointer, as `diff.comparePatches` takes it; `wanted` and `found` are JSON, cut
    where they are long, `***` in a Secret, empty where the field is not there. `manager` is the field manager that set it and `time`
    when that had last written to the object when this was seen first; both are empty where the cluster can't tell."""

    path: str = ""
    wanted: str = ""
    found: str = ""
    manager: str = ""
    time: str = ""


class ModifiedStatus(Struct, frozen=True):
    """One object that differs from what was deployed. `patch` is a JSON merge patch as text. Fleet has not what follows it: `changes` are
    the first fields that differ, `more_changes` how many there are besides, `repairs` how often it was corrected in vain before that was
    given up, else 0."""

    kind: str = ""
    api_version: str = ""
    namespace: str = ""
    name: str = ""
    missing: bool = False
    exist: bool = False
    delete: bool = False
    patch: str = ""
    changes: tuple[FieldChange, ...] = ()
    more_changes: int = 0
    repairs: int = 0


class Correction(Struct, frozen=True):
    """How often in a row the same fields of an object were corrected (JSON pointers; the empty one is the whole object), and when last."""

    kind: str = ""
    api_version: str = ""
    namespace: str = ""
    name: str = ""
    fields: tuple[str, ...] = ()
    repairs: int = 0
    time: str = ""


class ResourceSummary(Struct, frozen=True):
    state: str = ""
    error: bool = False
    transitioning: bool = False
    message: tuple[str, ...] = ()


class NonReadyStatus(Struct, frozen=True):
    uid: str = ""
    kind: str = ""
    api_version: str = ""
    namespace: str = ""
    name: str = ""
    summary: ResourceSummary = ResourceSummary()


class NonReadyResource(Struct, frozen=True):
    name: str = ""
    bundle_state: str = ""
    message: str = ""
    modified_status: tuple[ModifiedStatus, ...] = ()
    non_ready_status: tuple[NonReadyStatus, ...] = ()


class BundleSummary(Struct, frozen=True):
    not_ready: int = 0
    wait_applied: int = 0
    err_applied: int = 0
    out_of_sync: int = 0
    modified: int = 0
    ready: int = 0
    pending: int = 0
    desired_ready: int = 0
    non_ready_resources: tuple[NonReadyResource, ...] = ()


class ResourceCounts(Struct, frozen=True):
    ready: int = 0
    desired_ready: int = 0
    wait_applied: int = 0
    modified: int = 0
    orphaned: int = 0
    missing: int = 0
    unknown: int = 0
    not_ready: int = 0

    def __add__(self, other: ResourceCounts) -> ResourceCounts:
        return ResourceCounts(*(getattr(self, f) + getattr(other, f) for f in self.__struct_fields__))


class ResourceKey(Struct, frozen=True):
    """An object a deployment owns on its cluster."""

    kind: str = ""
    api_version: str = ""
    namespace: str = ""
    name: str = ""
    created_at: str = ""


class PerClusterState(Struct, frozen=True):
    ready: tuple[str, ...] = ()
    wait_applied: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    modified: tuple[str, ...] = ()
    orphaned: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    not_ready: tuple[str, ...] = ()


class Resource(Struct, frozen=True):
    api_version: str = ""
    kind: str = ""
    type: str = ""
    id: str = ""
    namespace: str = ""
    name: str = ""
    incomplete_state: bool = False
    state: str = ""
    per_cluster_state: PerClusterState = PerClusterState()


class Display(Struct, frozen=True):
    """What tables show; which fields are filled depends on the kind (`fleet-semantics.md` 1.19)."""

    ready_bundle_deployments: str = ""
    ready_bundles: str = ""
    ready_clusters: str = ""
    deployed: str = ""
    monitored: str = ""
    state: str = ""
    message: str = ""
    error: bool = False


class StatusBase(Struct, frozen=True):
    ready_clusters: int = 0
    desired_ready_clusters: int = 0
    summary: BundleSummary = BundleSummary()
    display: Display = Display()
    conditions: tuple[Condition, ...] = ()
    resources: tuple[Resource, ...] = ()
    resource_counts: ResourceCounts = ResourceCounts()
    per_cluster_resource_counts: dict[str, Any] = {}
