"""Lists of clusters: which they are is told by sets of numbers, so that a page and its count cost the same for any fleet.

SQL would make the same sets anew for every page. Only what labels and workspaces say is answered by sets; the rest of a
query is SQL's, over the clusters that are left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from pyroaring import FrozenBitMap
from sqlalchemy import Connection, Row, select, text

from extension.objects.errors import Invalid
from extension.objects.kinds import Cluster
from extension.objects.plan import NONE
from extension.objects.selectors import LabelSelector, Requirement, requirements
from extension.store.bulk import along_an_index, fetched
from extension.store.complaints import shapes_of
from extension.store.dialects import among
from extension.store.labels import LabelIndex
from extension.store.listing import STATE_PATHS, Found, Order, document_field, label_key, listed, shape_digests
from extension.store.protocol import Filter, Query
from extension.store.schema import objects
from extension.store.standing import NOT_READY, Standing
from extension.store.vectors import ClusterTallies

FEW = 5000
"""So many clusters are sorted for a page; of more, the list is gone through until a page is full."""
CHUNK = 1000
LARGEST_CHUNK = 50_000
WAIT_CHECK_IN = "WaitCheckIn"
_BY_NAME = ("metadata.namespace", "metadata.name")


class ClusterLists:
    """`narrowed` and then `page`; all that takes sets is in memory, all that takes an order is asked of an index of the store."""

    def __init__(self, index: LabelIndex, tallies: ClusterTallies, standing: Standing) -> None:
        self._index = index
        self._standing = standing
        self._tallies = tallies
        self._seen = (0, 0, NONE)

    def narrowed(self, query: Query) -> tuple[Query, FrozenBitMap]:
        """The clusters that workspaces and labels leave, and the query with what is still to be asked. Raises Invalid."""
        self._index.refresh()
        by_label = tuple(_requirement(terms) for terms in query.filters)
        rest = tuple(terms for terms, req in zip(query.filters, by_label, strict=True) if req is None)
        given = query.selector or LabelSelector()
        wanted = (*given.match_expressions, *(req for req in by_label if req is not None))
        left = self._index.chosen(query.namespaces, msgspec.structs.replace(given, match_expressions=wanted))
        return msgspec.structs.replace(query, selector=None, filters=rest), left

    def page(self, connection: Connection, query: Query, left: FrozenBitMap) -> Found:
        """A page of those of `left` that the query's filters hold for."""
        rest: list[tuple[Filter, ...]] = []
        for terms in query.filters:
            found = self._holding(connection, terms)
            left, rest = (left, [*rest, terms]) if found is None else (left & found, rest)
        query = msgspec.structs.replace(query, filters=tuple(rest))
        if not rest and query.sort and query.sort[0].removeprefix("-") in STATE_PATHS:
            return *self._by_state(connection, query, left), len(left)
        return self._sorted(connection, query, left)

    def _holding(self, connection: Connection, terms: Sequence[Filter]) -> FrozenBitMap | None:
        """The clusters a filter holds for; None where that is for SQL to find out."""
        one = terms[0]
        if all(term.field in STATE_PATHS and term.operator not in {"~", "!~"} for term in terms):
            states = self._states(connection)
            return FrozenBitMap.union(NONE, *(_stated(term, states) for term in terms))
        if digests := shape_digests(terms):
            return self._standing.complaining(connection, shapes_of(connection, digests), NOT_READY)
        if len(terms) == 1 and one.field == "metadata.name" and one.operator == "~":
            return FrozenBitMap.union(NONE, *(self._index.naming(value) for value in one.values))
        return None

    def _sorted(self, connection: Connection, query: Query, left: FrozenBitMap) -> Found:
        walks = query.sort == _BY_NAME or (query.sort == _BY_NAME[1:] and len(query.namespaces or ()) == 1)
        if walks and not query.filters and len(left) > FEW:
            return *self._walked(connection, query, left), len(left)
        return listed(connection, Cluster.KIND, query, among(objects.c.id, left))

    def _by_state(self, connection: Connection, query: Query, left: FrozenBitMap) -> tuple[Sequence[Row[Any]], str]:
        """State after state in the order of their names; within one, in the order the rest of the sort says."""
        turned = query.sort[0].startswith("-")
        state, inner = _place(query.after) if query.after else ("", "")
        rows: list[Row[Any]] = []
        for name, clusters in sorted(self._states(connection).items(), reverse=turned):
            if query.after and (name > state if turned else name < state):
                continue
            here = left & clusters
            if here and len(rows) == query.limit:
                return rows, _token(name, "")
            if here:
                rest = msgspec.structs.replace(
                    query, sort=query.sort[1:] or _BY_NAME, limit=query.limit - len(rows), after=inner if name == state else ""
                )
                found, more, _ = self._sorted(connection, rest, here)
                rows += found
                if more:
                    return rows, _token(name, more)
        return rows, ""

    def _states(self, connection: Connection) -> dict[str, FrozenBitMap]:
        """All clusters by what their display state is."""
        self._tallies.refresh(connection)
        seen = self._checked_in(connection)
        states = {name: clusters & seen for name, clusters in self._tallies.states().items()}
        return {**states, WAIT_CHECK_IN: self._index.chosen(None, LabelSelector()) - seen}

    def _checked_in(self, connection: Connection) -> FrozenBitMap:
        """The clusters that were ever heard of, read again when their number says that there are others."""
        count, newest = connection.execute(_SEEN_COUNT).one()
        if self._seen[:2] != (count, newest):
            self._seen = (count, newest, FrozenBitMap([row[0] for row in fetched(connection, _SEEN)]))
        return self._seen[2]

    def _walked(self, connection: Connection, query: Query, left: FrozenBitMap) -> tuple[Sequence[Row[Any]], str]:
        """Goes along the index, in growing chunks, until a page of `left` is full. Workspaces are in `left` already: the index
        is quick only where it is asked for a place and an end."""
        spaces, sort = query.namespaces, query.sort
        hits: list[Row[Any]] = []
        at, size = _whole_place(query), max(CHUNK, query.limit)
        while len(hits) <= query.limit:
            order = Order(msgspec.structs.replace(query, sort=_BY_NAME, after=at), document_field, (objects.c.id,))
            statement = select(objects.c.id, objects.c.namespace, *order.columns).where(objects.c.kind == Cluster.KIND)
            with along_an_index(connection):
                rows = connection.execute(order.apply(statement, size)).all()
            hits += [row for row in rows[:size] if row.id in left]
            if len(rows) <= size or (spaces and rows[size - 1].namespace > max(spaces)):
                break
            at, size = order.next(rows[size - 1]), min(2 * size, LARGEST_CHUNK)
        ids = [row.id for row in hits[: query.limit]]
        found = {row.id: row for row in connection.execute(select(objects).where(objects.c.id.in_(ids)))}
        if len(hits) <= query.limit:
            return [found[id_] for id_ in ids], ""
        last = found[ids[-1]]
        names = [last.namespace, last.name][-len(sort) :]
        return [found[id_] for id_ in ids], msgspec.json.encode([*names, last.id]).decode()


