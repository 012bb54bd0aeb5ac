"""Which clusters an entry with criteria matches (`fleet-semantics.md` 3.3 "Matcher criteria"), as sets.

Fleet tries an entry once for each group a cluster is in, or once without a group when it is in none, and all
criteria must hold in one such try. So a match is two things: the clusters by what is their own (name, labels), and
the *tries* (groups, or no group) that the group criteria accept. Two entries hold together for a cluster when it is in
both sets and some try of it is accepted by both; no cluster is ever looked at by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Protocol

import msgspec
from pyroaring import FrozenBitMap

from extension.objects.plan import NONE
from extension.objects.selectors import LabelSelector, matches, requirements
from extension.targeting.universe import Group, Universe


class Entry(Protocol):
    """The criteria that targets, restrictions, customizations and rollout partitions share."""

    @property
    def cluster_name(self) -> str: ...
    @property
    def cluster_selector(self) -> LabelSelector | None: ...
    @property
    def cluster_group(self) -> str: ...
    @property
    def cluster_group_selector(self) -> LabelSelector | None: ...


class Match(msgspec.Struct, frozen=True):
    """Clusters by their own criteria, and the numbers of the tries that the group criteria accept (None: all)."""

    clusters: FrozenBitMap
    tries: frozenset[int] | None = None


def check(entries: Iterable[Entry]) -> None:
    """Raises Invalid for the first broken selector."""
    for entry in entries:
        for selector in (entry.cluster_selector, entry.cluster_group_selector):
            if selector is not None:
                requirements(selector)


class Scope:
    """The clusters of one namespace, to match entries against."""

    def __init__(self, universe: Universe, namespace: str) -> None:
        self.namespace = namespace
        self._universe = universe

    @cached_property
    def all(self) -> FrozenBitMap:
        return self._universe.clusters(self.namespace) - self._universe.deleting()

    @cached_property
    def tries(self) -> tuple[Group, ...]:
        """The groups with their clusters; the last is the try without a group, for clusters that are in none."""
        groups = tuple(self._universe.groups(self.namespace))
        grouped = FrozenBitMap.union(NONE, *(group.members for group in groups))
        return (*groups, Group("", {}, self.all - grouped))

    def match(self, entry: Entry) -> Match:
        """What `entry` matches here; nothing when it has no criterion at all. Raises Invalid for a broken selector."""
        if not (entry.cluster_name or entry.cluster_selector or entry.cluster_group or entry.cluster_group_selector):
            return Match(NONE)
        clusters = self.all
        if entry.cluster_name:
            clusters &= self._universe.named(self.namespace, entry.cluster_name)
        if entry.cluster_selector is not None:
            clusters &= self._universe.select(self.namespace, entry.cluster_selector)
        return Match(clusters, self._tries(entry))

    def _tries(self, entry: Entry) -> frozenset[int] | None:
        if not entry.cluster_group and entry.cluster_group_selector is None:
            return None
        selector = entry.cluster_group_selector
        return frozenset(
            number
            for number, group in enumerate(self.tries)
            if (not entry.cluster_group or group.name == entry.cluster_group) and (selector is None or matches(selector, group.labels))
        )

    def hits(self, match: Match, within: Iterable[Match] | None = None) -> FrozenBitMap:
        """The clusters of `match`; with `within`, those for which one of these holds in the same try."""
        if within is None:
            return self._of(match)
        return FrozenBitMap.union(NONE, *(self._of(_both(match, other)) for other in within))

    def _of(self, match: Match) -> FrozenBitMap:
        if match.tries is None or not match.clusters:
            return match.clusters
        return FrozenBitMap.union(NONE, *(match.clusters & self.tries[number].members for number in match.tries))


def _both(one: Match, other: Match) -> Match:
    tries = one.tries if other.tries is None else other.tries if one.tries is None else one.tries & other.tries
    return Match(one.clusters & other.clusters, tries)
