"""Secrets and ConfigMaps, which stay on the API server: got one by one, listed without what is in them.

A list is the API server's table with each row's metadata: it tells a Secret's type, and no value leaves the API server. Those of the
workspaces are listed and no others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import msgspec

from extension.objects.base import Object, ObjectMeta, prepare, to_builtins
from extension.objects.errors import Invalid
from extension.objects.kinds import Secret
from extension.objects.selectors import matches
from extension.store.documents import hidden
from extension.store.kubernetes.api import Reader
from extension.store.kubernetes.kinds import PAGE, ListMeta, path_of
from extension.store.listing import label_key
from extension.store.protocol import Filter, Page, Query

T = TypeVar("T", bound=Object)

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
ROOT_CA = "kube-root-ca.crt"
"""A ConfigMap that Kubernetes itself puts into every namespace: it keeps no workspace from being empty."""


class _Column(msgspec.Struct, frozen=True):
    name: str


class _Partial(msgspec.Struct, frozen=True):
    metadata: ObjectMeta


class _Row(msgspec.Struct, frozen=True):
    cells: list[Any]
    object: _Partial


class _Table(msgspec.Struct, frozen=True, rename="camel"):
    metadata: ListMeta = ListMeta()
    column_definitions: list[_Column] = []
    rows: list[_Row] | None = None


prepare(_Table)


def listed(api: Reader, cls: type[T], namespaces: Sequence[str], query: Query, revision: int) -> Page:
    """A page of those that the query holds for, by namespace and name or the other way round."""
    found = [obj for space in sorted(namespaces) for obj in _of(api, cls, space) if _holds(query, obj)]
    for part in reversed(query.sort):
        found.sort(key=lambda obj: _text(obj, part.removeprefix("-")), reverse=part.startswith("-"))
    at = _place(query.after)
    shown = tuple(found[at : at + query.limit])
    return Page(shown, str(at + query.limit) if len(found) > at + query.limit else "", len(found), revision)


def _of(api: Reader, cls: type[T], namespace: str) -> Iterator[T]:
    query = {"limit": str(PAGE), "includeObject": "Metadata"}
    while True:
        page = msgspec.json.decode(api.read(path_of(cls, namespace), query, TABLE), type=_Table)
        at = next((i for i, column in enumerate(page.column_definitions) if column.name == "Type"), None)
        for row in page.rows or ():
            found = cls(metadata=row.object.metadata, **({"type": row.cells[at]} if cls is Secret and at is not None else {}))
            if found.metadata.name != ROOT_CA:
                yield hidden(found)
        if not page.metadata.continue_:
            return
        query["continue"] = page.metadata.continue_


def _holds(query: Query, obj: Object) -> bool:
    labels = obj.metadata.labels
    if query.selector is not None and not matches(query.selector, labels):
        return False
    return all(any(_is_so(term, obj) for term in terms) for terms in query.filters)


def _is_so(term: Filter, obj: Object) -> bool:
    value = _value(obj, term.field)
    text = "" if value is None else value
    match term.operator:
        case "=" | "in":
            return value is not None and value in term.values
        case "!=" | "notin":
            return text not in term.values
        case "~" | "!~":
            return any(one.lower() in text.lower() for one in term.values) == (term.operator == "~")
        case "exists" | "!exists":
            return (value is not None) == (term.operator == "exists")
        case _:
            raise Invalid(f"filter: {term.field[:80]} is not compared by {term.operator}", field="filter")


def _text(obj: Object, path: str) -> str:
    return _value(obj, path) or ""


def _value(obj: Object, path: str) -> str | None:
    """What stands at a path of the metadata, or the type."""
    if (key := label_key(path)) is not None:
        return obj.metadata.labels.get(key)
    if path == "id":
        return f"{obj.metadata.namespace}/{obj.metadata.name}"
    if path == "type":
        return str(getattr(obj, "type", ""))
    first, _, name = path.partition(".")
    if first != "metadata" or "." in name:
        raise Invalid(f"{path[:80]} is no field to filter or sort by", field="filter", hint="the metadata, the type and labels are")
    found = to_builtins(obj.metadata).get(name)
    return None if found is None else str(found)


def _place(after: str) -> int:
    if after and not (after.isascii() and after.isdigit() and len(after) < 10):
        raise Invalid("continue: is not a place in this list", field="continue")
    return int(after or 0)
