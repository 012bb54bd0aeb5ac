"""What a GitRepo's targets and a ClusterGroup's selector would mean, before either is stored. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

from pyroaring import BitMap, FrozenBitMap

from extension.objects.errors import Invalid
from extension.objects.kinds import Bundle, BundleSpec, ClusterGroup, RolloutStrategy
from extension.objects.plan import NONE, Group
from extension.targeting.matching import Entry, Scope, check
from extension.targeting.planning import profiles, searched
from extension.targeting.universe import Universe


def targets(bundle: Bundle, universe: Universe) -> Iterator[tuple[str, FrozenBitMap]]:
    """The clusters that each target of a Bundle selects, by the target's name or place; one that an earlier target has is not
    told again. Raises Invalid for a broken selector."""
    check((*bundle.spec.targets, *bundle.spec.target_restrictions))
    found = [BitMap() for _ in bundle.spec.targets]
    for namespace in searched(bundle, universe):
        for (place, _), clusters in profiles(bundle.spec, Scope(universe, namespace)):
            found[place].update(clusters)
    for number, selected in enumerate(found):
        yield bundle.spec.targets[number].name or str(number + 1), FrozenBitMap(selected)


def members(group: ClusterGroup, universe: Universe) -> FrozenBitMap:
    """The clusters of a group as it would be. Raises Invalid for a broken selector; without one it has none."""
    if group.spec.selector is None:
        return NONE
    try:
        return universe.select(group.metadata.namespace, group.spec.selector)
    except Invalid as error:
        raise Invalid(error.message, field=f"spec.selector.{error.field}".rstrip("."), hint=error.hint) from None


def with_group(universe: Universe, group: ClusterGroup) -> Universe:
    """The universe in which the group is as it would be."""
    new = Group(group.metadata.name, group.metadata.labels, members(group, universe))
    return cast(Universe, _Regrouped(universe, group.metadata.namespace, new))


class _Regrouped:
    def __init__(self, universe: Universe, namespace: str, group: Group) -> None:
        self._universe, self._namespace, self._group = universe, namespace, group

    def __getattr__(self, name: str) -> Any:
        return getattr(self._universe, name)

    def groups(self, namespace: str) -> Sequence[Group]:
        found = list(self._universe.groups(namespace))
        if namespace != self._namespace:
            return found
        others = [group for group in found if group.name != self._group.name]
        return sorted((*others, self._group), key=lambda group: group.name)


def asks_for_groups(spec: BundleSpec) -> bool:
    """Whether anything of the Bundle is decided by groups."""
    rollout = spec.rollout_strategy or RolloutStrategy()
    entries: tuple[Entry, ...] = (*spec.targets, *spec.target_restrictions, *rollout.partitions)
    return any(entry.cluster_group or entry.cluster_group_selector is not None for entry in entries)
