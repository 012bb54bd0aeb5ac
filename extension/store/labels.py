"""The label index: sets of clusters as bitmaps, so that a selector over a million clusters takes a millisecond.

It answers targeting's questions (its `Universe`) from memory, and reads a set when it is first asked for: a restart reads
nothing, and what no target names costs nothing. The change feed keeps the sets up to date; only clusters that changed are
looked at. Every set has a *facet*, its name; `holds` tells whether the sets behind an answer are still what they were, so
that one cluster's new label wakes only the bundles whose targets read that label. `version` moves when a set did, and only
then: a cluster's reports and last-seen times don't move it. All methods may be called from several threads.
"""

from __future__ import annotations

import threading
from array import array
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from pyroaring import BitMap, FrozenBitMap

from extension.objects.base import Key
from extension.objects.errors import Gone, Invalid
from extension.objects.kinds import BundleNamespaceMapping, Cluster, ClusterGroup, FleetWorkspace
from extension.objects.marks import Mark
from extension.objects.plan import NONE, Facet, Group, Inputs
from extension.objects.selectors import LabelSelector, Requirement, matches, requirements
from extension.store.population import DISPLAY_NAME
from extension.store.protocol import Change, Member, Query, Store

__all__ = ["DISPLAY_NAME", "LabelIndex"]

_SMALL = (ClusterGroup, BundleNamespaceMapping, FleetWorkspace)
_PAGE = 1000
_MANY_VALUES = 1000
"""A label with more values than this is forgotten, and read again when asked for, rather than searched for a cluster's old value."""

_SAMPLED = 100
_REMEMBERED = 1000
"""How many changes of marks are told of one by one."""

