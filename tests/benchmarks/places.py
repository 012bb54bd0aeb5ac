"""Where a benchmark's store is: a SQLite file in a folder of its own, or, with DATABASE_URL, a database on that server.

The URL's user makes databases there: one for each fleet that is registered once and copied, and one, dropped after it, for each run.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from extension.store.opening import open_store
from extension.store.sql import SqlStore

Place = Path | str
KEY = bytes(32)


def server() -> str:
    return os.environ.get("DATABASE_URL", "")


def opened(where: Place) -> SqlStore:
    return open_store(where, key=KEY)


@contextmanager
def empty(name: str = "") -> Iterator[Place]:
    """A place without a store; a second one needs a name."""
    if server():
        with _database("", name) as url:
            yield url
        return
    with tempfile.TemporaryDirectory() as scratch:
        yield Path(scratch) / "store.db"


@contextmanager
def copy(name: str, make: Callable[[Place], object]) -> Iterator[Place]:
    """A copy of the store of that name, which is made if it is not there."""
    if server():
        with _copied_database(name, make) as url:
            yield url
        return
    source = _file(name, make)
    with tempfile.TemporaryDirectory() as scratch:
        for file in source.iterdir():
            shutil.copy(file, Path(scratch) / file.name)
        yield Path(scratch) / "store.db"


def _file(name: str, make: Callable[[Place], object]) -> Path:
    folder = Path(tempfile.gettempdir()) / name
    if not (folder / "store.db").exists():
        print(f"making {folder} once", file=sys.stderr)
        making = folder.with_name(f"{name}.making")
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        make(making / "store.db")
        making.rename(folder)
    return folder


@contextmanager
def _copied_database(name: str, make: Callable[[Place], object]) -> Iterator[str]:
    known = name.replace("-", "_")
    if not _run("SELECT 1 FROM pg_database WHERE datname = %s", known):
        print(f"making the database {known} once", file=sys.stderr)
        _run(f"DROP DATABASE IF EXISTS {known}_making")
        _run(f"CREATE DATABASE {known}_making")
        make(_url(f"{known}_making"))
        _run("VACUUM ANALYZE", database=f"{known}_making")
        _run(f"ALTER DATABASE {known}_making RENAME TO {known}")
    with _database(f"TEMPLATE {known} STRATEGY file_copy") as url:
        yield url


@contextmanager
def _database(how: str, suffix: str = "") -> Iterator[str]:
    name = f"bench_{os.getpid()}{suffix}"
    _run(f"CREATE DATABASE {name} {how}")
    try:
        yield _url(name)
    finally:
        _run(f"DROP DATABASE {name} WITH (FORCE)")


def _url(database: str) -> str:
    return urlsplit(server())._replace(path=f"/{database}").geturl()


def _run(statement: str, *values: object, database: str = "") -> list[Any]:
    import psycopg

    with psycopg.connect(_url(database) if database else server(), autocommit=True) as connection:
        found = connection.execute(statement, values or None)  # type: ignore[call-overload]
        return found.fetchall() if found.description else []


def disk_mib(where: Place) -> float:
    """What the store takes."""
    if isinstance(where, Path):
        return sum(file.stat().st_size for file in where.parent.iterdir()) / 2**20
    return int(_run("SELECT pg_database_size(current_database())", database=urlsplit(where).path[1:])[0][0]) / 2**20
