"""Lists in SQL: selector, filters and sort become conditions, a page starts after the last row of the one before.

Nothing is loaded to be thrown away: labels are looked up in their side table, other fields inside the document. The
`next` of a page holds the sort values of its last row and its id, so rows written meanwhile neither shift nor repeat.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import msgspec
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    Row,
    Select,
    String,
    Text,
    and_,
    case,
    cast,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.types import TypeEngine

from extension.objects.errors import Invalid
from extension.objects.selectors import Requirement, requirements
from extension.objects.states import State
from extension.store.dialects import Ordered, holds, in_document, words_in_document
from extension.store.protocol import Filter, Query
from extension.store.schema import labels, objects, tallies

Fields = Callable[[str], ColumnElement[Any]]
"""A field path as a column. Raises Invalid for one that can't be filtered or sorted by."""

_LABEL = re.compile(r"metadata\.labels\[(?P<key>.+)\]|metadata\.labels\.(?P<plain>.+)")
_PATH = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+|\[[0-9]+\])*")
_COLUMNS: Mapping[str, ColumnElement[Any]] = {
    "metadata.name": objects.c.name,
    "metadata.namespace": objects.c.namespace,
    "metadata.uid": objects.c.uid,
    "metadata.creationTimestamp": objects.c.created,
    "metadata.generation": objects.c.generation,
    "id": case((objects.c.namespace == "", objects.c.name), else_=objects.c.namespace + "/" + objects.c.name),
}
_Integer = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
SEEN_PATH = "status.agent.lastSeen"
BUNDLES_READY_PATH = "status.display.readyBundles"
"""What a list of clusters goes by, though it is laid over them when they are read: sets in memory know it."""
STATE_PATHS = ("status.display.state", "metadata.state.name")

SHAPE_PATH = "status.shape"
"""The shape of what a deployment complains of: of clusters and deployments, to filter by only."""


def shape_digests(terms: Sequence[Filter]) -> tuple[str, ...]:
    """The shapes that a filter asks for; none where it asks for something else. Raises Invalid where it asks in another way."""
    if all(term.field != SHAPE_PATH for term in terms):
        return ()
    if any(term.field != SHAPE_PATH or term.operator not in {"=", "in"} for term in terms):
        raise Invalid(f"filter: {SHAPE_PATH} is asked for by = and in, alone", field="filter")
    return tuple(value for term in terms for value in term.values)


def document_field(path: str) -> ColumnElement[Any]:
    """A path in a document. The display state comes from the counters, so what a list shows can be asked for."""
    if path in _COLUMNS:
        return _COLUMNS[path]
    key = label_key(path)
    if key:
        return select(labels.c.value).where(labels.c.object_id == objects.c.id, labels.c.key == key).scalar_subquery()
    if path in STATE_PATHS:
        return _shown_state()
    if path in (SEEN_PATH, BUNDLES_READY_PATH, SHAPE_PATH):
        raise Invalid(f"sort: {path} can only be the first field", field="sort")
    if not path.startswith(("metadata.", "spec.", "status.", "type")):
        raise unknown(path)
    return inside(objects.c.doc, path)


def inside(document: ColumnElement[Any], path: str) -> ColumnElement[Any]:
    """A path inside a JSON document. Numbers stay numbers, so that they sort as such; booleans are the words people write."""
    if not _PATH.fullmatch(path):
        raise unknown(path)
    return words_in_document(document, path)


def unknown(path: str) -> Invalid:
    return Invalid(f"{path[:80]} is no field to filter or sort by", field="filter")


def label_key(path: str) -> str | None:
    """The label a path such as `metadata.labels[env]` names."""
    found = _LABEL.fullmatch(path)
    return (found["key"] or found["plain"]) if found else None


def _worst_state() -> ColumnElement[Any]:
    ranked = [(tallies.c[f"n{state.value}"] > 0, literal(state.name)) for state in sorted(State, reverse=True) if state is not State.Ready]
    return case(*ranked, else_=literal(""))


def _shown_state() -> ColumnElement[Any]:
    """The display state: the worst that is counted, or Pending where a Bundle has targets without a deployment and nothing is worse."""
    counted_ = select(_worst_state()).where(tallies.c.object_id == objects.c.id).scalar_subquery()
    waits = and_(objects.c.kind == "Bundle", in_document(objects.c.doc, "status.pending.count").is_not(None))
    better = func.coalesce(counted_, "").in_(("", State.NotReady.name))
    return case((and_(waits, better), literal(State.Pending.name)), else_=counted_)


def selection(query: Query, field: Fields, namespace: ColumnElement[Any], kind: str) -> ColumnElement[bool]:
    """What a row must fulfil to be in the list."""
    found: list[ColumnElement[bool]] = [true()]
    if query.namespaces is not None:
        found.append(namespace.in_(query.namespaces) if query.namespaces else false())
    if query.selector is not None:
        found += [_labelled(req, kind) for req in requirements(query.selector)]
    found += [or_(*(_holds(term, field) for term in terms)) for terms in query.filters]
    return and_(*found)


