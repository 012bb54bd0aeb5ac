"""Documents as the API server has them: with its uid, version, generation and times, and nothing laid over their status."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, Row, Text, bindparam, text, update

from extension.objects.base import Key, Object
from extension.objects.content import sha256_sum
from extension.objects.kinds import Bundle, Cluster
from extension.objects.marks import marks
from extension.store.bulk import load, new_ids
from extension.store.documents import Documents
from extension.store.schema import objects
from extension.store.tagging import tag, untag
from extension.store.tallies import begin
from extension.store.views import Views

T = TypeVar("T", bound=Object)


class MirroredDocuments(Documents):
    """Rows are written as given; `revision` is the mirror's own and no object shows it."""

    def _dated(self, obj: T, row: Row[Any]) -> T:
        return obj

    def put(self, connection: Connection, many: Sequence[Object], revision: int) -> None:
        """Writes objects of one kind over those of the same names."""
        old = rows_of(connection, [obj.key for obj in many])
        new = [obj for obj in many if obj.key not in old]
        self._add(connection, new, revision)
        for obj in many:
            if (row := old.get(obj.key)) is not None:
                self._over(connection, row, obj, revision)

    def _add(self, connection: Connection, new: Sequence[Object], revision: int) -> None:
        numbers = new_ids(connection, len(new))
        load(
            connection,
            "object",
            _COLUMNS,
            [(n, *self._row(connection, obj, revision), revision) for n, obj in zip(numbers, new, strict=True)],
        )
        tag(connection, list(zip(numbers, new, strict=True)))
        begin(connection, [n for n, obj in zip(numbers, new, strict=True) if isinstance(obj, Cluster)], revision)

    def _over(self, connection: Connection, row: Row[Any], obj: Object, revision: int) -> None:
        values = dict(zip(_COLUMNS[1:-1], self._row(connection, obj, revision), strict=True))
        connection.execute(update(objects).where(objects.c.id == row.id).values(values))
        untag(connection, row.id)
        tag(connection, [(row.id, obj)])
        if row.content and row.content != values["content"]:
            self.drop_content(connection, row.content)

    def _row(self, connection: Connection, obj: Object, revision: int) -> tuple[Any, ...]:
        meta = obj.metadata
        obj = with_content(obj)
        content = self._keep_content(connection, obj)
        doc, sealed = self._encode(obj, meta.uid)
        marked = int(marks(obj)) if isinstance(obj, Cluster) else 0
        created = meta.creation_timestamp or ""
        return (obj.KIND, meta.namespace, meta.name, meta.uid, meta.generation, created, revision, content, doc, sealed, marked)


class AsStored(Views):
    """Shows objects as they are kept: their status is who made it's to say."""

    def __init__(self) -> None:
        """Needs nothing to lay over."""

    def overlay(self, connection: Connection, obj: T, object_id: int) -> T:
        return obj

    def overlays(self, connection: Connection, found: Sequence[tuple[T, int]]) -> list[T]:
        return [obj for obj, _ in found]


def with_content(obj: T) -> T:
    """A Bundle that Fleet has not looked at yet has no hash of its files: it is told by them."""
    if not isinstance(obj, Bundle):
        return obj
    return msgspec.structs.replace(obj, status=msgspec.structs.replace(obj.status, resources_sha256_sum=sha256_sum(obj.spec.resources)))


def rows_of(connection: Connection, keys: Sequence[Key]) -> dict[Key, Row[Any]]:
    """The rows of objects of one kind."""
    wanted = set(keys)
    if not wanted:
        return {}
    places = {"kind": keys[0].kind, "spaces": list({k.namespace for k in keys}), "names": list({k.name for k in keys})}
    found = connection.execute(_ROWS, places)
    return {key: row for row in found if (key := Key(row.kind, row.namespace, row.name)) in wanted}


def ids_of(connection: Connection, keys: Sequence[Key]) -> dict[Key, int]:
    return {key: int(row.id) for key, row in rows_of(connection, keys).items()}


_COLUMNS = (
    "id", "kind", "namespace", "name", "uid", "generation", "created", "revision", "content", "doc", "sealed", "marks", "born",
)  # fmt: skip
_ROWS = text("SELECT * FROM object WHERE kind = :kind AND namespace IN :spaces AND name IN :names").bindparams(
    bindparam("spaces", expanding=True, type_=Text()), bindparam("names", expanding=True, type_=Text())
)
