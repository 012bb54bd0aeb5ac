"""Labels of objects, for selectors: each distinct label once, and which objects have it as pairs of integers.

A label that no object has any more is dropped with its last object, so the table does not grow with time.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, text

from extension.objects.base import Object
from extension.store.bulk import fetched, load, temporary

Label = tuple[str, str, str]
"""Kind, key, value."""
_FEW = 20
"""So many are looked up one by one as fast."""


def tag(connection: Connection, written: Sequence[tuple[int, Object]]) -> None:
    """Adds the labels of new objects, given with their ids."""
    labels = [((obj.KIND, key, value), id_) for id_, obj in written for key, value in obj.metadata.labels.items()]
    distinct = list(dict.fromkeys(label for label, _ in labels))
    numbers = _numbers(connection, distinct) if len(distinct) > _FEW else {label: _number(connection, label) for label in distinct}
    load(connection, "tag", ("label_id", "object_id"), sorted((numbers[label], id_) for label, id_ in labels))


def untag(connection: Connection, object_id: int) -> None:
    """Takes all labels off an object."""
    gone = [row.label_id for row in connection.execute(_OF, {"object": object_id})]
    connection.execute(_UNTAG, {"object": object_id})
    for label in gone:
        connection.execute(_DROP, {"label": label})


def _number(connection: Connection, label: Label) -> int:
    kind, key, value = label
    values = {"kind": kind, "key": key, "value": value}
    found = connection.execute(_FIND, values).scalar_one_or_none()
    return int(connection.execute(_ADD, values).scalar_one() if found is None else found)


def _numbers(connection: Connection, labels: list[Label]) -> dict[Label, int]:
    """As `_number` for each, with a few statements for all."""
    temporary(connection, "labelled", "kind TEXT, key TEXT, value TEXT")
    load(connection, "labelled", ("kind", "key", "value"), labels)
    connection.execute(_ADD_ALL)
    return {(kind, key, value): number for kind, key, value, number in fetched(connection, _FIND_ALL)}


_ADD_ALL = text(
    "INSERT INTO label_value (kind, key, value) SELECT kind, key, value FROM labelled WHERE true ON CONFLICT (kind, key, value) DO NOTHING"
)
_FIND_ALL = text(
    "SELECT v.kind, v.key, v.value, v.id FROM labelled l JOIN label_value v ON v.kind = l.kind AND v.key = l.key AND v.value = l.value"
)
_FIND = text("SELECT id FROM label_value WHERE kind = :kind AND key = :key AND value = :value")
_ADD = text("INSERT INTO label_value (kind, key, value) VALUES (:kind, :key, :value) RETURNING id")
_OF = text("SELECT label_id FROM tag WHERE object_id = :object")
_UNTAG = text("DELETE FROM tag WHERE object_id = :object")
_DROP = text("DELETE FROM label_value WHERE id = :label AND NOT EXISTS (SELECT 1 FROM tag WHERE label_id = :label)")
