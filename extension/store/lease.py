"""The lease of the one process that works as the engine: who has it, where it is reached, and until when.

Time is the database's, so clocks of machines don't matter. Who takes it gets the next *epoch*, and renews it by that. Taking
it waits for a write that goes on, and each guarded write looks at the epoch before it writes: so nothing of an engine is
written after another took its place, however long it was stopped or cut off. Writes of all others are not asked.
"""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, text, update

from extension.objects.errors import Unavailable
from extension.store.database import Database
from extension.store.dialects import milliseconds
from extension.store.schema import leases

_l = leases.c
_COLUMNS = (_l.holder, _l.url, _l.epoch, _l.until)


class Lease(msgspec.Struct, frozen=True):
    """`until` is milliseconds since 1970 by the database's clock. Who holds it may count on it for as many seconds as it asked
    for, from before it asked."""

    holder: str
    url: str
    epoch: int
    until: int


class Leases:
    """Raises Unavailable where the database does: who can't renew holds it until its seconds are over."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def holder(self) -> Lease | None:
        """Who holds it now; None when nobody does."""
        with self._database.read() as connection:
            row = connection.execute(leases.select().where(_l.id == 1, _l.until > milliseconds())).one_or_none()
        return None if row is None else Lease(row.holder, row.url, row.epoch, row.until)

    def take(self, holder: str, url: str, seconds: float) -> Lease | None:
        """Takes it if nobody has it, or it is over; None if another has it. A holder that comes again (its process was started anew)
        gets it at once, so each process needs a name that no other has at the same time."""
        free = (_l.until <= milliseconds()) | (_l.holder == holder)
        values = {"holder": holder, "url": url, "epoch": _l.epoch + 1, "until": _end(seconds)}
        with self._database.unguarded() as connection:
            row = connection.execute(update(leases).where(_l.id == 1, free).values(values).returning(*_COLUMNS)).one_or_none()
        return None if row is None else Lease(*row)

    def renew(self, lease: Lease, seconds: float) -> Lease | None:
        """The lease for as many seconds from now; None when another took it. Waits for no write, where the database can do that."""
        own = (_l.id == 1) & (_l.epoch == lease.epoch)
        with self._database.beside() as connection:
            row = connection.execute(update(leases).where(own).values(until=_end(seconds)).returning(*_COLUMNS)).one_or_none()
        return None if row is None else Lease(*row)

    def release(self, lease: Lease) -> None:
        """Lets go of it, if it is still held, so that another can take it at once."""
        own = (_l.id == 1) & (_l.epoch == lease.epoch)
        with self._database.unguarded() as connection:
            connection.execute(update(leases).where(own).values(holder="", url="", epoch=_l.epoch + 1, until=0))

    def guard(self, lease: Lease) -> None:
        """From now on every write of this store raises Unavailable, and writes nothing, once the lease is another's."""

        def check(connection: Connection) -> None:
            if connection.execute(_EPOCH).scalar_one() != lease.epoch:
                raise Unavailable(
                    "this process lost its lease: another one works as the engine now",
                    where=self._database.where,
                    hint="nothing was written; the other one goes on with it",
                )

        self._database.guard = check


def _end(seconds: float) -> object:
    return milliseconds() + round(seconds * 1000)


_EPOCH = text("SELECT epoch FROM lease WHERE id = 1")
