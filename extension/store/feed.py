"""The change feed: documents, tombstones and tallies by the sequence number of their last write.

A change is where its object is now: what was written twice since is told once, at its newest number. Deployments have
no entries of their own; a bundle's tally stands for all of them, so a rollout to a million clusters is one entry.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, TextClause, text

from extension.objects.base import Key
from extension.objects.errors import Gone
from extension.store.protocol import Change

KEPT_TOMBSTONES = 10_000
"""A watch that is further behind than this many deletions lists again."""
MOST_OF_A_WRITE = 10_000
"""A watch that would hear of more objects than this from one write lists again."""


def changes(connection: Connection, since: int, limit: int, counters: bool) -> Sequence[Change]:
    oldest = connection.execute(text("SELECT min(revision) FROM tombstone")).scalar_one()
    count = connection.execute(text("SELECT count(*) FROM tombstone")).scalar_one()
    if count >= KEPT_TOMBSTONES and since < oldest - 1:
        raise Gone(f"revision {since} is older than what is remembered", hint="list again")
    if since > connection.execute(text("SELECT number FROM sequence WHERE id = 1")).scalar_one():
        # From before a backup was restored: what was written since under the numbers up to there would be missed.
        raise Gone(f"revision {since} is newer than the store", hint="list again")
    statement = _CHANGES if counters else _OF_OBJECTS
    rows = connection.execute(statement, {"since": since, "limit": limit}).all()
    if len(rows) == limit:
        # One number can stand on more rows than fit (a bulk write): a batch never ends inside a number.
        last = rows[-1].revision
        rows = [row for row in rows if row.revision < last] or _one_number(connection, statement, since)
    return [Change(row.revision, Key(row.kind, row.namespace, row.name), row.type, row.number) for row in rows]


def _one_number(connection: Connection, statement: TextClause, since: int) -> list[Row[Any]]:
    """All rows of the first number after `since`."""
    rows = connection.execute(statement, {"since": since, "limit": MOST_OF_A_WRITE + 1}).all()
    first = [row for row in rows if row.revision == rows[0].revision]
    if len(first) > MOST_OF_A_WRITE:
        raise Gone(f"revision {rows[0].revision} changed more than {MOST_OF_A_WRITE} objects at once", hint="list again")
    return first


def told(connection: Connection, revision: int) -> bool:
    """Whether a change stands under this number."""
    return bool(connection.execute(_TOLD, {"revision": revision}).scalar_one())


def prune(connection: Connection) -> None:
    """Drops the oldest tombstones beyond the window."""
    connection.execute(
        text(
            "DELETE FROM tombstone WHERE revision < (SELECT min(revision) FROM"
            " (SELECT revision FROM tombstone ORDER BY revision DESC LIMIT :kept) AS newest)"
        ),
        {"kept": KEPT_TOMBSTONES},
    )


_TOLD = text(
    "SELECT EXISTS (SELECT 1 FROM object WHERE revision = :revision) OR EXISTS (SELECT 1 FROM tombstone WHERE revision = :revision)"
    " OR EXISTS (SELECT 1 FROM tally JOIN object ON object.id = object_id WHERE tally.revision = :revision)"
)


_OBJECTS = (
    "SELECT revision, id, kind, namespace, name, CASE WHEN born > :since THEN 'ADDED' ELSE 'MODIFIED' END AS type, 1 AS part"
    " FROM object WHERE revision > :since"
)
_TOMBSTONES = "SELECT revision, object_id, kind, namespace, name, 'DELETED', 0 FROM tombstone WHERE revision > :since"
_COUNTED = (
    "SELECT t.revision, o.id, o.kind, o.namespace, o.name, 'MODIFIED', 2 FROM tally t JOIN object o ON o.id = t.object_id"
    " WHERE t.revision > :since AND t.revision > o.revision"
)
_OF_MAKERS = f"{_COUNTED} AND NOT t.of_cluster AND o.kind <> 'Bundle'"
_DEPLOYMENTS = (
    "SELECT t.revision, o.id, 'BundleDeployment', o.namespace, o.name, 'MODIFIED', 3 FROM tally t"
    " JOIN object o ON o.id = t.object_id AND o.kind = 'Bundle' WHERE t.revision > :since AND NOT t.of_cluster"
)


def _feed(*parts: str) -> TextClause:
    """Each part is cut by itself, so that a look at the next changes does not sort all that are newer."""
    cut = (f"SELECT * FROM ({part} ORDER BY 1 LIMIT :limit) AS part_{number}" for number, part in enumerate(parts))  # noqa: S608
    union = " UNION ALL ".join(cut)
    found = f"SELECT revision, id AS number, kind, namespace, name, type FROM ({union}) AS feed"  # noqa: S608
    return text(f"{found} ORDER BY revision, part, id LIMIT :limit")


_CHANGES = _feed(_OBJECTS, _TOMBSTONES, _COUNTED, _DEPLOYMENTS)
_OF_OBJECTS = _feed(_OBJECTS, _TOMBSTONES, _OF_MAKERS, _DEPLOYMENTS)
