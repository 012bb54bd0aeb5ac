"""Many rows at once, by the driver alone: SQLAlchemy's own rows take longer than the statement."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Column, Connection, Table, func, select, text

_FEW = 20
"""So many rows are inserted as fast as they are copied."""
_RETURNED = 100
"""Rows a statement that gives rows back: it names each value."""


def many(connection: Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """One statement for many rows, each of another object; `?` stands for the values."""
    if not rows:
        return
    if _is_sqlite(connection):
        connection.exec_driver_sql(statement, list(rows))
    elif len(rows) < _FEW:
        connection.exec_driver_sql(statement.replace("?", "%s"), list(rows))
    else:
        columns = list(zip(*rows, strict=True))
        connection.exec_driver_sql(_at_once(statement, columns), tuple(map(_array, columns)))


def returned(connection: Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """As `many`, for a statement with `VALUES` that gives rows back; those, in any order."""
    found: list[tuple[Any, ...]] = []
    for at in range(0, len(rows), _RETURNED):
        part = rows[at : at + _RETURNED]
        values = f"({', '.join('?' * len(part[0]))})"
        whole = statement.replace(f"VALUES {values}", f"VALUES {', '.join([values] * len(part))}")
        whole = whole if _is_sqlite(connection) else whole.replace("?", "%s")
        result = connection.exec_driver_sql(whole, tuple(value for row in part for value in row))
        found += result.cursor.fetchall()
        result.close()
    return found


def _at_once(statement: str, columns: Sequence[Sequence[Any]]) -> str:
    """A statement about one row as one about the rows of `v`, which PostgreSQL makes of an array a column."""
    names = [f"v{number}" for number in range(len(columns))]
    rows = f"unnest({', '.join(f'%s::{_kind(column)}[]' for column in columns)}) AS v ({', '.join(names)})"
    before, values, after = statement.partition(f"VALUES ({', '.join('?' * len(columns))})")
    if values:
        return f"{before}SELECT * FROM {rows}{after}"  # noqa: S608 (our own words)
    before, where, after = statement.partition(" WHERE ")
    joined = {"UPDATE": " FROM ", "DELETE": " USING ", "INSERT": " CROSS JOIN "}[statement.partition(" ")[0]]
    place = iter(names)
    return re.sub(r"\?", lambda _: next(place), before) + joined + rows + where + re.sub(r"\?", lambda _: next(place), after)


_KINDS = {bool: "boolean", int: "bigint", float: "double precision", str: "text", bytes: "bytea"}


def _kind(column: Sequence[Any]) -> str:
    return _KINDS[next((type(value) for value in column if value is not None), str)]


def _array(column: Sequence[Any]) -> Any:
    """An array in PostgreSQL's words: the driver takes longer to write one than the statement to run."""
    match _kind(column):
        case "bytea":
            return list(column)
        case "text":
            return f"{{{','.join('NULL' if value is None else _quoted(value) for value in column)}}}"
        case _:
            return f"{{{','.join('NULL' if value is None else str(value) for value in column)}}}"


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def load(connection: Connection, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Adds rows to a table that has none of them."""
    names = ", ".join(columns)
    if _is_sqlite(connection) or len(rows) < _FEW:
        many(connection, f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(columns))})", rows)  # noqa: S608 (our own names)
        return
    poured(connection, table, columns, rows)


def poured(connection: Connection, table: str, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> int:
    """Adds rows as they come, without keeping them; how many. The database makes the columns' types of the values."""
    names, driver = ", ".join(columns), _driver(connection)
    if _is_sqlite(connection):
        values = ", ".join("?" * len(columns))
        return int(driver.executemany(f"INSERT INTO {table} ({names}) VALUES ({values})", rows).rowcount)  # noqa: S608 (our own names)
    count = 0
    with driver.cursor() as cursor, cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
            count += 1
    return count


def streamed(connection: Connection, statement: str) -> Iterator[tuple[Any, ...]]:
    """The rows one by one, none of them kept. Nothing else may be asked of a connection to PostgreSQL until they end."""
    driver = _driver(connection)
    if _is_sqlite(connection):
        yield from driver.execute(statement)
        return
    with driver.cursor() as cursor:
        types = [column.type_code for column in cursor.execute(f"{statement} LIMIT 0").description]
        with cursor.copy(f"COPY ({statement}) TO STDOUT (FORMAT BINARY)") as copy:
            copy.set_types(types)
            yield from copy.rows()


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection


def fetched(connection: Connection, statement: Any, **values: Any) -> Sequence[Any]:
    """The rows as the driver gives them."""
    result = connection.execute(statement, values)
    found: Sequence[Any] = result.cursor.fetchall()
    result.close()
    return found


@contextmanager
def along_an_index(connection: Connection) -> Iterator[None]:
    """While this lasts PostgreSQL takes rows in the order of an index and sorts none. It looks at the first column only when it
    guesses how many rows are beyond a place in a list, and would sort them all to give the first few. SQLite never does."""
    if _is_sqlite(connection):
        yield
        return
    connection.exec_driver_sql("SET LOCAL enable_sort = off")
    yield
    connection.exec_driver_sql("SET LOCAL enable_sort = on")


def temporary(connection: Connection, table: str, columns: str) -> None:
    """An empty table for this transaction; `columns` as in SQL, numbers as BIGINT."""
    columns = columns.replace("BIGINT", "INTEGER") if _is_sqlite(connection) else columns  # SQLite: a primary key is the row's own
    end = "" if _is_sqlite(connection) else " ON COMMIT DELETE ROWS"
    connection.exec_driver_sql(f"CREATE TEMP TABLE IF NOT EXISTS {table} ({columns}){end}")
    connection.exec_driver_sql(f"DELETE FROM {table}")  # noqa: S608 (our own names)


def new_ids(connection: Connection, count: int) -> range:
    """Ids that no object has or had; who takes them uses them in this transaction."""
    if not count:
        return range(0)
    if _is_sqlite(connection):
        last = int(connection.execute(_LAST).scalar_one()) + count
    else:
        last = int(connection.execute(_TAKE, {"more": count - 1}).scalar_one())
    return range(last - count + 1, last + 1)


def last_id(connection: Connection, table: Table, column: Column[Any]) -> int:
    """The highest id that a row of the table has or, where ids are never used twice, had."""
    if not _is_sqlite(connection):
        return int(connection.execute(_LAST_TAKEN, {"table": table.name, "column": column.name}).scalar_one())
    if table.dialect_options["sqlite"]["autoincrement"]:
        return int(connection.execute(_LAST_OF, {"table": table.name}).scalar_one())
    return int(connection.execute(select(func.coalesce(func.max(column), 0))).scalar_one())


def go_on_after(connection: Connection, table: Table, column: Column[Any], last: int) -> None:
    """Makes the next id of the table the one after `last`."""
    if not last:
        return
    if not _is_sqlite(connection):
        connection.execute(_GO_ON_AFTER, {"table": table.name, "column": column.name, "last": last})
    elif table.dialect_options["sqlite"]["autoincrement"]:
        connection.execute(_FORGET_LAST, {"table": table.name})
        connection.execute(_KEEP_LAST, {"table": table.name, "last": last})


def _is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"


_LAST_OF = text("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = :table")
_FORGET_LAST = text("DELETE FROM sqlite_sequence WHERE name = :table")
_KEEP_LAST = text("INSERT INTO sqlite_sequence (name, seq) VALUES (:table, :last)")
_LAST_TAKEN = text("SELECT coalesce(pg_sequence_last_value(CAST(pg_get_serial_sequence(:table, :column) AS regclass)), 0)")
_GO_ON_AFTER = text("SELECT setval(CAST(pg_get_serial_sequence(:table, :column) AS regclass), :last)")
_LAST = text("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'object'")
_TAKE = text("SELECT setval(seq, nextval(seq) + :more) FROM (SELECT pg_get_serial_sequence('object', 'id')::regclass AS seq) AS s")
