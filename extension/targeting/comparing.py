"""A Plan beside what is stored: clusters in groups with one change, as sets (`design.md` "Plan").

Clusters are never looked at one by one: there are at most as many groups as pairs of a variant before and one after.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Literal

import msgspec
from pyroaring import FrozenBitMap

from extension.objects.plan import NONE, Plan, Progress, Variant

Change = Literal["created", "changed", "removed"]
FEW = 64
"""So many sets are searched one after the other for a cluster; of more a table of all clusters is made."""


class Shift(msgspec.Struct, frozen=True):
    """Clusters with one change. `old` is the deployment ID they run by now, empty for none; `new` is None for a removal.

    `waiting`: `new` is staged already and waits to be promoted. `options_only`: the ID stays, what it leaves out differs.
    """

    change: Change
    old: str
    new: Variant | None
    clusters: FrozenBitMap
    waiting: bool = False

    @property
    def options_only(self) -> bool:
        return self.new is not None and self.old == self.new.deployment_id


class Comparison(msgspec.Struct, frozen=True):
    """The shifts, largest first, and the clusters that stay as they are."""

    shifts: tuple[Shift, ...]
    unchanged: FrozenBitMap

    @property
    def size(self) -> int:
        """The number of clusters."""
        return len(self.unchanged) + sum(len(shift.clusters) for shift in self.shifts)


def compare(plan: Plan, progress: Progress, kept: FrozenBitMap = NONE) -> Comparison:
    """What `plan` changes. Clusters of `kept` are not removed although the plan has them not (off schedule), nor are those of its
    errors. Deployments that are on their way out count as none."""
    places, live = progress.deployed, FrozenBitMap.union(NONE, *progress.deployed.values())
    owner = _owners(places)
    failed = FrozenBitMap.union(NONE, *(error.clusters for error in plan.errors))
    shifts: list[Shift] = []
    for assignment in plan.assignments:
        for old, clusters in _by_old(assignment.clusters, places, live, owner):
            shifts += _shifts(assignment.variant, old, clusters, progress)
    gone = progress.existing - plan.clusters - failed - kept
    shifts += [Shift("removed", old, None, clusters) for old, clusters in _by_old(gone, places, live, owner)]
    moving = FrozenBitMap.union(NONE, *(shift.clusters for shift in shifts))
    shifts.sort(key=lambda shift: (-len(shift.clusters), shift.clusters[0]))
    return Comparison(tuple(shifts), FrozenBitMap((progress.existing | plan.clusters) - moving - failed))


def _shifts(new: Variant, old: str, clusters: FrozenBitMap, progress: Progress) -> Iterator[Shift]:
    """What changes for clusters that go from `old` to `new`; nothing for those that have it with the same options."""
    if old == new.deployment_id:
        clusters -= _with(progress.options, new.digest, clusters)
    staged = clusters & progress.staged.get(new.deployment_id, NONE) & _with(progress.staged_options, new.digest, clusters)
    change: Change = "changed" if old else "created"
    for part, waiting in ((clusters - staged, False), (staged, True)):
        if part:
            yield Shift(change, old, new, FrozenBitMap(part), waiting)


def _with(places: Mapping[str, FrozenBitMap] | None, digest: str, clusters: FrozenBitMap) -> FrozenBitMap:
    """Those with options of this digest; all where the store can't tell."""
    return clusters if places is None else places.get(digest, NONE)


def _by_old(
    clusters: FrozenBitMap, places: Mapping[str, FrozenBitMap], live: FrozenBitMap, owner: Callable[[int], str]
) -> Iterator[tuple[str, FrozenBitMap]]:
    """`clusters` by the ID they run by; `live` are all that run by any."""
    if new := FrozenBitMap(clusters - live):
        yield "", new
    left = clusters & live
    while left:
        old = owner(left[0])
        yield old, FrozenBitMap(left & places[old])
        left -= places[old]


def _owners(places: Mapping[str, FrozenBitMap]) -> Callable[[int], str]:
    """The name of the set that a cluster is in, empty for none. The sets are disjoint."""
    if len(places) <= FEW:
        return lambda number: next((name for name, clusters in places.items() if number in clusters), "")
    table = {number: name for name, clusters in places.items() for number in clusters}
    return lambda number: table.get(number, "")
