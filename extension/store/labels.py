"""The label index: every cluster's labels as bitmaps, so that a selector over a million clusters takes a millisecond.

It answers targeting's questions (its `Universe`) from memory and is brought up to date from the change feed: only
clusters and groups that changed are looked at again. `version` moves when an answer may have changed, and only then:
a cluster's reports and last-seen times don't move it. All methods may be called from several threads.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from pyroaring import BitMap, FrozenBitMap

from extension.objects.base import Key
from extension.objects.errors import Gone, Invalid, NotFound
from extension.objects.kinds import BundleNamespaceMapping, Cluster, ClusterGroup, FleetWorkspace
from extension.objects.plan import NONE, Group, Inputs
from extension.objects.selectors import LabelSelector, Requirement, matches, requirements
from extension.store.protocol import Query, Store

DISPLAY_NAME = "management.cattle.io/cluster-display-name"
_KINDS = (Cluster.KIND, ClusterGroup.KIND, BundleNamespaceMapping.KIND, FleetWorkspace.KIND)
_PAGE = 1000


class Member(msgspec.Struct, frozen=True):
    """What the index keeps of a cluster: all that targeting may read."""

    namespace: str
    name: str
    labels: dict[str, str]
    annotations: dict[str, str]
    template_values: dict[str, Any]
    paused: bool
    placed: bool
    scheduled: bool
    off_schedule: bool

    @classmethod
    def of(cls, cluster: Cluster) -> Member:
        meta, status = cluster.metadata, cluster.status
        return cls(
            meta.namespace, meta.name, meta.labels, meta.annotations, cluster.spec.template_values, cluster.spec.paused,
            bool(status.namespace), status.scheduled, status.scheduled and not status.active_schedule,
        )  # fmt: skip


class LabelIndex:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.RLock()
        self._position = 0
        self.version = 0
        self._clear()

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """While this lasts the index answers from one state: sets asked for one after the other fit together."""
        with self._lock:
            yield

    def refresh(self) -> int:
        """Catches up with the store; the version it has then."""
        with self._lock:
            try:
                if not self._position:
                    self._load()
                while changes := self._store.changes(self._position):
                    for change in changes:
                        if change.key.kind in _KINDS:
                            self._take(change.key)
                    self._position = changes[-1].revision
            except Gone:
                self._load()
            return self.version

    def _clear(self) -> None:
        self._members: dict[int, Member] = {}
        self._ids: dict[Key, int] = {}
        self._by_label: dict[tuple[str, str], dict[str, BitMap]] = defaultdict(lambda: defaultdict(BitMap))
        self._in: dict[str, BitMap] = defaultdict(BitMap)
        self._named: dict[tuple[str, str], BitMap] = defaultdict(BitMap)
        self._paused, self._unplaced, self._scheduled, self._off_schedule = BitMap(), BitMap(), BitMap(), BitMap()
        self._groups: dict[Key, ClusterGroup] = {}
        self._mappings: dict[Key, BundleNamespaceMapping] = {}
        self._workspaces: dict[str, dict[str, str]] = {}

    def _load(self) -> None:
        """Reads everything. If that fails what was known stands: a part of the fleet must never look like the whole of it."""
        before = dict(vars(self))
        try:
            self._read()
        except BaseException:
            vars(self).update(before)
            raise
        self.version += 1

    def _read(self) -> None:
        self._clear()
        self._position = self._store.revision()
        for cls in (Cluster, ClusterGroup, BundleNamespaceMapping, FleetWorkspace):
            after = ""
            while True:
                page = self._store.list(cls, Query(limit=_PAGE, after=after))
                for obj in page.items:
                    self._take(obj.key, obj)
                after = page.next
                if not after:
                    break

    def _take(self, key: Key, obj: Any = None) -> None:
        """Brings one object up to date."""
        cls = {Cluster.KIND: Cluster, ClusterGroup.KIND: ClusterGroup, FleetWorkspace.KIND: FleetWorkspace}.get(
            key.kind, BundleNamespaceMapping
        )
        obj = obj or self._store.find(cls, key.namespace, key.name)
        if key.kind == Cluster.KIND:
            self._take_cluster(key, obj)
            return
        if key.kind == FleetWorkspace.KIND:
            known: Any = self._workspaces.get(key.name)
            new: Any = obj.metadata.labels if obj else None
            table: dict[Any, Any] = self._workspaces
        else:
            table = self._groups if key.kind == ClusterGroup.KIND else self._mappings
            known, new = table.get(key), _plain(obj)
        if known != new:
            self.version += 1
            place: Any = key.name if key.kind == FleetWorkspace.KIND else key
            table.pop(place, None)
            if new is not None:
                table[place] = new

    def _take_cluster(self, key: Key, cluster: Cluster | None) -> None:
        known_id = self._ids.get(key)
        new_id = self._number(key) if cluster else None
        new = Member.of(cluster) if cluster and new_id is not None else None
        if known_id == new_id and (known_id is None or self._members[known_id] == new):
            return
        if known_id is not None:
            self._put(known_id, self._members.pop(known_id), BitMap.discard)
            del self._ids[key]
        if new is not None and new_id is not None:
            self._members[new_id], self._ids[key] = new, new_id
            self._put(new_id, new, BitMap.add)
        self.version += 1

    def _number(self, key: Key) -> int | None:
        """A cluster's number; None when it went since it was read, which the feed tells of next."""
        try:
            return self._store.object_id(key)
        except NotFound:
            return None

    def _put(self, number: int, member: Member, change: Any) -> None:
        change(self._in[member.namespace], number)
        for name in {member.name, member.labels.get(DISPLAY_NAME, member.name)}:
            change(self._named[member.namespace, name], number)
        for key, value in member.labels.items():
            change(self._by_label[member.namespace, key][value], number)
        marks = (
            (self._paused, member.paused),
            (self._unplaced, not member.placed),
            (self._scheduled, member.scheduled),
            (self._off_schedule, member.off_schedule),
        )
        for marked, holds in marks:
            if holds:
                change(marked, number)

    def mapped_namespaces(self, namespace: str, labels: Mapping[str, str]) -> Collection[str]:
        with self._lock:
            found: set[str] = set()
            for mapping in self._mappings.values():
                if mapping.metadata.namespace == namespace:
                    found.update(self._opened(mapping, labels))
            return found

    def _opened(self, mapping: BundleNamespaceMapping, labels: Mapping[str, str]) -> list[str]:
        """The workspaces a mapping opens; a mapping with a broken selector opens none, as in Fleet."""
        if mapping.bundle_selector is None or mapping.namespace_selector is None:
            return []
        try:
            if not matches(mapping.bundle_selector, labels):
                return []
            return [name for name, own in self._workspaces.items() if matches(mapping.namespace_selector, own)]
        except Invalid:
            return []

    def clusters(self, namespace: str) -> FrozenBitMap:
        with self._lock:
            return FrozenBitMap(self._in.get(namespace, NONE))

    def named(self, namespace: str, name: str) -> FrozenBitMap:
        with self._lock:
            return FrozenBitMap(self._named.get((namespace, name), NONE))

    def select(self, namespace: str, selector: LabelSelector) -> FrozenBitMap:
        with self._lock:
            found = FrozenBitMap(self._in.get(namespace, NONE))
            for req in requirements(selector):
                found &= self._holding(namespace, req)
            return found

    def _holding(self, namespace: str, req: Requirement) -> FrozenBitMap:
        values = self._by_label.get((namespace, req.key), {})
        if req.operator in ("Exists", "DoesNotExist"):
            hits = FrozenBitMap.union(NONE, *values.values())
        else:
            hits = FrozenBitMap.union(NONE, *(values.get(value, NONE) for value in req.values))
        everything = FrozenBitMap(self._in.get(namespace, NONE))
        return everything - hits if req.operator in ("NotIn", "DoesNotExist") else hits

    def groups(self, namespace: str) -> Sequence[Group]:
        with self._lock:
            return [self._group(group) for key, group in sorted(self._groups.items()) if key.namespace == namespace]

    def _group(self, group: ClusterGroup) -> Group:
        found = NONE
        if group.spec.selector is not None:
            try:
                found = self.select(group.metadata.namespace, group.spec.selector)
            except Invalid:  # Fleet leaves such a group out and goes on
                found = NONE
        return Group(group.metadata.name, group.metadata.labels, found)

    def label_keys(self, namespace: str) -> Collection[str]:
        with self._lock:
            return [key for (space, key), values in self._by_label.items() if space == namespace and any(values.values())]

    def by_label(self, key: str, clusters: FrozenBitMap) -> Mapping[str, FrozenBitMap]:
        with self._lock:
            found: dict[str, BitMap] = defaultdict(BitMap)
            for (_, name), values in self._by_label.items():
                if name == key:
                    for value, members in values.items():
                        if hits := members & clusters:
                            found[value] |= hits
            return {value: FrozenBitMap(members) for value, members in found.items()}

    def inputs(self, clusters: FrozenBitMap) -> Iterator[tuple[int, Inputs]]:
        for number in clusters:
            member = self._members.get(number)
            if member is not None:
                yield number, Inputs(member.namespace, member.name, member.labels, member.annotations, member.template_values)

    def first(self, clusters: FrozenBitMap, count: int) -> FrozenBitMap:
        return FrozenBitMap(self._ordered(clusters)[:count])

    def slices(self, clusters: FrozenBitMap, size: int) -> Sequence[FrozenBitMap]:
        ordered = self._ordered(clusters)
        return [FrozenBitMap(ordered[at : at + size]) for at in range(0, len(ordered), size)]

    def _ordered(self, clusters: FrozenBitMap) -> list[int]:
        with self._lock:
            known = [number for number in clusters if number in self._members]
            return sorted(known, key=lambda number: (self._members[number].name, self._members[number].namespace))

    def paused(self) -> FrozenBitMap:
        with self._lock:
            return FrozenBitMap(self._paused)

    def without_namespace(self) -> FrozenBitMap:
        with self._lock:
            return FrozenBitMap(self._unplaced)

    def scheduled(self) -> FrozenBitMap:
        """The clusters that a Schedule has, in or out of its window."""
        with self._lock:
            return FrozenBitMap(self._scheduled)

    def off_schedule(self) -> FrozenBitMap:
        with self._lock:
            return FrozenBitMap(self._off_schedule)


def _plain(obj: Any) -> Any:
    """The object without what changes on its own (status, resourceVersion)."""
    if obj is None:
        return None
    meta = msgspec.structs.replace(obj.metadata, resource_version="")
    plain = msgspec.structs.replace(obj, metadata=meta)
    return msgspec.structs.replace(plain, status=type(obj.status)()) if isinstance(obj, ClusterGroup) else plain
