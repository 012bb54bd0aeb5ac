"""What happened to objects: the newest events of each, beside its document, written with what made them.

One that is like the newest of its object is counted there, and so is one that comes and goes in turn with another. That an object was
made is told by its own time and written nowhere. Events are outside the sequence: who looks at an object hears of the write that they
come with. They go with their object (`removing.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlalchemy import Connection, Integer, bindparam, delete, insert, select, update

from extension.objects.base import Object
from extension.objects.happened import BEGINNINGS, Event, Happening, Involved, happened, involved
from extension.store.clock import now
from extension.store.schema import events

KEPT = 50
"""Events of an object."""
BIRTH = "created"
"""The id of the event that is not written."""


def tell(connection: Connection, object_id: int, told: Iterable[Happening], *, in_turn: bool = False) -> None:
    """Notes what happened to an object; what comes `in_turn` with another may have happened before that."""
    for one in told:
        moment = now()
        same = {"is_type": one.type, "is_reason": one.reason, "is_message": one.message}
        known = connection.execute(_TAKE, {"of": object_id, "newest": 2 if in_turn else 1, **same}).one_or_none()
        # A new row, so that the ids have the order of what happened, of which much can be within a second.
        count, first = (known.times + 1, known.first) if known else (1, moment)
        _add(connection, object_id, Event("", one.type, one.reason, one.message, Involved(), count, first, moment))
        if not known:
            connection.execute(_PRUNE, {"of": object_id})


def _add(connection: Connection, object_id: int, event: Event) -> None:
    what = {"type": event.type, "reason": event.reason, "message": event.message, "times": event.count}
    connection.execute(insert(events), {"object_id": object_id, **what, "first": event.first_timestamp, "last": event.last_timestamp})


def hand_on(connection: Connection, old: Object, old_id: int, new_id: int) -> None:
    """Gives the events of an object to the one that takes its place, and with them the time at which the old one was made."""
    *_, first = events_of(connection, old_id, old)
    if first.id == BIRTH:
        _add(connection, old_id, first)
    connection.execute(update(events).where(events.c.object_id == old_id).values(object_id=new_id))


def events_of(connection: Connection, object_id: int, obj: Object) -> list[Event]:
    """The events of an object, the newest first."""
    about = involved(obj)
    rows = connection.execute(_NEWEST, {"of": object_id})
    found = [Event(str(row.id), row.type, row.reason, row.message, about, row.times, row.first, row.last) for row in rows]
    return found if any(one.reason in BEGINNINGS for one in found) else [*found, *_birth(obj, about)]


def _birth(obj: Object, about: Involved) -> Iterator[Event]:
    """That it was made is what its own time says: nothing is written for it, however many are made at once."""
    made = obj.metadata.creation_timestamp or ""
    for one in happened(None, obj):
        yield Event(BIRTH, one.type, one.reason, one.message, about, 1, made, made)


_OF = events.c.object_id == bindparam("of")
_NEWEST = select(events).where(_OF).order_by(events.c.last.desc(), events.c.id.desc())
_IDS = _NEWEST.with_only_columns(events.c.id)
_TAKE = (
    delete(events)
    .where(
        events.c.id.in_(_IDS.limit(bindparam("newest", type_=Integer)).scalar_subquery()),
        events.c.type == bindparam("is_type"),
        events.c.reason == bindparam("is_reason"),
        events.c.message == bindparam("is_message"),
    )
    .returning(events.c.times, events.c.first)
)
_PRUNE = delete(events).where(events.c.id.in_(_IDS.offset(KEPT).scalar_subquery()))
