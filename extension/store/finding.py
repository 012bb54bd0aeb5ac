"""Lists of clusters: which they are is told by sets of numbers, so that a page and its count cost the same for any fleet.

SQL would make the same sets anew for every page. Only what labels and workspaces say is answered by sets; the rest of a
query is SQL's, over the clusters that are left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

import msgspec
from pyroaring import FrozenBitMap
from sqlalchemy import Connection, Row, select

from extension.objects.errors import Invalid
from extension.objects.kinds import Cluster
from extension.objects.plan import NONE
from extension.objects.selectors import LabelSelector, Requirement, requirements
from extension.store.bulk import along_an_index
from extension.store.complaints import shapes_of
from extension.store.dialects import among
from extension.store.labels import LabelIndex
from extension.store.lastseen import AFTER, BEFORE, LastSeen
from extension.store.listing import (
    BUNDLES_READY_PATH,
    SEEN_PATH,
    STATE_PATHS,
    Found,
    Order,
    document_field,
    label_key,
    listed,
    selection,
    shape_digests,
)
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
        self._seen = LastSeen()

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
        sets = self._sets(connection, query.sort[0].removeprefix("-"), left) if query.sort else None
        if sets is None:
            return self._sorted(connection, query, left)
        if rest:
            wanted = selection(query, document_field, objects.c.namespace, Cluster.KIND) & among(objects.c.id, left)
            left = FrozenBitMap([row[0] for row in connection.execute(select(objects.c.id).where(objects.c.kind == Cluster.KIND, wanted))])
            query = msgspec.structs.replace(query, filters=())
        by_name = query.sort[1:] in ((), _BY_NAME) and len(left) <= FEW
        return *(self._few if by_name else self._by_set)(connection, query, left, sets), len(left)

    def _few(
        self, connection: Connection, query: Query, left: FrozenBitMap, sets: Mapping[str, FrozenBitMap]
    ) -> tuple[Sequence[Row[Any]], str]:
        """As `_by_set`, with one look at the names of all: few clusters may be in nearly as many sets."""
        turned = query.sort[0].startswith("-")
        names = select(objects.c.id, objects.c.namespace, objects.c.name).where(among(objects.c.id, left))
        places = {row.id: [row.namespace, row.name, row.id] for row in connection.execute(names)}
        order = [(word, places[id_]) for word, here in sets.items() for id_ in here & left if id_ in places]
        order.sort(key=itemgetter(1))
        order.sort(key=itemgetter(0), reverse=turned)
        if query.after:
            word, inner = _place(query.after)
            after = Order(msgspec.structs.replace(query, sort=_BY_NAME, after=inner), document_field, (objects.c.id,)).after
            order = [one for one in order if (one[0] < word if turned else one[0] > word) or (one[0] == word and one[1] > after)]
        shown = order[: query.limit]
        found = {row.id: row for row in connection.execute(select(objects).where(among(objects.c.id, [place[2] for _, place in shown])))}
        more = _token(shown[-1][0], msgspec.json.encode(shown[-1][1]).decode()) if len(order) > query.limit else ""
        return [found[place[2]] for _, place in shown], more

    def _holding(self, connection: Connection, terms: Sequence[Filter]) -> FrozenBitMap | None:
        """The clusters a filter holds for; None where that is for SQL to find out."""
        one = terms[0]
        if all(term.field in STATE_PATHS and term.operator not in {"~", "!~"} for term in terms):
            states = self._states(connection)
            return FrozenBitMap.union(NONE, *(_stated(term, states) for term in terms))
        if any(term.field == SEEN_PATH for term in terms):
            self._seen.refresh(connection)
            return FrozenBitMap.union(NONE, *(self._timed(term) for term in terms))
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

    def _timed(self, term: Filter) -> FrozenBitMap:
        """The clusters that a filter by the time they were last seen holds for. Raises Invalid."""
        if term.field != SEEN_PATH or term.operator not in {BEFORE, AFTER, "exists", "!exists"}:
            raise Invalid(f"filter: {SEEN_PATH} is asked for before or since a time, or whether there is one", field="filter")
        if term.operator in {BEFORE, AFTER}:
            wanted = self._seen.before if term.operator == BEFORE else self._seen.since
            return FrozenBitMap.union(NONE, *map(wanted, term.values))
        ever = self._seen.ever()
        return ever if term.operator == "exists" else self._index.chosen(None, LabelSelector()) - ever

    def _sets(self, connection: Connection, field: str, left: FrozenBitMap) -> Mapping[str, FrozenBitMap] | None:
        """The clusters by a field that is laid over them, under texts that sort as its values do; None for any other field."""
        if field in STATE_PATHS:
            return self._states(connection)
        if field == BUNDLES_READY_PATH:
            self._tallies.refresh(connection)
            return self._tallies.by_ready()
        if field == SEEN_PATH:
            self._seen.refresh(connection)
            return {**self._seen.by_time(), "": left - self._seen.ever()}
        return None

    def _by_set(
        self, connection: Connection, query: Query, left: FrozenBitMap, sets: Mapping[str, FrozenBitMap]
    ) -> tuple[Sequence[Row[Any]], str]:
        """Set after set in the order of their names; within one, in the order the rest of the sort says."""
        turned = query.sort[0].startswith("-")
        state, inner = _place(query.after) if query.after else ("", "")
        rows: list[Row[Any]] = []
        for name, clusters in sorted(sets.items(), reverse=turned):
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
        self._seen.refresh(connection)
        seen = self._seen.ever()
        states = {name: clusters & seen for name, clusters in self._tallies.states().items()}
        return {**states, WAIT_CHECK_IN: self._index.chosen(None, LabelSelector()) - seen}

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