def _stated(term: Filter, states: Mapping[str, FrozenBitMap]) -> FrozenBitMap:
    """The clusters in a state; every cluster has one."""
    everyone = FrozenBitMap.union(NONE, *states.values())
    named = FrozenBitMap.union(NONE, *(states.get(value, NONE) for value in term.values))
    found = {"exists": everyone, "!exists": NONE, "=": named, "in": named}
    return found.get(term.operator, everyone - named)


def _whole_place(query: Query) -> str:
    """The place before the page in the order of workspaces and names; before the first workspace, for a first page."""
    spaces = query.namespaces
    if query.after and query.sort == _BY_NAME:
        return query.after
    if query.after and spaces:
        return msgspec.json.encode([spaces[0], *Order(query, document_field, (objects.c.id,)).after]).decode()
    return msgspec.json.encode([min(spaces), "", 0]).decode() if spaces else ""


def _token(state: str, inner: str) -> str:
    return msgspec.json.encode([state, inner]).decode()


def _place(token: str) -> tuple[str, str]:
    try:
        return msgspec.json.decode(token, type=tuple[str, str])
    except msgspec.DecodeError:
        raise Invalid("continue: is not a place in this list", field="continue") from None


def _requirement(terms: Sequence[Filter]) -> Requirement | None:
    """A filter that a selector can say too; no alternatives, and nothing that can't be a label."""
    key = label_key(terms[0].field) if len(terms) == 1 else None
    if not key or terms[0].operator not in {"=", "in"}:
        return None
    asked = Requirement(key, "In", terms[0].values)
    try:
        requirements(LabelSelector(match_expressions=(asked,)))
    except Invalid:
        return None
    return asked


_SEEN_COUNT = text("SELECT count(*), coalesce(max(cluster_id), 0) FROM seen")
_SEEN = text("SELECT cluster_id FROM seen")
