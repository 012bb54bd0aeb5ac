"""What is kept of agents' keys: only of the few clusters whose key was changed, since a key proves itself by its MAC.

`agent_key` says which generations of a cluster's key are taken, `agent_epoch` which revisions each start of the hub told agents
of (a restored file forgets those that came after its backup), `agent_successor` which cluster took the place of one that
was moved. All functions take the connection of the caller's transaction.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping
from itertools import zip_longest

import msgspec
from sqlalchemy import BigInteger, Column, Connection, Index, Integer, MetaData, Table, literal_column, select, text

from extension.objects.marks import Mark
from extension.objects.names import registered_cluster_name
from extension.store.dialects import TEXT, in_document
from extension.store.schema import objects

_ID = BigInteger().with_variant(Integer, "sqlite")
metadata = MetaData()

Table(
    "agent_key",
    metadata,
    Column("cluster_id", _ID, primary_key=True, autoincrement=False),
    Column("newest", _ID, nullable=False),  # generation
    Column("least", _ID, nullable=False),  # generation that is still taken
    Column("changed", _ID, nullable=False),
    Index("agent_key_changed", "changed"),
)
Table(
    "agent_epoch",
    metadata,
    Column("id", _ID, primary_key=True, autoincrement=True),
    Column("nonce", TEXT, nullable=False),
    Column("began", _ID, nullable=False),  # revision
)
Table(
    "agent_successor",
    metadata,
    Column("cluster_id", _ID, primary_key=True, autoincrement=False),
    Column("identity", TEXT, nullable=False),
    Column("successor", _ID, nullable=False),
)

CLIENT_INDEX = "object_client"
"""Over the clusters that somebody gave a clientID."""
CLIENT_ID = "spec.clientID"
KEPT_EPOCHS = 100
"""An agent that was away for more starts of the hub than this is told everything again."""


class Generations(msgspec.Struct, frozen=True):
    """The newest generation of a cluster's key, and the least that is still taken."""

    newest: int = 0
    least: int = 0


def identity(uid: str) -> int:
    """64 bits of an object's uid. Numbers of clusters can come again in a restored store, these don't."""
    return uuid.UUID(uid).int >> 64


def create(connection: Connection) -> None:
    """The tables, where they are missing, and the index by which clusters are found that somebody gave a clientID."""
    metadata.create_all(connection)
    for row in connection.execute(_CLIENTS).all():
        if row.client and row.name != registered_cluster_name(row.client):
            connection.execute(_MARK, {"id": row.id})
    client = in_document(literal_column("doc"), CLIENT_ID).compile(dialect=connection.dialect)
    connection.exec_driver_sql(f"CREATE INDEX IF NOT EXISTS {CLIENT_INDEX} ON object (namespace, {client}) WHERE {_HAS_CLIENT}")


def newest_change(connection: Connection) -> int:
    return int(connection.execute(_NEWEST_CHANGE).scalar_one())


def changed(connection: Connection, since: int) -> Mapping[int, Generations]:
    """The clusters whose keys changed after `since`."""
    return {row.cluster_id: Generations(row.newest, row.least) for row in connection.execute(_CHANGED, {"since": since})}


def of_cluster(connection: Connection, number: int) -> Generations:
    row = connection.execute(_ONE, {"number": number}).one_or_none()
    return Generations() if row is None else Generations(row.newest, row.least)


def write(connection: Connection, number: int, generations: Generations) -> None:
    values = {"number": number, "newest": generations.newest, "least": generations.least, "changed": newest_change(connection) + 1}
    connection.execute(_WRITE, values)


def begin(connection: Connection, term: int) -> None:
    """Notes that a process begins to work as the engine at the present revision, with this epoch of the lease."""
    connection.execute(_BEGIN, {"nonce": f"{secrets.token_hex(4)}{term % 2**32:08x}"})
    connection.execute(_PRUNE_EPOCHS, {"kept": KEPT_EPOCHS})


def epochs(connection: Connection) -> Mapping[str, int | None]:
    """By epoch, oldest first, the revision at which it ended; None for the newest."""
    rows = connection.execute(_EPOCHS).all()
    return {row.nonce: after.began if after else None for row, after in zip_longest(rows, rows[1:])}


def succeed(connection: Connection, number: int, uid: str, successor: int) -> None:
    """Notes that a cluster took the place of another, whose agent still has the old key."""
    connection.execute(_SUCCEED, {"number": number, "identity": f"{identity(uid):016x}", "successor": successor})


def successor(connection: Connection, number: int, known: int) -> int | None:
    """The cluster that took the place of the one with this number and identity, however often it was moved."""
    found = connection.execute(_SUCCESSOR, {"number": number, "identity": f"{known:016x}"}).scalar_one_or_none()
    while found is not None:
        number, found = found, connection.execute(_NEXT, {"number": found}).scalar_one_or_none()
        if found is None:
            return number
    return None


_HAS_CLIENT = f"kind = 'Cluster' AND (marks & {int(Mark.CLIENT)}) <> 0"
_CLIENTS = select(objects.c.id, objects.c.name, in_document(objects.c.doc, CLIENT_ID).label("client")).where(objects.c.kind == "Cluster")
_MARK = text(f"UPDATE object SET marks = marks | {int(Mark.CLIENT)} WHERE id = :id")  # noqa: S608 (our own number)
_NEWEST_CHANGE = text("SELECT coalesce(max(changed), 0) FROM agent_key")
_CHANGED = text("SELECT cluster_id, newest, least FROM agent_key WHERE changed > :since")
_ONE = text("SELECT newest, least FROM agent_key WHERE cluster_id = :number")
_WRITE = text(
    "INSERT INTO agent_key (cluster_id, newest, least, changed) VALUES (:number, :newest, :least, :changed)"
    " ON CONFLICT (cluster_id) DO UPDATE SET newest = excluded.newest, least = excluded.least, changed = excluded.changed"
)
_BEGIN = text("INSERT INTO agent_epoch (nonce, began) SELECT :nonce, number FROM sequence WHERE id = 1")
_EPOCHS = text("SELECT nonce, began FROM agent_epoch ORDER BY id")
_PRUNE_EPOCHS = text("DELETE FROM agent_epoch WHERE id NOT IN (SELECT id FROM agent_epoch ORDER BY id DESC LIMIT :kept)")
_SUCCEED = text(
    "INSERT INTO agent_successor (cluster_id, identity, successor) VALUES (:number, :identity, :successor)"
    " ON CONFLICT (cluster_id) DO UPDATE SET identity = excluded.identity, successor = excluded.successor"
)
_NEXT = text("SELECT successor FROM agent_successor WHERE cluster_id = :number")
_SUCCESSOR = text("SELECT successor FROM agent_successor WHERE cluster_id = :number AND identity = :identity")
