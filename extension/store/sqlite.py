"""A store in one SQLite file: for the processes of one machine. A write is on disk when it ends (`synchronous=FULL`)."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event

from extension.objects.errors import Unavailable

BUSY_SECONDS = 30

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


class SqliteFile:
    """See `database.Backend`. With `only_read` a file that is not there is not made, and one that is stays of its kind; it need not be
    writable. Raises Unavailable for a folder that can't be made."""

    reading = "BEGIN"
    writing = beside = "BEGIN IMMEDIATE"
    settling = "PRAGMA journal_mode=DELETE"  # all is in the one file then, until it is opened to be written
    errors: tuple[type[Exception], ...] = (sqlite3.Error,)

    def __init__(self, path: Path, *, only_read: bool = False) -> None:
        self.where = str(path)
        self._url = URL.create("sqlite", database=self.where)
        self._configure: Callable[[Any, Any], None] = _configure
        if only_read:
            self._url = URL.create("sqlite", database=path.absolute().as_uri(), query={"mode": "rw", "uri": "true"})
            self._configure = _wait_for_others
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Unavailable(f"the folder can't be made: {error.strerror}", where=str(path.parent), hint="name another one") from None

    def engine(self) -> Engine:
        # AUTOCOMMIT hands BEGIN and COMMIT to us, so that a write can begin as one (IMMEDIATE).
        made = create_engine(
            self._url,
            isolation_level="AUTOCOMMIT",
            connect_args={"check_same_thread": False},
            pool_size=16,
            max_overflow=48,
            hide_parameters=True,
        )
        event.listen(made, "connect", self._configure)
        return made

    def in_transaction(self, connection: Any) -> bool:
        return bool(connection.in_transaction)

    def trouble(self, error: BaseException | None) -> tuple[str, str, bool] | None:
        step = _NEXT_STEP.get(_primary(error))
        return None if step is None else (str(error), step, False)


def _wait_for_others(connection: Any, _record: Any) -> None:
    connection.execute(f"PRAGMA busy_timeout={round(BUSY_SECONDS * 1000)}").close()


def _configure(connection: Any, record: Any) -> None:
    _wait_for_others(connection, record)
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
