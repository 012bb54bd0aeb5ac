"""A universe of objects at hand, for `rancher-cd target`, tests and small stores.

A cluster's integer is its place in the order of names, so the first clusters by name are the smallest members of a set.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from pyroaring import BitMap, FrozenBitMap

from extension.objects.base import Key
from extension.objects.errors import Invalid
from extension.objects.kinds import BundleNamespaceMapping, Cluster, ClusterGroup
from extension.objects.marks import visible
from extension.objects.plan import NONE
from extension.objects.selectors import LabelSelector, Requirement, matches, requirements
from extension.targeting.universe import DISPLAY_NAME, Group, Inputs


class _Index:
    """The clusters of one namespace by name and label."""

    def __init__(self, members: Sequence[tuple[int, Cluster]]) -> None:
        names: dict[str, set[int]] = defaultdict(set)
        labels: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for number, cluster in members:
            names[cluster.metadata.name].add(number)
            for key, value in cluster.metadata.labels.items():
                labels[key][value].append(number)
                if key == DISPLAY_NAME:
                    names[value].add(number)
        self.all = FrozenBitMap([number for number, _ in members])
        self.names = {name: FrozenBitMap(found) for name, found in names.items()}
        self.labels = {key: {v: FrozenBitMap(found) for v, found in values.items()} for key, values in labels.items()}

    def select(self, selector: LabelSelector) -> FrozenBitMap:
        found = self.all
        for req in requirements(selector):
            found &= self._holding(req)
        return found

    def _holding(self, req: Requirement) -> FrozenBitMap:
        values = self.labels.get(req.key, {})
        if req.operator in ("Exists", "DoesNotExist"):
            hits = FrozenBitMap.union(NONE, *values.values())
        else:
            hits = FrozenBitMap.union(NONE, *(values.get(value, NONE) for value in req.values))
        return self.all - hits if req.operator in ("NotIn", "DoesNotExist") else hits


_EMPTY = _Index(())


class MemoryUniverse:
    """See the module docstring and `universe.Universe`. `namespaces` maps a namespace to its labels."""

    def __init__(
        self,
        clusters: Iterable[Cluster],
        groups: Iterable[ClusterGroup] = (),
        mappings: Iterable[BundleNamespaceMapping] = (),
        namespaces: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        self._clusters = sorted(clusters, key=lambda c: (c.metadata.name, c.metadata.namespace))
        self._numbers = {cluster.key: number for number, cluster in enumerate(self._clusters)}
        spaces: dict[str, list[tuple[int, Cluster]]] = defaultdict(list)
        for number, cluster in enumerate(self._clusters):
            spaces[cluster.metadata.namespace].append((number, cluster))
        self._spaces = {namespace: _Index(members) for namespace, members in spaces.items()}
        self._mappings = tuple(mappings)
        self._namespaces = dict(namespaces or {})
        self._groups: dict[str, list[Group]] = defaultdict(list)
        for group in groups:
            self._groups[group.metadata.namespace].append(self._group(group))
        numbered = list(enumerate(self._clusters))
        self._deleting = FrozenBitMap([n for n, c in numbered if c.metadata.deletion_timestamp])
        self._paused = FrozenBitMap([n for n, c in numbered if c.spec.paused])
        self._without_namespace = FrozenBitMap([n for n, c in numbered if not c.status.namespace])
        self._off_schedule = FrozenBitMap([n for n, c in numbered if c.status.scheduled and not c.status.active_schedule])
        self._bare = FrozenBitMap([n for n, c in numbered if not any(visible(key) for key in c.metadata.labels)])

    def _group(self, group: ClusterGroup) -> Group:
        members = NONE
        if group.spec.selector is not None:
            try:
                members = self.select(group.metadata.namespace, group.spec.selector)
            except Invalid:  # Fleet leaves such a group out and goes on
                members = NONE
        return Group(group.metadata.name, group.metadata.labels, members)

    def number(self, cluster: Key) -> int:
        """The integer of a cluster. Raises KeyError for an unknown one."""
        return self._numbers[cluster]

    def cluster(self, number: int) -> Cluster:
        return self._clusters[number]

    def mapped_namespaces(self, namespace: str, labels: Mapping[str, str]) -> Collection[str]:
        found: set[str] = set()
        for mapping in self._mappings:
            if mapping.metadata.namespace == namespace:
                found.update(self._opened(mapping, labels))
        return found

    def _opened(self, mapping: BundleNamespaceMapping, labels: Mapping[str, str]) -> list[str]:
        if mapping.bundle_selector is None or mapping.namespace_selector is None:
            return []
        try:
            requirements(mapping.namespace_selector)
            if not matches(mapping.bundle_selector, labels):
                return []
        except Invalid:  # Fleet leaves such a mapping out and goes on
            return []
        return [name for name, own in self._namespaces.items() if matches(mapping.namespace_selector, own)]

    def clusters(self, namespace: str) -> FrozenBitMap:
        return self._space(namespace).all

    def named(self, namespace: str, name: str) -> FrozenBitMap:
        return self._space(namespace).names.get(name, NONE)

    def select(self, namespace: str, selector: LabelSelector) -> FrozenBitMap:
        return self._space(namespace).select(selector)

    def groups(self, namespace: str) -> Sequence[Group]:
        return self._groups.get(namespace, [])

    def bare(self) -> FrozenBitMap:
        return self._bare

    def by_label(self, key: str, clusters: FrozenBitMap) -> Mapping[str, FrozenBitMap]:
        found: dict[str, BitMap] = defaultdict(BitMap)
        for space in self._spaces.values():
            for value, members in space.labels.get(key, {}).items():
                if not members.isdisjoint(clusters):
                    found[value] |= members & clusters
        return {value: FrozenBitMap(members) for value, members in found.items()}

    def inputs(self, clusters: FrozenBitMap) -> Iterator[tuple[int, Inputs]]:
        for number in clusters:
            cluster = self._clusters[number]
            meta = cluster.metadata
            yield number, Inputs(meta.namespace, meta.name, meta.labels, meta.annotations, cluster.spec.template_values)

    def sample(self, clusters: FrozenBitMap) -> Inputs:
        return next(found for _, found in self.inputs(clusters[:1]))

    def first(self, clusters: FrozenBitMap, count: int) -> FrozenBitMap:
        return clusters[:count]

    def slices(self, clusters: FrozenBitMap, size: int) -> Sequence[FrozenBitMap]:
        return tuple(clusters[at : at + size] for at in range(0, len(clusters), size))

    def deleting(self) -> FrozenBitMap:
        return self._deleting

    def paused(self) -> FrozenBitMap:
        return self._paused

    def without_namespace(self) -> FrozenBitMap:
        return self._without_namespace

    def off_schedule(self) -> FrozenBitMap:
        return self._off_schedule

    def _space(self, namespace: str) -> _Index:
        return self._spaces.get(namespace, _EMPTY)
