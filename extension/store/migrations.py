"""Schema versions, forward only: each migration runs once, in the transaction that records it.

A file of a newer version is refused, since an older program could write what the newer one can't read.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, Table, inspect, text
from sqlalchemy.schema import CreateIndex

from extension.objects.errors import Unavailable
from extension.store import agent_keys
from extension.store.schema import (
    LABEL_VIEW,
    complaints,
    deployments,
    errands,
    events,
    leases,
    metadata,
    objects,
    reports,
    samples,
    seen,
    shapes,
    variants,
    webhook_deliveries,
    wordings,
)

UNFINISHED = "unfinished_copy"
"""A table that is there while a store is copied into this place (`copying.py`): nothing opens it."""

EXPECTED = {
    ("object", "sqlite_autoindex_object_1"): "1000000 200000 100000 1",
    ("object", "object_revision"): "1000000 5",
    ("object", "object_content"): "100000 2",
    ("object", "object_marks"): "10000 2000",
    ("label_value", "sqlite_autoindex_label_value_1"): "100000 50000 5000 1",
    ("tag", "tag"): "10000000 10000 1",
    ("tag", "tag_object"): "10000000 10 1",
    ("variant", "variant_content"): "200000 2",
    ("deployment", "deployment"): "5000000 100000 1",
    ("deployment", "deployment_cluster"): "5000000 10 1",
    ("deployment", "deployment_revision"): "5000000 100000 1000",
    ("deployment", "deployment_shape"): "50000 1000 500 1",
    ("deployment", "deployment_not_ready"): "50000 1000 1",
    ("report", "report"): "5000000 100000 1",
    ("seen", "seen_written"): "1000000 1000",
    ("tally", "tally_revision"): "1000000 100",
    ("tally", "tally_few"): "1000 2",
    ("event", "event_object"): "100000 20 1",
}
"""By table and index: how many rows, and how many share the values of its first column, its first two, and so on."""


def _first(connection: Connection) -> None:
    metadata.create_all(connection)
    connection.execute(text(LABEL_VIEW))
    connection.execute(text("INSERT INTO sequence (id, number) VALUES (1, 1)"))
    expect_many(connection)


def expect_many(connection: Connection) -> None:
    """Tells SQLite's planner what the tables hold at a million clusters: without figures it takes any index for a good one, and
    the few rows of a small store are found fast by any plan. PostgreSQL counts by itself. An index that is made again has no figures."""
    if connection.dialect.name != "sqlite":
        return
    connection.execute(text("ANALYZE sequence"))  # makes the table of figures
    rows = [{"table": table, "index": index, "figures": figures} for (table, index), figures in EXPECTED.items()]
    connection.execute(text("DELETE FROM sqlite_stat1"))
    connection.execute(text("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (:table, :index, :figures)"), rows)
    connection.execute(text("ANALYZE sqlite_schema"))


def _log_of_webhooks(connection: Connection) -> None:
    webhook_deliveries.create(connection, checkfirst=True)


def _for_several(connection: Connection) -> None:
    for table in (leases, samples, errands):
        table.create(connection, checkfirst=True)
    connection.execute(text("INSERT INTO lease (id, holder, url, epoch, until) VALUES (1, '', '', 0, 0) ON CONFLICT (id) DO NOTHING"))


def _shapes(connection: Connection) -> None:
    """Messages are counted from each deployment's next report on."""
    _add_number(connection, deployments, "shape", "deployment_shape")
    for table in (shapes, complaints):
        table.create(connection, checkfirst=True)


def _order_of_seen(connection: Connection) -> None:
    _add_number(connection, seen, "written", "seen_written")


def _add_number(connection: Connection, table: Table, column: str, index: str = "") -> None:
    """Adds a column of numbers, 0 in all rows, and the index that begins with it, to a store that an older program made."""
    if column in {one["name"] for one in inspect(connection).get_columns(table.name)}:
        return
    connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {column} BIGINT NOT NULL DEFAULT 0"))
    if index:
        _add_index(connection, table, index)


def _add_index(connection: Connection, table: Table, index: str) -> None:
    made = next(one for one in table.indexes if one.name == index)
    connection.execute(CreateIndex(made, if_not_exists=True))
    _expect(connection, table.name, index)


def _expect(connection: Connection, table: str, index: str) -> None:
    """As `expect_many`, for an index that is new in an older store."""
    if connection.dialect.name == "sqlite":
        row = {"table": table, "index": index, "figures": EXPECTED[table, index]}
        connection.execute(text("DELETE FROM sqlite_stat1 WHERE tbl = :table AND idx = :index"), {"table": table, "index": index})
        connection.execute(text("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (:table, :index, :figures)"), row)
        connection.execute(text("ANALYZE sqlite_schema"))


def _wordings(connection: Connection) -> None:
    """Reports of before stay whole until the next of the same deployment."""
    wordings.create(connection, checkfirst=True)
    _add_number(connection, reports, "wording")


def _events(connection: Connection) -> None:
    if not inspect(connection).has_table(events.name):
        events.create(connection)
        _expect(connection, events.name, "event_object")


def _contents(connection: Connection) -> None:
    """Who names a content is looked up: it was searched for among all Bundles whenever one was staged anew."""
    _add_index(connection, objects, "object_content")
    _add_index(connection, variants, "variant_content")


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (
    _first, _log_of_webhooks, agent_keys.create, _for_several, _shapes, _order_of_seen, _wordings, _events, _contents,
)  # fmt: skip
"""Migration N brings a store from version N to N + 1. Released ones are never edited."""


def migrate(connection: Connection, where: str) -> None:
    """Brings the store to the newest version. Raises Unavailable for a newer one, and for one that is not whole."""
    refuse_unfinished(connection, where)
    upgrade(connection, where)


def refuse_unfinished(connection: Connection, where: str) -> None:
    """Raises Unavailable for what a copy left that did not end."""
    if inspect(connection).has_table(UNFINISHED):
        raise Unavailable(
            "this is no whole store: a backup or restore into it did not end",
            where=where,
            hint="run that command again, it starts over, or empty the place",
        )


def upgrade(connection: Connection, where: str) -> None:
    """Brings a store, or an empty place, to the newest version. Raises Unavailable for a newer one."""
    connection.execute(text("CREATE TABLE IF NOT EXISTS migration (version INTEGER PRIMARY KEY)"))
    for number in range(version_of(connection, where), len(MIGRATIONS)):
        MIGRATIONS[number](connection)
        connection.execute(text("INSERT INTO migration (version) VALUES (:version)"), {"version": number + 1})


def version_of(connection: Connection, where: str) -> int:
    """The version of a store; 0 before its first table. Raises Unavailable for one that this program doesn't know."""
    version = int(connection.execute(text("SELECT coalesce(max(version), 0) FROM migration")).scalar_one())
    if version > len(MIGRATIONS):
        raise Unavailable(
            f"the store has version {version}, this program knows {len(MIGRATIONS)}",
            where=where,
            hint="start the newer program, or restore a backup made by this one",
        )
    return version
