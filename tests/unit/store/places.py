"""Where a store of a test is: a SQLite file, or a database of a PostgreSQL server."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from extension.store.opening import open_store
from extension.store.postgres import PostgresServer
from extension.store.sql import SqlStore
from tests.integration.postgres.server import KEY, Server

BOTH = ("sqlite", "postgresql")


class Place:
    """`open` opens the store there, as another process would; `rows` is what another program reads, or writes, there."""

    def __init__(self, where: Path | str) -> None:
        self.where = where

    def open(self, **options: Any) -> SqlStore:
        return open_store(self.where, **options)

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.where)) as connection, connection:
            return connection.execute(statement, values).fetchall()

    def written(self) -> bytes:
        """All bytes of the store on disk, without its key."""
        path = Path(self.where)
        return b"".join(file.read_bytes() for file in sorted(path.parent.glob(f"{path.name}*")) if file.suffix != ".key")

    @property
    def shown(self) -> str:
        """The place as errors name it."""
        return str(self.where)

    def tables(self) -> list[str]:
        return [name for (name,) in self.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]

    def clear(self) -> None:
        """Before a store is made there, nothing is."""

    def close(self) -> None:
        """Lets go of the place."""

    @contextmanager
    def writing(self) -> Iterator[None]:
        """While this lasts another process writes."""
        with closing(sqlite3.connect(self.where, isolation_level=None, check_same_thread=False)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("ROLLBACK")


class PostgresPlace(Place):
    def open(self, **options: Any) -> SqlStore:
        return open_store(self.where, **{"key": KEY, **options})

    @cached_property
    def _other(self) -> psycopg.Connection[Any]:
        return psycopg.connect(str(self.where), autocommit=True)

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        found = self._other.execute(statement.replace("?", "%s") if values else statement, values or None)
        return found.fetchall() if found.description else []

    def clear(self) -> None:
        self.rows("DROP SCHEMA public CASCADE")
        self.rows("CREATE SCHEMA public")

    def close(self) -> None:
        self._other.close()

    @property
    def shown(self) -> str:
        found = urlsplit(str(self.where))
        return f"postgresql://{parse_qs(found.query)['host'][0]}{found.path}"

    def tables(self) -> list[str]:
        return [name for (name,) in self.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]

    def written(self) -> bytes:
        """All rows, as the server writes them to a backup."""
        with self._other.cursor() as cursor:
            found = b""
            for table in sorted(self.tables()):
                with cursor.copy(f"COPY {table} TO STDOUT (FORMAT binary)") as copy:
                    found += b"".join(bytes(part) for part in copy)
            return found

    @contextmanager
    def writing(self) -> Iterator[None]:
        with self._other.transaction(force_rollback=True):
            self._other.execute(PostgresServer.writing.partition("; ")[2])
            yield


@contextmanager
def made(kind: str, folder: Path, request: pytest.FixtureRequest) -> Iterator[Place]:
    """An empty place; the server is asked for only where it is needed."""
    if kind == "sqlite":
        yield Place(folder / "store.db")
        return
    server: Server = request.getfixturevalue("postgres")
    url = server.make()
    place = PostgresPlace(url)
    yield place
    place.close()
    server.drop(url)
