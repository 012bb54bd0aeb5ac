"""A store copied into an empty place, whichever database either is: a backup, a restore, a move from one database to another.

The source is read in one snapshot and may be in use meanwhile. The target is a store only once everything is in it and counted: from
before its first row a table says that it is unfinished, so that nothing opens it, and the next copy into it starts over. The tables
are those of the schema. All rows are copied as they are, but for the lease: nobody holds it in the copy, and its epoch goes
on, since epochs of agents are named by it.
"""

from __future__ import annotations

import secrets
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, func, inspect, select, text, update

from extension.objects.errors import AlreadyExists, Conflict, Unavailable
from extension.store import agent_keys, bulk, migrations, schema
from extension.store.backends import backend_of
from extension.store.database import Database
from extension.store.keys import given_key, keep_sample
from extension.store.migrations import UNFINISHED, expect_many, refuse_unfinished, upgrade, version_of
from extension.store.sealing import Seal, keep, key_of

TABLES: tuple[Table, ...] = (*schema.metadata.sorted_tables, *agent_keys.metadata.sorted_tables)
AT_ONCE = 20_000
"""Rows a transaction: SQLite's log does not grow beyond what they take."""

Told = Callable[[str, int, int], None]
"""Called with a table, how many of its rows are copied and how many there are."""


class Place(msgspec.Struct, frozen=True):
    """Where a store is, as `open_store` takes it, and its key."""

    where: Path | str
    key_file: Path


def copy_store(source: Place, target: Place, told: Told) -> int:
    """Copies a store and its key; how many rows it has.

    Raises Unavailable when the source can't be read, is of a newer version, unfinished itself, or its key does not open it;
    AlreadyExists when something is in the target already; Conflict when another key is.
    """
    with _readable(source.where, target.key_file.parent) as read:
        key = given_key(read, source.key_file)
        _refuse_another(key, target.key_file)
        _refuse_used(target.where)
        mark = secrets.token_hex(8)
        claimed = Database(backend_of(target.where), lambda connection, where: _claim(connection, where, mark))
        with closing(claimed) as written:
            written.guard = lambda connection: _ours(connection, written.where, mark)
            target.key_file.parent.mkdir(parents=True, exist_ok=True)
            keep(target.key_file, key)
            return _fill(read, written, Seal(key), told)


@contextmanager
def _readable(where: Path | str, scratch: Path) -> Iterator[Database]:
    """A store to read, of this program's version. An older file is brought up to date in a copy of it, in the folder `scratch`."""
    if isinstance(where, Path) and not where.exists():
        raise Unavailable("there is no such file", where=str(where), hint="name the file of a store")
    with closing(Database(backend_of(where, only_read=True), None)) as found:
        if _version(found) == len(migrations.MIGRATIONS):
            yield found
            return
    if not isinstance(where, Path):
        raise Unavailable(
            "the store is of an older version",
            where=found.where,
            hint="let the service of this version start once, or take the program that the service runs",
        )
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".upgrading-", dir=scratch) as folder:
        copy = Path(folder) / where.name
        with closing(sqlite3.connect(where)) as old, closing(sqlite3.connect(copy)) as new:
            old.backup(new)
        with closing(Database(backend_of(copy))) as upgraded:
            yield upgraded


def _version(database: Database) -> int:
    """The version of a store that is whole. Raises Unavailable."""
    with database.read() as connection:
        refuse_unfinished(connection, database.where)
        if not inspect(connection).has_table("migration"):
            raise Unavailable("no store is there", where=database.where, hint="name the file or the database of a store")
        return version_of(connection, database.where)


def _refuse_another(key: bytes, path: Path) -> None:
    if path.exists() and key_of(path, make=False) != key:
        raise Conflict("the key of another store is there", where=str(path), hint="name an empty folder, or put that key elsewhere")


def _refuse_used(where: Path | str) -> None:
    """Looks before anything is changed: a file that is opened to be written is not the same any more."""
    if not isinstance(where, Path) or where.exists():
        with closing(Database(backend_of(where, only_read=True), None)) as seen, seen.read() as connection:
            _left(connection, seen.where)


