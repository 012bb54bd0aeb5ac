"""Opening a store, wherever it is."""

from __future__ import annotations

from pathlib import Path

from extension.store.backends import backend_of
from extension.store.database import Database
from extension.store.keys import seal_of
from extension.store.sql import SqlStore


def open_store(
    where: Path | str,
    *,
    key: bytes | None = None,
    key_file: Path | None = None,
    offline_after: float | None = None,
    alone: bool = False,
) -> SqlStore:
    """The store in a SQLite file, made if it is not there, or in the PostgreSQL database of a URL; migrated if it is older.

    Without `key` (32 bytes) the one in `key_file` encrypts, made the first time; `<file>.key` for a SQLite file unless named. Raises
    Unavailable for a database, or its key, that can't be used; Invalid for a URL that is none or has no key.
    `alone` says that no other process writes while this one has it open: who waits for news then seldom looks.
    """
    database = Database(backend_of(where))
    database.alone = alone
    if key_file is None and not database.shared:
        key_file = Path(f"{where}.key")
    try:
        return SqlStore(database, seal_of(database, key_file, key), offline_after)
    except BaseException:
        database.close()
        raise