_HOLDS: dict[str, Callable[[Member, tuple[str, ...]], bool]] = {
    "all": lambda _member, _args: True,
    "space": lambda member, args: member.namespace == args[0],
    "named": lambda member, args: member.namespace == args[0] and args[1] in (member.name, member.labels.get(DISPLAY_NAME)),
    "label": lambda member, args: member.labels.get(args[0]) == args[1],
    "has": lambda member, args: args[0] in member.labels,
    "mark": lambda member, args: bool(member.marks & int(args[0])),
}
"""By the first word of a facet: whether a cluster is in the set, given the other words."""


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
        self._sets: dict[Facet, BitMap] = {}
        self._values: dict[str, dict[str, BitMap]] = {}
        self._order: dict[tuple[str, ...], array[int]] = {}
        self._read: dict[int, Inputs] = {}
        self._stamps: dict[Facet, int] = {}
        self._marked: deque[tuple[int, BitMap]] = deque()
        self._unknown = 0
        self._objects: dict[Key, Any] = {}
        self._epoch = 0

    def _load(self) -> None:
        """Reads groups, mappings and workspaces, and forgets every set. If that fails what was known stands."""
        position = self._store.revision()
        found: dict[Key, Any] = {}
        for cls in _SMALL:
            after = ""
            while True:
                page = self._store.list(cls, Query(limit=_PAGE, after=after))
                found.update((obj.key, _plain(obj)) for obj in page.items)
                after = page.next
                if not after:
                    break
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
        obj = self._store.find(cls, key.namespace, key.name)
        known, new = self._objects.pop(key, None), None if obj is None else _plain(obj)
        if new is not None:
            self._objects[key] = new
        if known == new:
            return set()
        return {("groups", key.namespace) if cls is ClusterGroup else ("mappings",)}

    def _take_clusters(self, numbers: BitMap) -> set[Facet]:
        members = self._clusters.members(numbers)
        stamped: set[Facet] = set()
        for facet in self._sets:
            known = self._sets[facet]
            test, args = _HOLDS[facet[0]], facet[1:]
            inside = BitMap([number for number, member in members.items() if test(member, args)])
            if known & numbers != inside:
                differing = (known & numbers) ^ inside
                self._sets[facet] = known ^ differing
                stamped.add(facet)
                if facet[0] == "space":
                    self._order.clear()
                if facet[0] == "mark":
                    self._remark(differing)
        stamped |= self._take_values(numbers, members)
        for number in numbers:
            if number in self._read and self._read[number] != _inputs(members.get(number)):
                del self._read[number]
                stamped.add(("inputs",))
        return stamped

    def _remark(self, clusters: BitMap) -> None:
        self._marked.append((self.version + 1, clusters))
        if len(self._marked) > _REMEMBERED:
            self._unknown = self._marked.popleft()[0]

    def _take_values(self, numbers: BitMap, members: Mapping[int, Member]) -> set[Facet]:
        stamped: set[Facet] = set()
        for key, values in list(self._values.items()):
            if len(values) > _MANY_VALUES:
                del self._values[key]
                stamped.add(("values", key))
                continue
            now: dict[str, BitMap] = {}
            for number, member in members.items():
                if key in member.labels:
                    now.setdefault(member.labels[key], BitMap()).add(number)
            for value in {*values, *now}:
                known, inside = values.setdefault(value, BitMap()), now.get(value, BitMap())
                if known & numbers != inside:
                    known -= numbers
                    known |= inside
                    stamped.add(("values", key))
        return stamped

    def _set(self, facet: Facet, read: Callable[[], BitMap]) -> FrozenBitMap:
        """The set of a facet, read when it is asked for the first time."""
        with self._lock:
            self._noted.add(facet)
            if facet not in self._sets:
                self._sets[facet] = read()
            return FrozenBitMap(self._sets[facet])

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

    def named(self, namespace: str, name: str) -> FrozenBitMap:
        return self._set(("named", namespace, name), lambda: self._clusters.named(namespace, name))

    def select(self, namespace: str, selector: LabelSelector) -> FrozenBitMap:
        with self._lock:
            return self._among(self.clusters(namespace), selector)

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
            if key not in self._values:
                self._values[key] = self._clusters.by_value(key)
            found = {value: FrozenBitMap(members & clusters) for value, members in self._values[key].items()}
            return {value: members for value, members in found.items() if members}

    def bare(self) -> FrozenBitMap:
        return self._mark(Mark.BARE)

    def inputs(self, clusters: FrozenBitMap) -> Iterator[tuple[int, Inputs]]:
        with self._lock:
            self._noted.add(("inputs",))
            found = {number: _inputs(member) for number, member in self._clusters.members(clusters).items()}
            self._read.update(found)
        yield from found.items()

    def sample(self, clusters: FrozenBitMap) -> Inputs:
        for member in self._clusters.members(clusters[:_SAMPLED]).values():
            return _inputs(member)
        return Inputs("", "")

    def first(self, clusters: FrozenBitMap, count: int) -> FrozenBitMap:
        found = BitMap()
        for number in self._ordered(clusters):
            if len(found) >= count:
                break
            if number in clusters:
                found.add(number)
        return FrozenBitMap(found)

    def slices(self, clusters: FrozenBitMap, size: int) -> Sequence[FrozenBitMap]:
        ordered = [number for number in self._ordered(clusters) if number in clusters]
        return [FrozenBitMap(ordered[at : at + size]) for at in range(0, len(ordered), size)]

    def _ordered(self, clusters: FrozenBitMap) -> array[int]:
        """All clusters of the workspaces that these are in, by name."""
        with self._lock:
            spaces = tuple(sorted(facet[1] for facet, known in self._sets.items() if facet[0] == "space" and known & clusters))
            if spaces not in self._order:
                self._order[spaces] = self._clusters.ordered(spaces)
            return self._order[spaces]

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


def _inputs(member: Member | None) -> Inputs:
    if member is None:
        return Inputs("", "")
    return Inputs(member.namespace, member.name, member.labels, member.annotations, member.template_values)


def _plain(obj: Any) -> Any:
    """The object without what changes on its own (status, resourceVersion)."""
    meta = msgspec.structs.replace(obj.metadata, resource_version="")
    plain = msgspec.structs.replace(obj, metadata=meta)
    return msgspec.structs.replace(plain, status=type(obj.status)()) if isinstance(obj, ClusterGroup) else plain
