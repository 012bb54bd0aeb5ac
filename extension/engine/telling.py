"""A comparison as people and programs read it: numbers, names, and one rendering of both sides a group, within bounds."""

from __future__ import annotations

import hashlib
from itertools import islice

import msgspec
from pyroaring import FrozenBitMap

from extension.engine.proposals import Proposed
from extension.engine.sides import Sides
from extension.engine.turns import Deadline
from extension.objects.base import Key
from extension.objects.kinds import Cluster
from extension.objects.plan import Plan
from extension.objects.preview import Asked, BundlePlan, ChangeGroup, ClusterError, Names, PlannedPart, PlanReport, totals
from extension.store.protocol import Store
from extension.targeting import Universe
from extension.targeting.comparing import Comparison, Shift

NAMED = 5
GROUPS, GROUPS_OF_ONE = 10, 100
"""How many groups of a bundle are shown; more when it is the only one that is asked for."""
RENDERED = 100
"""How many groups of a plan are rendered."""
PARTS = 20


class Teller:
    """Tells of one plan. Groups are rendered until there are RENDERED, or no time is left: the rest say so."""

    def __init__(self, store: Store, sides: Sides, universe: Universe, asked: Asked, deadline: Deadline) -> None:
        self._store, self._sides, self._universe = store, sides, universe
        self._asked, self._deadline = asked, deadline
        self._rendered = 0

    def bundle(self, key: Key, change: str, found: Comparison, hidden: int, one: Proposed | None) -> BundlePlan:
        """What becomes of a bundle; `one` is None for a bundle that goes."""
        most = GROUPS_OF_ONE if self._asked.bundle else GROUPS
        groups = tuple(self._group(key, shift, one) for shift in islice(found.shifts, most))
        return BundlePlan(
            place(key),
            change,
            created=_clusters(found, "created"),
            changed=_clusters(found, "changed"),
            removed=_clusters(found, "removed"),
            unchanged=len(found.unchanged),
            waiting=sum(len(shift.clusters) for shift in found.shifts if shift.waiting),
            hidden=hidden,
            groups=groups,
            more_groups=len(found.shifts) - len(groups),
        )

    def rollout(self, told: BundlePlan, planned: Plan, visible: FrozenBitMap | None) -> BundlePlan:
        """The bundle's plan with its partitions, and the clusters that have an error."""
        errors = []
        for error in planned.errors:
            if clusters := error.clusters if visible is None else FrozenBitMap(error.clusters & visible):
                errors.append(ClusterError(error.message, self.names(clusters)))
        parts = tuple(PlannedPart(part.name, len(part.clusters), part.max_unavailable) for part in planned.partitions)
        return msgspec.structs.replace(
            told,
            errors=tuple(errors),
            failed=sum(error.clusters.count for error in errors),
            paused=planned.paused,
            partitions=parts[:PARTS],
            more_partitions=max(0, len(parts) - PARTS),
            max_unavailable=planned.max_unavailable,
        )

    def names(self, clusters: FrozenBitMap) -> Names:
        first = self._universe.first(clusters, NAMED) or clusters[:NAMED]
        keys = self._store.keys(Cluster.KIND, first).values()
        return Names(len(clusters), tuple(place(key) for key in sorted(keys, key=lambda key: (key.name, key.namespace))))

    def _group(self, key: Key, shift: Shift, one: Proposed | None) -> ChangeGroup:
        new = "" if shift.new is None else shift.new.deployment_id
        group = ChangeGroup(group_id(key, shift), shift.change, self.names(shift.clusters), shift.old, new, shift.waiting)
        sample = next(iter(self._store.keys(Cluster.KIND, shift.clusters[:1]).values()), None)
        if not self._asked.diffs or sample is None:
            return group
        self._rendered += 1
        if self._rendered > RENDERED or not self._deadline.left:
            why = "there are too many groups" if self._deadline.left else "there was no time left"
            return msgspec.structs.replace(group, error=f"{why}; ask for one bundle")
        shown = self._sides.shown(key, sample, shift.new, one)
        return msgspec.structs.replace(
            group,
            objects=shown.difference.objects,
            left_out=shown.difference.left_out,
            options=shown.options,
            notes=shown.notes,
            error=shown.error,
        )


def _clusters(found: Comparison, change: str) -> int:
    return sum(len(shift.clusters) for shift in found.shifts if shift.change == change and not shift.waiting)


def summed(report: PlanReport) -> PlanReport:
    """The report with its numbers. A change is also a Bundle that comes or goes without a cluster."""
    numbers = totals(report.bundles)
    moves = any(numbers[name] for name in ("created", "changed", "removed"))
    changes = moves or any(bundle.change in ("created", "removed") for bundle in report.bundles)
    return msgspec.structs.replace(report, changes=changes, **numbers)


def place(key: Key) -> str:
    return f"{key.namespace}/{key.name}"


def group_id(key: Key, shift: Shift) -> str:
    """A name for the group that another plan of the same thing gives it too."""
    new = ("", "") if shift.new is None else (shift.new.deployment_id, shift.new.digest)
    told = "\n".join((str(key), shift.change, shift.old, *new, str(shift.waiting)))
    return hashlib.sha256(told.encode()).hexdigest()[:20]
