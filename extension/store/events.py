"""What happened to objects: the newest events of each, beside its document, written with what made them.

One that is like the newest of its object is counted there. Events are outside the sequence: who looks at an object hears of the write
that they come with. They go with their object (`removing.py`).
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from extension.objects.happened import Event, Happening, Involved
from extension.store.clock import now
from extension.store.schema import events

KEPT = 50
"""Events of an object."""


def tell(connection: Connection, object_id: int, told: Iterable[Happening], *, new: bool = False) -> None:
    """Notes what happened to an object; a `new` one has no events yet."""
    for one in told:
        values = {"of": object_id, "is_type": one.type, "is_reason": one.reason, "is_message": one.message, "moment": now()}
        if not new and connection.execute(_AGAIN, values).rowcount:
            continue
        connection.execute(_ADD, _row(object_id, one, values["moment"]))
        if not new:
            connection.execute(_PRUNE, {"of": object_id})


def _row(object_id: int, one: Happening, moment: object) -> dict[str, object]:
    return {
        "object_id": object_id, "type": one.type, "reason": one.reason, "message": one.message, "times": 1, "first": moment, "last": moment,
    }  # fmt: skip


def hand_on(connection: Connection, old: int, new: int) -> None:
    """Gives the events of an object to the one that takes its place."""
    connection.execute(update(events).where(events.c.object_id == old).values(object_id=new))


def events_of(connection: Connection, object_id: int, about: Involved) -> list[Event]:
    """The events of an object, the newest first."""
    rows = connection.execute(_NEWEST, {"of": object_id})
    return [Event(str(row.id), row.type, row.reason, row.message, about, row.times, row.first, row.last) for row in rows]


_OF = events.c.object_id == bindparam("of")
_LAST = select(func.max(events.c.id)).where(_OF).scalar_subquery()
_AGAIN = (
    update(events)
    .where(
        events.c.id == _LAST,
        events.c.type == bindparam("is_type"),
        events.c.reason == bindparam("is_reason"),
        events.c.message == bindparam("is_message"),
    )
    .values(times=events.c.times + 1, last=bindparam("moment"))
)
_ADD = insert(events)
_NEWEST = select(events).where(_OF).order_by(events.c.id.desc())
_OLDEST = select(events.c.id).where(_OF).order_by(events.c.id.desc()).offset(KEPT).limit(1).scalar_subquery()
_PRUNE = delete(events).where(_OF, events.c.id <= _OLDEST)
