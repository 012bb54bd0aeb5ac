"""How far a rollout may go now (`fleet-semantics.md` 3.4), as set operations.

Partitions are worked through in order. A deployment that is already unavailable is always promoted, since nothing is
lost by it; of the available ones as many as the limits leave room for, the first by cluster name. Names are looked at
in no other case, so a rollout without limits costs the same for ten clusters and for a million.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
from pyroaring import BitMap, FrozenBitMap

from extension.objects.errors import Invalid
from extension.objects.kinds import RolloutStrategy
from extension.objects.plan import NONE, PartitionProgress, Plan, PlannedPartition, Progress, Step
from extension.targeting.matching import Scope
from extension.targeting.universe import Universe

DEFAULT_MAX_NEW = 50
DEFAULT_AUTO_PARTITION_SIZE = "25%"
DEFAULT_AUTO_PARTITION_THRESHOLD = 200

_WHOLE = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


def limit(count: int, *candidates: int | str | None) -> int:
    """A number of clusters from the first candidate that is set, 100 % when none is. Raises Invalid.

    A number is held between 0 and `count`, a percentage between 1 and `count`, a number written as text only above 0.
    """
    if count <= 0:
        return 1
    chosen = next((c for c in candidates if c is not None), "100%")
    if isinstance(chosen, int):
        return min(max(chosen, 0), count)
    if _WHOLE.fullmatch(chosen) and int(chosen) > 0:
        return int(chosen)
    if not chosen.endswith("%") or not _NUMBER.fullmatch(chosen[:-1]):
        raise Invalid(f"invalid maxUnavailable, must be int or percentage (ending with %): {chosen}", field="rolloutStrategy")
    percent = float(chosen[:-1])
    return 1 if percent <= 0 else min(max(int(count * min(percent, 100.0)) // 100, 1), count)


def max_unavailable_partitions(count: int, rollout: RolloutStrategy) -> int:
    return limit(count, rollout.max_unavailable_partitions, 0)


def partitions(
    rollout: RolloutStrategy, targets: FrozenBitMap, universe: Universe, scopes: Sequence[Scope]
) -> tuple[PlannedPartition, ...]:
    """The steps of a rollout to `targets`. With partitions in the strategy, a cluster can be in several of them or in none
    (and then never gets the bundle); without, clusters are cut into slices by name. Raises Invalid."""
    if rollout.partitions:
        return tuple(
            _partition(
                entry.name, targets & FrozenBitMap.union(NONE, *(s.hits(s.match(entry)) for s in scopes)), rollout, entry.max_unavailable
            )
            for entry in rollout.partitions
        )
    if not _is_cut(rollout, len(targets)):
        return (_partition("All", targets, rollout),)
    size = limit(len(targets), rollout.auto_partition_size, DEFAULT_AUTO_PARTITION_SIZE)
    found = universe.slices(targets, size)
    return tuple(_partition(f"Partition {at * size} - {at * size + len(part)}", part, rollout) for at, part in enumerate(found))


def _is_cut(rollout: RolloutStrategy, count: int) -> bool:
    size, threshold = rollout.auto_partition_size, rollout.auto_partition_threshold
    threshold = DEFAULT_AUTO_PARTITION_THRESHOLD if threshold is None else threshold
    return not (isinstance(size, int) and size <= 0) and 0 < threshold <= count


def _partition(name: str, clusters: FrozenBitMap, rollout: RolloutStrategy, own: int | str | None = None) -> PlannedPartition:
    return PlannedPartition(name, clusters, limit(len(clusters), own, rollout.max_unavailable))


def step(plan: Plan, progress: Progress, universe: Universe, *, max_new: int | None = None) -> Step:
    """What to write now so that the stored deployments come nearer to `plan`, within its limits.

    At most `max_new` deployments are created (the plan's own number when None). Clusters without a namespace, and those
    whose old deployment is still on its way out, get none yet but count as not up to date. What is no longer targeted is
    removed, except where the plan has an error or the cluster is off schedule.
    """
    rollout = _Rollout(plan, progress, universe, plan.max_new if max_new is None else max_new)
    finished: list[PartitionProgress] = []
    unavailable_partitions = 0
    for partition in plan.partitions:
        if unavailable_partitions > plan.max_unavailable_partitions:
            finished.append(rollout.untouched(partition))
            continue
        finished.append(rollout.work(partition))
        unavailable_partitions += finished[-1].unavailable > partition.max_unavailable
    failed = FrozenBitMap.union(NONE, *(error.clusters for error in plan.errors))
    return Step(
        create=FrozenBitMap(rollout.created),
        stage=FrozenBitMap(rollout.staged),
        promote=FrozenBitMap(rollout.promoted),
        refresh=FrozenBitMap(rollout.refreshed),
        remove=progress.existing - plan.clusters - failed - universe.off_schedule(),
        newly_created=len(rollout.created),
        unavailable=rollout.unavailable,
        unavailable_partitions=unavailable_partitions,
        partitions=tuple(finished),
    )


def behind(plan: Plan, progress: Progress) -> FrozenBitMap:
    """The plan's clusters that are not up to date or not ready: those that a rollout waits for, and that its limits count."""
    facts = _facts(plan, progress)
    return plan.clusters - (facts.deployed & facts.applied & facts.available)


class _Facts(msgspec.Struct, frozen=True):
    """The stored deployments of a plan's targets, compared with the plan: sets of clusters where something is as it
    should be. `available` are those that run what was last promoted."""

    existing: FrozenBitMap
    staged: FrozenBitMap
    deployed: FrozenBitMap
    applied: FrozenBitMap
    live_options: FrozenBitMap
    available: FrozenBitMap


def _facts(plan: Plan, progress: Progress) -> _Facts:
    existing = progress.existing & plan.clusters
    staged = _with_id(plan, progress.staged)
    if progress.staged_options is not None:
        staged &= _with_digest(plan, progress.staged_options)
    named = [FrozenBitMap.union(NONE, *places.values()) for places in (progress.deployed, progress.applied)]
    same = FrozenBitMap.union(
        existing - named[0] - named[1], *(clusters & progress.applied.get(id_, NONE) for id_, clusters in progress.deployed.items())
    )
    return _Facts(
        existing=existing,
        staged=staged,
        deployed=_with_id(plan, progress.deployed),
        applied=_with_id(plan, progress.applied),
        live_options=NONE if progress.options is None else _with_digest(plan, progress.options),
        available=existing & same & progress.ready,
    )


def _with_id(plan: Plan, places: dict[str, FrozenBitMap]) -> FrozenBitMap:
    return FrozenBitMap.union(NONE, *(a.clusters & places.get(a.variant.deployment_id, NONE) for a in plan.assignments))


def _with_digest(plan: Plan, places: dict[str, FrozenBitMap]) -> FrozenBitMap:
    return FrozenBitMap.union(NONE, *(a.clusters & places.get(a.variant.digest, NONE) for a in plan.assignments))


class _Rollout:
    """One pass over the partitions; the sets grow from partition to partition, since a cluster can be in several."""

    def __init__(self, plan: Plan, progress: Progress, universe: Universe, max_new: int) -> None:
        self._plan = plan
        self._facts = _facts(plan, progress)
        self._universe = universe
        self._new = max_new
        self._ready = progress.ready
        self._paused = plan.clusters if plan.paused else universe.paused()
        self._blocked = progress.deleting | universe.without_namespace()
        self._at_first = self._facts.existing - self._facts.available
        self._available = BitMap(self._facts.available)
        self.unavailable = len(self._at_first)
        self.created, self.staged, self.promoted, self.refreshed = BitMap(), BitMap(), BitMap(), BitMap()

    def untouched(self, partition: PlannedPartition) -> PartitionProgress:
        return _progress(partition, len(partition.clusters & self._at_first))

    def work(self, partition: PlannedPartition) -> PartitionProgress:
        """Creates, stages and promotes in one partition. It is unavailable by more than its clusters: those that don't
        have the plan's ID in all places count too."""
        self._create(partition.clusters)
        rows = (self._facts.existing | self.created) & partition.clusters
        self.staged |= rows - self._facts.staged
        self._promote(partition, rows - self._facts.deployed - self.promoted - self._paused)
        same_id = (rows & self._facts.deployed) - self._paused
        self.refreshed |= same_id - self._facts.live_options
        done = self._facts.deployed | self.promoted
        good = rows & done & self._facts.applied & self._available
        return _progress(partition, len(partition.clusters - good))

    def _create(self, clusters: FrozenBitMap) -> None:
        wanted = FrozenBitMap(clusters - self._facts.existing - self.created - self._blocked)
        room = self._new - len(self.created)
        if wanted and room > 0:
            self.created |= wanted if len(wanted) <= room else self._universe.first(wanted, room)

    def _promote(self, partition: PlannedPartition, waiting: FrozenBitMap) -> None:
        taken_here = len(partition.clusters & self._at_first)
        room = min(self._plan.max_unavailable - self.unavailable, partition.max_unavailable - taken_here)
        candidates = FrozenBitMap(waiting & self._available)
        chosen = NONE if room <= 0 else candidates if len(candidates) <= room else self._universe.first(candidates, room)
        self.unavailable += len(chosen)
        now = (waiting - self._available) | chosen
        self.promoted |= now
        self._available -= now
        self._available |= now & self._facts.applied & self._ready


def _progress(partition: PlannedPartition, unavailable: int) -> PartitionProgress:
    return PartitionProgress(partition.name, partition.clusters, partition.max_unavailable, unavailable)
