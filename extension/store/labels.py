"""The label index: sets of clusters as bitmaps, so that a selector over a million clusters takes a millisecond.

It answers targeting's questions (its `Universe`) from memory, and reads a set when it is first asked for: a restart reads
nothing, and what no target names costs nothing. The change feed keeps the sets up to date; only clusters that changed are
looked at. Every set has a *facet*, its name; `holds` tells whether the sets behind an answer are still what they were, so
that one cluster's new label wakes only the bundles whose targets read that label. `version` moves when a set did, and only
then: a cluster's reports and last-seen times don't move it. All methods may be called from several threads.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any

from pyroaring import BitMap, FrozenBitMap

from extension.objects.base import Key
from extension.objects.errors import Gone, Invalid
from extension.objects.kinds import BundleNamespaceMapping, Cluster, ClusterGroup, FleetWorkspace
from extension.objects.marks import Mark
from extension.objects.plan import NONE, Facet, Group, Inputs
from extension.objects.selectors import LabelSelector, Requirement, matches, requirements
from extension.store.facets import FacetSets, inputs_of, plain
from extension.store.naming import Names
from extension.store.population import DISPLAY_NAME
from extension.store.protocol import Change, Store
from extension.store.ranks import Ranks

__all__ = ["DISPLAY_NAME", "LabelIndex"]

_SMALL = (ClusterGroup, BundleNamespaceMapping, FleetWorkspace)
_SAMPLED = 3
_REMEMBERED = 1000
"""How many changes of marks are told of one by one."""


class LabelIndex:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._clusters = store.population
        self._lock = threading.RLock()
        self._position = 0
        self.version = 0
        self._noted: set[Facet] = set()
        self._clear()

    @contextmanager
    def reading(self) -> Iterator[set[Facet]]:
        """While this lasts no set changes that was asked for before. Gives the facets of what is asked for."""
        with self._lock:
            before, self._noted = self._noted, set()
            try:
                yield self._noted
            finally:
                self._noted = before

    def refresh(self) -> int:
        """Catches up with the store; the version it has then."""
        with self._lock:
            try:
                if not self._position:
                    self._load()
                while changes := self._store.changes(self._position, counters=False):
                    self._take(changes)
                    self._position = changes[-1].revision
            except Gone:
                self._load()
            return self.version

    def holds(self, facets: Iterable[Facet], version: int) -> bool:
        """Whether all these sets are what they were at that version."""
        with self._lock:
            return self._epoch <= version and all(self._stamps.get(facet, 0) <= version for facet in facets)

    def changed(self, version: int) -> FrozenBitMap | None:
        """The clusters whose marks (paused, schedule, namespace) changed since that version; None when that can't be told."""
        with self._lock:
            if max(self._epoch, self._unknown) > version:
                return None
            return FrozenBitMap.union(NONE, *(found for at, found in self._marked if at > version))

    def _clear(self) -> None:
        self._sets = FacetSets()
        self._order: dict[tuple[str, ...], Ranks] = {}
        self._names: Names | None = None
        self._stamps: dict[Facet, int] = {}
        self._marked: deque[tuple[int, BitMap]] = deque()
        self._unknown = 0
        self._objects: dict[Key, Any] = {}
        self._epoch = 0

    def _load(self) -> None:
        """Reads groups, mappings and workspaces, and forgets every set. If that fails what was known stands."""
        position = self._store.revision()
        found = {obj.key: plain(obj) for cls in _SMALL for obj in self._clusters.documents(cls)}
        self._clear()
        self._objects, self._position = found, position
        self.version += 1
        self._epoch = self.version

    def _take(self, changes: Sequence[Change]) -> None:
        """Brings what changed up to date."""
        small = {cls.KIND: cls for cls in _SMALL}
        stamped: set[Facet] = set()
        for change in changes:
            if change.key.kind in small:
                stamped |= self._take_object(change.key, small[change.key.kind])
        if numbers := BitMap([change.number for change in changes if change.key.kind == Cluster.KIND]):
            stamped |= self._take_clusters(numbers)
        if stamped:
            self.version += 1
            self._stamps.update(dict.fromkeys(stamped, self.version))

    def _take_object(self, key: Key, cls: Any) -> set[Facet]:
        known, new = self._objects.pop(key, None), next(map(plain, self._clusters.documents(cls, key)), None)
        if new is not None:
            self._objects[key] = new
        if known == new:
            return set()
        return {("groups", key.namespace) if cls is ClusterGroup else ("mappings",)}

    def _take_clusters(self, numbers: BitMap) -> set[Facet]:
        members = self._clusters.members(numbers)
        if self._names is not None:
            for number, member in members.items():
                self._names.add(number, member.name)
        stamped, marked = self._sets.take(numbers, members)
        if any(facet[0] == "space" for facet in stamped):
            self._order.clear()
        if marked:
            self._marked.append((self.version + 1, marked))
        if len(self._marked) > _REMEMBERED:
            self._unknown = self._marked.popleft()[0]
        return stamped

    def _set(self, facet: Facet, read: Callable[[], BitMap]) -> FrozenBitMap:
        """The set of a facet, read when it is asked for the first time."""
        with self._lock:
            self._noted.add(facet)
            if facet not in self._sets.by_facet:
                self._sets.by_facet[facet] = read()
            return FrozenBitMap(self._sets.by_facet[facet])

    def mapped_namespaces(self, namespace: str, labels: Mapping[str, str]) -> Collection[str]:
        with self._lock:
            self._noted.add(("mappings",))
            found: set[str] = set()
            for mapping in self._of(BundleNamespaceMapping, namespace):
                found.update(self._opened(mapping, labels))
            return found

    def _of(self, cls: Any, namespace: str) -> list[Any]:
        return [self._objects[key] for key in sorted(self._objects) if (key.kind, key.namespace) == (cls.KIND, namespace)]

    def _opened(self, mapping: BundleNamespaceMapping, labels: Mapping[str, str]) -> list[str]:
        """The workspaces a mapping opens; a mapping with a broken selector opens none, as in Fleet."""
        selector = mapping.namespace_selector
        if mapping.bundle_selector is None or selector is None:
            return []
        try:
            if not matches(mapping.bundle_selector, labels):
                return []
            workspaces = self._of(FleetWorkspace, "")
            return [one.metadata.name for one in workspaces if matches(selector, one.metadata.labels)]
        except Invalid:
            return []

    def clusters(self, namespace: str) -> FrozenBitMap:
        return self._set(("space", namespace), lambda: self._clusters.inside(namespace))

    def chosen(self, namespaces: Sequence[str] | None, selector: LabelSelector) -> FrozenBitMap:
        """The clusters that a selector matches in some namespaces, or in all. Raises Invalid."""
        with self._lock:
            if namespaces is None:
                found = self._set(("all",), self._clusters.everyone)
            else:
                found = FrozenBitMap.union(NONE, *(self.clusters(namespace) for namespace in namespaces))
            return self._among(found, selector)

    def naming(self, part: str) -> FrozenBitMap:
        """The clusters with this text in their names, in any case."""
        with self._lock:
            everyone = self._set(("all",), self._clusters.everyone)
            if self._names is None:
                self._names = Names(self._clusters.names())
            return FrozenBitMap(self._names.having(part)) & everyone

    def named(self, namespace: str, name: str) -> FrozenBitMap:
        return self._set(("named", namespace, name), lambda: self._clusters.named(namespace, name))

    def select(self, namespace: str, selector: LabelSelector) -> FrozenBitMap:
        with self._lock:
            return self._among(self.clusters(namespace), selector)

    def members(self, namespace: str, selector: LabelSelector) -> FrozenBitMap:
        """As `select`, of the store as it is now; none where the selector is broken, as in Fleet."""
        self.refresh()
        with suppress(Invalid):
            return self.select(namespace, selector)
        return NONE

    def _among(self, found: FrozenBitMap, selector: LabelSelector) -> FrozenBitMap:
        for req in requirements(selector):
            found &= self._holding(found, req)
        return found

    def _holding(self, everything: FrozenBitMap, req: Requirement) -> FrozenBitMap:
        if req.operator in ("Exists", "DoesNotExist"):
            hits = self.having(req.key)
        else:
            hits = FrozenBitMap.union(NONE, *(self.labelled(req.key, value) for value in req.values))
        return everything - hits if req.operator in ("NotIn", "DoesNotExist") else hits

    def labelled(self, key: str, value: str) -> FrozenBitMap:
        """The clusters of all workspaces with this label."""
        return self._set(("label", key, value), lambda: self._clusters.labelled(key, value))

    def having(self, key: str) -> FrozenBitMap:
        """The clusters of all workspaces with a label of this key."""
        return self._set(("has", key), lambda: self._clusters.having(key))

    def groups(self, namespace: str) -> Sequence[Group]:
        with self._lock:
            self._noted.add(("groups", namespace))
            return [self._group(group) for group in self._of(ClusterGroup, namespace)]

    def _group(self, group: ClusterGroup) -> Group:
        found = NONE
        if group.spec.selector is not None:
            try:
                found = self.select(group.metadata.namespace, group.spec.selector)
            except Invalid:  # Fleet leaves such a group out and goes on
                found = NONE
        return Group(group.metadata.name, group.metadata.labels, found)

    def by_label(self, key: str, clusters: FrozenBitMap) -> Mapping[str, FrozenBitMap]:
        with self._lock:
            self._noted.add(("values", key))
            if key not in self._sets.by_value:
                self._sets.by_value[key] = self._clusters.by_value(key)
            found = {value: FrozenBitMap(members & clusters) for value, members in self._sets.by_value[key].items()}
            return {value: members for value, members in found.items() if members}

    def bare(self) -> FrozenBitMap:
        return self._mark(Mark.BARE)

    def inputs(self, clusters: FrozenBitMap) -> Iterator[tuple[int, Inputs]]:
        with self._lock:
            self._noted.add(("inputs",))
            found = {number: inputs_of(member) for number, member in self._clusters.members(clusters).items()}
            self._sets.inputs.update(found)
        yield from found.items()

    def sample(self, clusters: FrozenBitMap) -> Inputs:
        for member in self._clusters.members(clusters[:_SAMPLED]).values():
            return inputs_of(member)
        return Inputs("", "")

    def first(self, clusters: FrozenBitMap, count: int) -> FrozenBitMap:
        return FrozenBitMap(list(islice(self._ranked(clusters).sorted(clusters), count)))

    def slices(self, clusters: FrozenBitMap, size: int) -> Sequence[FrozenBitMap]:
        ordered = list(self._ranked(clusters).sorted(clusters))
        return [FrozenBitMap(ordered[at : at + size]) for at in range(0, len(ordered), size)]

    def _ranked(self, clusters: FrozenBitMap) -> Ranks:
        """The ranks of all clusters of the workspaces that these are in."""
        with self._lock:
            spaces = tuple(sorted(facet[1] for facet, known in self._sets.by_facet.items() if facet[0] == "space" and known & clusters))
            if spaces not in self._order:
                self._order[spaces] = Ranks.by(self._clusters.ordered(spaces))
            return self._order[spaces]

    def deleting(self) -> FrozenBitMap:
        return self._mark(Mark.DELETING)

    def paused(self) -> FrozenBitMap:
        return self._mark(Mark.PAUSED)

    def without_namespace(self) -> FrozenBitMap:
        return self._mark(Mark.UNPLACED)

    def scheduled(self) -> FrozenBitMap:
        """The clusters that a Schedule has, in or out of its window."""
        return self._mark(Mark.SCHEDULED)

    def off_schedule(self) -> FrozenBitMap:
        return self._mark(Mark.OFF_SCHEDULE)

    def _mark(self, mark: Mark) -> FrozenBitMap:
        return self._set(("mark", str(int(mark))), lambda: self._clusters.marked(mark))