def _left(connection: Connection, where: str) -> tuple[list[str], list[str]]:
    """Tables and views that a copy left which did not end. Raises AlreadyExists for any other."""
    found = inspect(connection)
    tables, views = found.get_table_names(), found.get_view_names()
    if (tables or views) and UNFINISHED not in tables:
        raise AlreadyExists("something is there already", where=where, hint="name a folder or a database without a store")
    return tables, views


def _claim(connection: Connection, where: str, mark: str) -> None:
    """Begins a copy into a place that is empty but for what is left of one. Raises AlreadyExists for any other."""
    tables, views = _left(connection, where)
    for kind, names in (("VIEW", views), ("TABLE", tables)):
        for name in names:
            connection.exec_driver_sql(f"DROP {kind} {_quoted(connection, name)}")
    connection.exec_driver_sql(f"CREATE TABLE {UNFINISHED} (mark TEXT NOT NULL)")
    connection.execute(_MARK, {"mark": mark})


def _ours(connection: Connection, where: str, mark: str) -> None:
    if not inspect(connection).has_table(UNFINISHED) or connection.execute(_MARKED).scalar_one() != mark:
        raise Conflict("another copy into it began meanwhile", where=where, hint="let that one end")


def _fill(source: Database, target: Database, seal: Seal, told: Told) -> int:
    with target.write() as connection:
        upgrade(connection, target.where)
        for table in TABLES:
            for index in table.indexes:  # made in one go once all rows are there
                index.drop(connection)
            connection.execute(table.delete())
    with source.read() as read:
        counts = {table: _pour(source, read, target, table, told) for table in TABLES}
        last = {table: bulk.last_id(read, table, column) for table in TABLES if (column := table.autoincrement_column) is not None}
    for table, count in counts.items():
        with target.write() as connection:
            _complete(connection, target.where, table, count, last.get(table, 0))
    with target.write() as connection:
        expect_many(connection)
        keep_sample(connection, seal)
        lease = schema.leases
        connection.execute(update(lease).values(holder="", url="", until=0, epoch=lease.c.epoch + 1))
    target.settle()
    with target.write() as connection:
        connection.exec_driver_sql(f"DROP TABLE {UNFINISHED}")
    return sum(counts.values())


def _pour(source: Database, read: Connection, target: Database, table: Table, told: Told) -> int:
    """Copies the rows of a table, in the order of its key; how many there are."""
    total = _count(read, table)
    columns = [_quoted(read, column.name) for column in table.columns]
    order = ", ".join(_quoted(read, column.name) for column in table.primary_key)
    statement = f"SELECT {', '.join(columns)} FROM {_quoted(read, table.name)} ORDER BY {order}"  # noqa: S608 (our own names)
    told(table.name, 0, total)
    with closing(source.stream(read, statement)) as rows:
        for done in range(0, total, AT_ONCE):
            with target.write() as connection:
                put = bulk.poured(connection, _quoted(connection, table.name), columns, islice(rows, AT_ONCE))
            told(table.name, done + put, total)
    return total


def _complete(connection: Connection, where: str, table: Table, count: int, last: int) -> None:
    """What a table has beside its rows. Raises Unavailable when there are not as many as in the source."""
    for index in table.indexes:
        index.create(connection)
    if table.autoincrement_column is not None:
        bulk.go_on_after(connection, table, table.autoincrement_column, last)
    found = _count(connection, table)
    if found != count:
        raise Unavailable(f"{table.name} has {found} rows, the source has {count}", where=where, hint="copy it again, and report this")


def _count(connection: Connection, table: Table) -> int:
    return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def _quoted(connection: Connection, name: Any) -> str:
    return connection.dialect.identifier_preparer.quote(str(name))


_MARK = text(f"INSERT INTO {UNFINISHED} (mark) VALUES (:mark)")  # noqa: S608 (our own name)
_MARKED = text(f"SELECT mark FROM {UNFINISHED}")  # noqa: S608 (our own name)
