"""Sets of clusters kept in memory, each by the facet that names it, and what changes in them when clusters do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from pyroaring import BitMap

from extension.objects.kinds import ClusterGroup
from extension.objects.plan import Facet, Inputs
from extension.store.population import DISPLAY_NAME
from extension.store.protocol import Member

_MANY_VALUES = 1000
"""A label with more values than this is forgotten, and read again when asked for, rather than searched for a cluster's old value."""

_HOLDS: dict[str, Callable[[Member, tuple[str, ...]], bool]] = {
    "all": lambda _member, _args: True,
    "space": lambda member, args: member.namespace == args[0],
    "named": lambda member, args: member.namespace == args[0] and args[1] in (member.name, member.labels.get(DISPLAY_NAME)),
    "label": lambda member, args: member.labels.get(args[0]) == args[1],
    "has": lambda member, args: args[0] in member.labels,
    "mark": lambda member, args: bool(member.marks & int(args[0])),
}
"""By the first word of a facet: whether a cluster is in the set, given the other words."""


class FacetSets:
    """`by_facet` and `by_value` (labels of a key) hold what was read of the store, `inputs` what templates were shown of a cluster."""

    def __init__(self) -> None:
        self.by_facet: dict[Facet, BitMap] = {}
        self.by_value: dict[str, dict[str, BitMap]] = {}
        self.inputs: dict[int, Inputs] = {}

    def take(self, numbers: BitMap, members: Mapping[int, Member]) -> tuple[set[Facet], BitMap]:
        """Brings the sets up to date with clusters that changed, of which `members` has those that are still there. The facets that are
        others now, and the clusters whose marks are."""
        stamped: set[Facet] = set()
        marked = BitMap()
        for facet in self.by_facet:
            test, args = _HOLDS[facet[0]], facet[1:]
            inside = BitMap([number for number, member in members.items() if test(member, args)])
            if differing := (self.by_facet[facet] & numbers) ^ inside:
                self.by_facet[facet] ^= differing
                stamped.add(facet)
                if facet[0] == "mark":
                    marked |= differing
        stamped |= self._take_values(numbers, members)
        for number in numbers:
            if number in self.inputs and self.inputs[number] != inputs_of(members.get(number)):
                del self.inputs[number]
                stamped.add(("inputs",))
        return stamped, marked

    def _take_values(self, numbers: BitMap, members: Mapping[int, Member]) -> set[Facet]:
        stamped: set[Facet] = set()
        for key, values in list(self.by_value.items()):
            if len(values) > _MANY_VALUES:
                del self.by_value[key]
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


def inputs_of(member: Member | None) -> Inputs:
    if member is None:
        return Inputs("", "")
    return Inputs(member.namespace, member.name, member.labels, member.annotations, member.template_values)


def plain(obj: Any) -> Any:
    """The object without what changes on its own (status, resourceVersion)."""
    meta = msgspec.structs.replace(obj.metadata, resource_version="")
    plain = msgspec.structs.replace(obj, metadata=meta)
    return msgspec.structs.replace(plain, status=type(obj.status)()) if isinstance(obj, ClusterGroup) else plain