def _labelled(req: Requirement, kind: str) -> ColumnElement[bool]:
    """A requirement as a look-up in the side table; `In` is driven from the index over values."""
    if req.operator == "In":
        matching = select(labels.c.object_id).where(labels.c.kind == kind, labels.c.key == req.key, labels.c.value.in_(req.values))
        return objects.c.id.in_(matching)
    own = exists().where(labels.c.object_id == objects.c.id, labels.c.key == req.key)
    if req.operator == "NotIn":
        own = own.where(labels.c.value.in_(req.values))
    return own if req.operator == "Exists" else ~own


def _holds(term: Filter, field: Fields) -> ColumnElement[bool]:
    column = field(term.field)
    if not isinstance(column.type, String):  # values are texts, and to SQLite the text '1' is not the number 1
        column = cast(column, Text())
    text = func.coalesce(column, "")
    match term.operator:
        case "=" | "in":
            return column.in_(term.values)
        case "!=" | "notin":
            return text.not_in(term.values)
        case "~" | "!~":
            hit = or_(*(holds(text, literal(value)) for value in term.values))
            return hit if term.operator == "~" else ~hit
        case "<" | ">=":
            raise Invalid(f"filter: {term.field[:80]} is not compared by {term.operator}", field="filter")
        case "exists":
            return column.is_not(None)
        case _:
            return column.is_(None)


class Order:
    """The order of a list and where a page of it starts. `ids` break ties and make every place unique."""

    def __init__(self, query: Query, field: Fields, ids: Sequence[ColumnElement[Any]]) -> None:
        parts = [(_never_null(field(part.lstrip("-"))), part.startswith("-")) for part in query.sort]
        self._parts = [*parts, *((column, False) for column in ids)]
        self.after = _place(query.after, [column.type for column, _ in self._parts]) if query.after else []

    @property
    def columns(self) -> list[ColumnElement[Any]]:
        """What a row must carry so that `next` can be made from it: these, last in its select."""
        return [column.label(f"sort_{number}") for number, (column, _) in enumerate(self._parts)]

    def apply(self, statement: Select[Any], limit: int) -> Select[Any]:
        ordered = statement.order_by(*(column.desc() if down else column.asc() for column, down in self._parts)).limit(limit + 1)
        return ordered.where(self._beyond(self.after)) if self.after else ordered

    def _beyond(self, place: Sequence[Any]) -> ColumnElement[bool]:
        """Lexicographically after `place`: greater in one part, equal in all before it. In one direction that is a comparison of rows,
        which an index answers from the middle of the list as fast as from its start."""
        if len({down for _, down in self._parts}) == 1:
            columns = tuple_(*(column for column, _ in self._parts))
            values = tuple_(*(literal(value, column.type) for value, (column, _) in zip(place, self._parts, strict=True)))
            return columns < values if self._parts[0][1] else columns > values
        ways: list[ColumnElement[bool]] = []
        for number, (column, down) in enumerate(self._parts):
            same = [before == place[at] for at, (before, _) in enumerate(self._parts[:number])]
            ways.append(and_(*same, column < place[number] if down else column > place[number]))
        return or_(*ways)

    def next(self, row: Any) -> str:
        return msgspec.json.encode(list(row[-len(self._parts) :])).decode()


def _never_null(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """The column with an empty text for nothing; one that never is nothing stays bare, so that its index orders the list."""
    if isinstance(column, words_in_document):
        return column.order()
    bare = isinstance(column, Column) and not column.nullable
    return column if bare else func.coalesce(column, "")


def _place(token: str, types: Sequence[TypeEngine[Any]]) -> list[Any]:
    try:
        place = msgspec.json.decode(token, type=list[str | float | _Integer])
    except msgspec.DecodeError:
        place = []
    if len(place) != len(types) or not all(map(_fits, place, types)):
        raise Invalid("continue: is not a place in this list", field="continue")
    return place


def _fits(value: str | float, kind: TypeEngine[Any]) -> bool:
    """Whether a value is one that a column of this type can have."""
    return isinstance(kind, Ordered) or isinstance(value, int if isinstance(kind, Integer) else str)


def counted(source: FromClause, where: ColumnElement[bool]) -> Select[Any]:
    return select(func.count()).select_from(source).where(where)


Found = tuple[Sequence[Row[Any]], str, int]
"""The rows of a page, where the next one starts (empty: nowhere), and how many there are in all."""


def listed(connection: Connection, kind: str, query: Query, among: ColumnElement[bool] | None = None) -> Found:
    """A page of the documents of a kind, of those for which `among` holds."""
    found = selection(query, document_field, objects.c.namespace, kind)
    where = and_(objects.c.kind == kind, found, true() if among is None else among)
    order = Order(query, document_field, (objects.c.id,))
    rows = connection.execute(order.apply(select(objects, *order.columns).where(where), query.limit)).all()
    more = order.next(rows[query.limit - 1]) if len(rows) > query.limit else ""
    return rows[: query.limit], more, int(connection.execute(counted(objects, where)).scalar_one())
