"""Lists of clusters: which they are is told by sets of numbers, so that a page and its count cost the same for any fleet.

SQL would make the same sets anew for every page. Only what labels and workspaces say is answered by sets; the rest of a
query is SQL's, over the clusters that are left.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from pyroaring import FrozenBitMap
from sqlalchemy import ColumnElement, Connection, Row, and_, select, text

from extension.objects.errors import Invalid
from extension.objects.kinds import Cluster
from extension.objects.selectors import LabelSelector, Requirement, requirements
from extension.store.labels import LabelIndex
from extension.store.listing import Found, Order, document_field, label_key, listed, selection
from extension.store.protocol import Filter, Query
from extension.store.schema import objects

FEW = 5000
"""So many clusters are sorted for a page; of more, the list is gone through until a page is full."""
CHUNK = 1000
LARGEST_CHUNK = 50_000
_INDEXED = ("metadata.namespace", "metadata.name")


class ClusterLists:
    def __init__(self, index: LabelIndex) -> None:
        self._index = index

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
        if len(left) > FEW and not query.filters and set(query.sort) <= set(_INDEXED):
            return *self._walked(connection, query, left), len(left)
        return listed(connection, Cluster.KIND, query, _among(left))

    def _walked(self, connection: Connection, query: Query, left: FrozenBitMap) -> tuple[Sequence[Row[Any]], str]:
        """Goes along the index, in growing chunks, until a page of `left` is full."""
        where = and_(objects.c.kind == Cluster.KIND, selection(query, document_field, objects.c.namespace, Cluster.KIND))
        hits: list[Row[Any]] = []
        at, size = query.after, max(CHUNK, query.limit)
        while len(hits) <= query.limit:
            order = Order(msgspec.structs.replace(query, after=at), document_field, (objects.c.id,))
            rows = connection.execute(order.apply(select(objects.c.id, *order.columns).where(where), size)).all()
            hits += [row for row in rows[:size] if row.id in left]
            if len(rows) <= size:
                break
            at, size = order.next(rows[size - 1]), min(2 * size, LARGEST_CHUNK)
        ids = [row.id for row in hits[: query.limit]]
        found = {row.id: row for row in connection.execute(select(objects).where(objects.c.id.in_(ids)))}
        more = order.next(hits[query.limit - 1]) if len(hits) > query.limit else ""
        return [found[id_] for id_ in ids], more


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


def _among(clusters: FrozenBitMap) -> ColumnElement[bool]:
    numbers = text("SELECT value FROM json_each(:numbers)").bindparams(numbers=msgspec.json.encode(list(clusters)).decode())
    return objects.c.id.in_(numbers.columns(objects.c.id).scalar_subquery())
