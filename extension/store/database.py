"""Connections, transactions and the one sequence.

Reads run side by side on snapshots; writes come one at a time, each in a transaction that ends on disk, so what was
acknowledged survives a kill. The next number of the sequence is taken inside the transaction, so a reader that sees number N
sees every write up to N. What SQLite (`sqlite.py`) and PostgreSQL (`postgres.py`) do in their own ways is a `Backend`.
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol
from weakref import WeakSet

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionLeft

from extension.objects.errors import Unavailable
from extension.store import bulk, migrations

POLL_SECONDS = 0.25
"""How often a waiting reader looks for writes of other processes."""
ALONE_SECONDS = 5.0
"""The same where there are none, in case that is not so."""

_NOT_WRITTEN = "nothing was written"
_NOT_KNOWN = "whether this was written is not known: read it again"


class Backend(Protocol):
    """A kind of database. The statements begin a transaction each."""

    where: str
    """Where the data is, without a login."""
    reading: str
    """One snapshot, nothing is written."""
    writing: str
    """Alone: it waits until no other write goes on, in whatever process. The database may still be empty."""
    beside: str
    """A write of a row that no other write touches; alone as well where the database knows no other."""
    settling: str
    """Run once after very many rows were added, outside a transaction, with no other connection of this process."""
    errors: tuple[type[Exception], ...]
    """What the driver raises."""

    def engine(self) -> Engine: ...

    def in_transaction(self, connection: Any) -> bool:
        """Whether the driver's connection can be used and has a transaction that did not end."""

    def trouble(self, error: BaseException | None) -> tuple[str, str, bool] | None:
        """What to say of an error of the machine and what to do about it, and whether the connection was lost with it; None for
        an error of ours."""


class _Bell:
    """Rung after each write of this process, for those who wait for news."""

    def __init__(self) -> None:
        self.condition = threading.Condition()
        self.rung = 0


