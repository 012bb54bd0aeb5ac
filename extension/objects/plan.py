"""A Plan: which clusters get which options of a bundle, as sets; and a Step: what of it is written now.

Clusters are dense integers in roaring bitmaps, so a plan for a million clusters is as small as its number of
variants (`design.md` decisions 1 and 2). Dry run, preview, tests and apply share these values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from pyroaring import FrozenBitMap

from extension.objects.base import Key
from extension.objects.options import BundleDeploymentOptions

NONE = FrozenBitMap()
Facet = tuple[str, ...]
"""What an answer about clusters was read from, such as `("label", "env", "dev")`."""


class Group(msgspec.Struct, frozen=True):
    """A ClusterGroup and its clusters. A group without a selector, or with a broken one, has none."""

    name: str
    labels: Mapping[str, str]
    members: FrozenBitMap


class Inputs(msgspec.Struct, frozen=True):
    """What `${ }` templates may read of a cluster; `template_values` is its `spec.templateValues`."""

    namespace: str
    name: str
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    template_values: Mapping[str, Any] = {}


class Variant(msgspec.Struct, frozen=True):
    """Options that some clusters share, and the deployment ID they make together with the content.

    Two variants with one `deployment_id` can differ in what the ID leaves out (diff, correctDrift, namespace labels);
    `digest` is a hash of all options, so it tells them apart.
    """

    deployment_id: str
    options: BundleDeploymentOptions
    digest: str = ""


class Assignment(msgspec.Struct, frozen=True):
    """The clusters of one variant; the assignments of a plan are disjoint."""

    variant: Variant
    clusters: FrozenBitMap


class PlannedPartition(msgspec.Struct, frozen=True):
    """One step of a rollout; a cluster can be in several. `max_unavailable` is a number of clusters."""

    name: str
    clusters: FrozenBitMap
    max_unavailable: int


class PlanError(msgspec.Struct, frozen=True):
    """Clusters for which no options could be computed, and why. The others go on."""

    message: str
    clusters: FrozenBitMap


class Plan(msgspec.Struct, frozen=True):
    bundle: Key
    manifest_id: str
    assignments: tuple[Assignment, ...] = ()
    partitions: tuple[PlannedPartition, ...] = ()
    errors: tuple[PlanError, ...] = ()
    max_unavailable: int = 0
    max_unavailable_partitions: int = 0
    max_new: int = 50
    paused: bool = False

    @property
    def clusters(self) -> FrozenBitMap:
        """Every cluster the bundle is to be deployed to, those with an error left out."""
        return FrozenBitMap.union(NONE, *(a.clusters for a in self.assignments))


class Progress(msgspec.Struct, frozen=True):
    """How far a bundle's stored deployments are, as sets of clusters (the input of a rollout step).

    `staged`, `deployed` and `applied` map a deployment ID to the clusters that have it in that place.
    A cluster of `existing` that is in none of them has the empty ID there. `staged_options` and `options` map the
    digest of a Variant to the clusters whose staged and live options are its. None: the store can't tell; then staged
    options are taken to be those of the ID, and live ones are refreshed in every step. `deleting` are those on their
    way out; they are in no other set.
    """

    existing: FrozenBitMap = NONE
    staged: dict[str, FrozenBitMap] = {}
    deployed: dict[str, FrozenBitMap] = {}
    applied: dict[str, FrozenBitMap] = {}
    staged_options: dict[str, FrozenBitMap] | None = None
    options: dict[str, FrozenBitMap] | None = None
    ready: FrozenBitMap = NONE
    paused: FrozenBitMap = NONE
    deleting: FrozenBitMap = NONE


class PartitionProgress(msgspec.Struct, frozen=True):
    name: str
    clusters: FrozenBitMap
    max_unavailable: int
    unavailable: int


class Step(msgspec.Struct, frozen=True):
    """What to write now, in this order. `create` get a row, `stage` the plan's variant as staged, `promote` staged as
    live, `refresh` the plan's options as live under an unchanged deployment ID, `remove` an uninstall.
    The numbers are those of a Bundle's status."""

    create: FrozenBitMap = NONE
    stage: FrozenBitMap = NONE
    promote: FrozenBitMap = NONE
    refresh: FrozenBitMap = NONE
    remove: FrozenBitMap = NONE
    newly_created: int = 0
    unavailable: int = 0
    unavailable_partitions: int = 0
    partitions: tuple[PartitionProgress, ...] = ()
    more: bool = False

    def parts(self, size: int) -> Iterator[Step]:
        """The step cut by clusters, `size` at a time; each but the last says that there is `more`."""
        touched = FrozenBitMap.union(self.create, self.stage, self.promote, self.refresh, self.remove)
        for at in range(0, len(touched), size):
            here = touched[at : at + size]
            cut = {name: getattr(self, name) & here for name in ("create", "stage", "promote", "refresh", "remove")}
            yield msgspec.structs.replace(self, **cut, more=at + size < len(touched))

    @property
    def empty(self) -> bool:
        return not (self.create or self.stage or self.promote or self.refresh or self.remove)
