"""Labels of objects, for selectors: each distinct label once, and which objects have it as pairs of integers.

A label that no object has any more is dropped with its last object, so the table does not grow with time.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, text

from extension.objects.base import Object
from extension.store.database import many

Label = tuple[str, str, str]
"""Kind, key, value."""


def tag(connection: Connection, written: Sequence[tuple[int, Object]], known: dict[Label, int] | None = None) -> None:
    """Adds the labels of new objects, given with their ids. `known` are numbers of labels that this transaction has looked up."""
    numbers = {} if known is None else known
    labels = [((obj.KIND, key, value), id_) for id_, obj in written for key, value in obj.metadata.labels.items()]
    for label in dict.fromkeys(label for label, _ in labels):
        if label not in numbers:
            numbers[label] = _number(connection, label)
    many(connection, "INSERT INTO tag (label_id, object_id) VALUES (?, ?)", sorted((numbers[label], id_) for label, id_ in labels))


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


_FIND = text("SELECT id FROM label_value WHERE kind = :kind AND key = :key AND value = :value")
_ADD = text("INSERT INTO label_value (kind, key, value) VALUES (:kind, :key, :value) RETURNING id")
_OF = text("SELECT label_id FROM tag WHERE object_id = :object")
_UNTAG = text("DELETE FROM tag WHERE object_id = :object")
_DROP = text("DELETE FROM label_value WHERE id = :label AND NOT EXISTS (SELECT 1 FROM tag WHERE label_id = :label)")