class Database:
    """One database. Raises Unavailable from every method when it can't be reached, read or written.

    `prepare` is called in a write transaction before anything else, with the connection and the place; None writes nothing.
    """

    def __init__(self, backend: Backend, prepare: Callable[[Connection, str], None] | None = migrations.migrate) -> None:
        self._backend = backend
        self.where = backend.where
        self.guard: Callable[[Connection], None] | None = None
        """Asked at the start of each write whether this process may still write; raises if not (`lease.py`)."""
        self._errors: tuple[type[Exception], ...] = (DBAPIError, *backend.errors)
        self._write_lock = threading.Lock()
        self._bell = _Bell()
        self._is_twin = False
        self.alone = False
        """Whether no other process writes, so that a bell is rung for every write."""
        self._engine = backend.engine()
        if prepare is None:
            return
        try:
            with self.unguarded() as connection:
                prepare(connection, self.where)
        except BaseException:
            self.close()
            raise

    @property
    def shared(self) -> bool:
        """Whether processes of other machines may use it."""
        return self._engine.dialect.name != "sqlite"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection on one snapshot."""
        with self._said(), self._engine.connect() as connection:
            connection.exec_driver_sql(self._backend.reading)
            try:
                yield connection
            finally:
                self._undo(connection)

    def stream(self, connection: Connection, statement: str) -> Generator[tuple[Any, ...], None, None]:
        """The rows of a statement, one by one. What goes wrong here is said of this database, wherever the rows go."""
        with self._said():
            yield from bulk.streamed(connection, statement)

    @contextmanager
    def write(self, *, keep: bool = True) -> Iterator[Connection]:
        """A connection in the one write transaction; everything or nothing of it is kept, nothing without `keep`."""
        with self._writing(self._backend.writing, keep=keep) as connection:
            if self.guard is not None:
                self.guard(connection)
            yield connection

    def unguarded(self) -> AbstractContextManager[Connection]:
        """As `write`, for what decides who may write."""
        return self._writing(self._backend.writing, keep=True)

    def beside(self) -> AbstractContextManager[Connection]:
        """A connection in a transaction that waits for no other write, where the database can do that."""
        return self._writing(self._backend.beside, keep=True)

    def settle(self) -> None:
        """Called once very many rows were added."""
        with self._said(), self._engine.connect() as connection:
            connection.exec_driver_sql(self._backend.settling)

    @contextmanager
    def _writing(self, begin: str, *, keep: bool) -> Iterator[Connection]:
        alone = begin == self._backend.writing
        with self._write_lock if alone else nullcontext(), self._said(), self._engine.connect() as connection:
            connection.exec_driver_sql(begin)
            _WRITERS.add(connection)
            try:
                yield connection
                with self._said(_NOT_KNOWN):
                    connection.exec_driver_sql("COMMIT" if keep else "ROLLBACK")
            except BaseException:
                self._undo(connection)
                raise
            finally:
                _WRITERS.discard(connection)

    def _undo(self, connection: Connection) -> None:
        """Rolls back what is open. After some errors (a full disk, a lost connection) the database did so by itself."""
        if not connection.invalidated and self._backend.in_transaction(connection.connection.driver_connection):
            connection.exec_driver_sql("ROLLBACK")

    @contextmanager
    def _said(self, if_lost: str = _NOT_WRITTEN) -> Iterator[None]:
        """Database errors of the machine (a full disk, a damaged file, a lock that is not let go, no server) in our words."""
        try:
            yield
        except NoConnectionLeft:
            raise Unavailable("the store is used by too many at once", where=self.where, hint="try again") from None
        except self._errors as error:
            found = self._backend.trouble(error.orig if isinstance(error, DBAPIError) else error)
            if found is None:
                raise
            what, step, lost = found
            outcome = if_lost if lost else _NOT_WRITTEN
            raise Unavailable(f"the store can't be used: {what}", where=self.where, hint=f"{step}; {outcome}") from None

    def revision(self) -> int:
        with self.read() as connection:
            return int(connection.execute(_REVISION).scalar_one())

    def next_revision(self, connection: Connection) -> int:
        return int(connection.execute(_NEXT).scalar_one())

    def give_back(self, connection: Connection) -> None:
        """Returns the number this transaction took, so that it is the next one's."""
        connection.execute(_GIVE_BACK)

    def announce(self) -> None:
        """Wakes those who wait in this process, after a write was committed or their wait was ended."""
        with self._bell.condition:
            self._bell.rung += 1
            self._bell.condition.notify_all()

    def wait(self, since: int, timeout: float, ended: Callable[[], bool]) -> int:
        """See `protocol.Store.wait`."""
        deadline = time.monotonic() + timeout
        while True:
            rung = self._bell.rung
            current = self.revision()
            left = deadline - time.monotonic()
            if current != since or left <= 0 or ended():
                return current
            with self._bell.condition:
                # A write committed since the look above has rung, and so has who ended the wait: look again at once.
                if self._bell.rung == rung:
                    self._bell.condition.wait(min(left, ALONE_SECONDS if self.alone else POLL_SECONDS))

    def twin(self) -> Database:
        """The same database with the same connections, and a guard of its own; closing it closes nothing."""
        other = copy.copy(self)
        other.guard = None
        other._is_twin = True
        return other

    def close(self) -> None:
        if not self._is_twin:
            self._engine.dispose()


_WRITERS: WeakSet[Connection] = WeakSet()
"""Connections in a write transaction."""


def committed(connection: Connection) -> int:
    """The newest number that is certainly not given out again: in a write that is the one before its own, which it may give back."""
    number = int(connection.execute(_REVISION).scalar_one())
    return number - 1 if connection in _WRITERS else number


_REVISION = text("SELECT number FROM sequence WHERE id = 1")
_NEXT = text("UPDATE sequence SET number = number + 1 WHERE id = 1 RETURNING number")
_GIVE_BACK = text("UPDATE sequence SET number = number - 1 WHERE id = 1")
