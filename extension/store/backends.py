"""Which kind of database a place is."""

from __future__ import annotations

from pathlib import Path

from extension.store.database import Backend
from extension.store.sqlite import SqliteFile


def backend_of(where: Path | str, *, only_read: bool = False) -> Backend:
    """PostgreSQL for a URL, else a SQLite file. Raises Invalid for a URL that can't be read."""
    if not str(where).startswith(("postgresql:", "postgres:")):
        return SqliteFile(Path(where), only_read=only_read)
    from extension.store.postgres import PostgresServer  # noqa: PLC0415 (its driver, only where it is used)

    return PostgresServer(str(where))
