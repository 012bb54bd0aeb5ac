"""Connections, transactions and the one sequence.

Reads run side by side on snapshots; writes come one at a time, each in a transaction that ends on disk
(`synchronous=FULL`), so what was acknowledged survives a kill. The next number of the sequence is taken inside the
transaction, so a reader that sees number N sees every write up to N.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.exc import TimeoutError as NoConnectionLeft

from extension.objects.errors import Unavailable
from extension.store import migrations

BUSY_SECONDS = 30
POLL_SECONDS = 0.25
"""How often a waiting reader looks for writes of other processes."""

_PRAGMAS = ("synchronous=FULL", "temp_store=MEMORY", "cache_size=-16384", "wal_autocheckpoint=1000")

_WRITABLE = "let this user write to the file and its folder"
_TRY_AGAIN = "another process holds the file; try again"
_NEXT_STEP = {
    sqlite3.SQLITE_FULL: "free disk space",
    sqlite3.SQLITE_IOERR: "look at the disk and its quota",
    sqlite3.SQLITE_BUSY: _TRY_AGAIN,
    sqlite3.SQLITE_LOCKED: _TRY_AGAIN,
    sqlite3.SQLITE_PROTOCOL: _TRY_AGAIN,
    sqlite3.SQLITE_PERM: _WRITABLE,
    sqlite3.SQLITE_READONLY: _WRITABLE,
    sqlite3.SQLITE_CANTOPEN: _WRITABLE,
    sqlite3.SQLITE_CORRUPT: "restore a backup",
    sqlite3.SQLITE_NOTADB: "restore a backup",
}
"""What to do about the errors of the machine; all others are ours."""


class Database:
    """One SQLite file. Raises Unavailable from every method when the file can't be read or written."""

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Unavailable(f"the folder can't be made: {error.strerror}", where=str(path.parent), hint="name another one") from None
        self.path = path
        self._write_lock = threading.Lock()
        self._changed = threading.Condition()
        self._announced = 0
        # SQLite only: AUTOCOMMIT hands BEGIN and COMMIT to us, so that a write can begin as one (IMMEDIATE).
        self._engine = create_engine(
            f"sqlite:///{path}", isolation_level="AUTOCOMMIT", connect_args={"check_same_thread": False}, pool_size=16, max_overflow=48
        )
        event.listen(self._engine, "connect", _configure)
        try:
            with self.write() as connection:
                migrations.migrate(connection, str(path))
        except BaseException:
            self.close()
            raise

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection on one snapshot."""
        with _said(self.path), self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            try:
                yield connection
            finally:
                connection.exec_driver_sql("ROLLBACK")

    @contextmanager
    def write(self, *, keep: bool = True) -> Iterator[Connection]:
        """A connection in the one write transaction; everything or nothing of it is kept, nothing without `keep`."""
        with self._write_lock, _said(self.path), self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.exec_driver_sql("COMMIT" if keep else "ROLLBACK")
            except BaseException:
                # After some errors (a full disk) SQLite has rolled back by itself.
                if getattr(connection.connection.dbapi_connection, "in_transaction", False):
                    connection.exec_driver_sql("ROLLBACK")
                raise

    def revision(self) -> int:
        with self.read() as connection:
            return int(connection.execute(_REVISION).scalar_one())

    def next_revision(self, connection: Connection) -> int:
        return int(connection.execute(_NEXT).scalar_one())

    def give_back(self, connection: Connection) -> None:
        """Returns the number this transaction took, so that it is the next one's."""
        connection.execute(_GIVE_BACK)

    def announce(self) -> None:
        """Wakes those who wait in this process, after a write was committed."""
        with self._changed:
            self._announced += 1
            self._changed.notify_all()

    def wait(self, since: int, timeout: float) -> int:
        """The newest number as soon as it is above `since`, or after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while True:
            announced = self._announced
            current = self.revision()
            left = deadline - time.monotonic()
            if current > since or left <= 0:
                return current
            with self._changed:
                # A write committed since the look above has announced itself: look again at once.
                if self._announced == announced:
                    self._changed.wait(min(left, POLL_SECONDS))

    def close(self) -> None:
        self._engine.dispose()


_REVISION = text("SELECT number FROM sequence WHERE id = 1")
_NEXT = text("UPDATE sequence SET number = number + 1 WHERE id = 1 RETURNING number")
_GIVE_BACK = text("UPDATE sequence SET number = number - 1 WHERE id = 1")


def many(connection: Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """One statement for many rows, by the driver alone; `?` stands for the values."""
    if rows:
        connection.exec_driver_sql(statement, list(rows))


def fetched(connection: Connection, statement: Any, **values: Any) -> Sequence[Any]:
    """The rows as the driver gives them: for a million of them SQLAlchemy's own rows take longer than the query."""
    result = connection.execute(statement, values)
    found: Sequence[Any] = result.cursor.fetchall()
    result.close()
    return found


def new_ids(connection: Connection, count: int) -> range:
    """Ids that no object has or had; who takes them uses them in this transaction."""
    last = connection.exec_driver_sql("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'object'").scalar_one()
    return range(int(last) + 1, int(last) + 1 + count)


def _configure(connection: Any, _record: Any) -> None:
    connection.execute(f"PRAGMA busy_timeout={round(BUSY_SECONDS * 1000)}").close()
    _keep_log(connection)
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}").close()


def _keep_log(connection: Any) -> None:
    """Turns the write-ahead log on. SQLite does not wait for other processes here (two that start together), so this does."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").close()
        except sqlite3.OperationalError as error:
            if _primary(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _primary(error: BaseException | None) -> int:
    """SQLite's number of an error, without its details."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


@contextmanager
def _said(path: Path) -> Iterator[None]:
    """Database errors of the machine (a full disk, a damaged file, a lock that is not let go) in our words."""
    try:
        yield
    except NoConnectionLeft:
        raise Unavailable("the store is used by too many at once", where=str(path), hint="try again") from None
    except DatabaseError as error:
        step = _NEXT_STEP.get(_primary(error.orig))
        if step is None:
            raise
        raise Unavailable(f"the store can't be used: {error.orig}", where=str(path), hint=f"{step}; nothing was written") from None
