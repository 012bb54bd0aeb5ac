"""The change feed: documents, tombstones and tallies by the sequence number of their last write.

A change is where its object is now: what was written twice since is told once, at its newest number. Deployments have
no entries of their own; a bundle's tally stands for all of them, so a rollout to a million clusters is one entry.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, text

from extension.objects.base import Key
from extension.objects.errors import Gone
from extension.store.protocol import Change

_ALL = -1
KEPT_TOMBSTONES = 10_000
"""A watch that is further behind than this many deletions lists again."""


def changes(connection: Connection, since: int, limit: int) -> Sequence[Change]:
    oldest = connection.execute(text("SELECT min(revision) FROM tombstone")).scalar_one()
    count = connection.execute(text("SELECT count(*) FROM tombstone")).scalar_one()
    if count >= KEPT_TOMBSTONES and since < oldest - 1:
        raise Gone(f"revision {since} is older than what is remembered", hint="list again")
    if since > connection.execute(text("SELECT number FROM sequence WHERE id = 1")).scalar_one():
        # From before a backup was restored: what was written since under the numbers up to there would be missed.
        raise Gone(f"revision {since} is newer than the store", hint="list again")
    rows = connection.execute(_CHANGES, {"since": since, "limit": limit}).all()
    if len(rows) == limit:
        # One number can stand on more rows than fit (a bulk write): a batch never ends inside a number.
        last = rows[-1].revision
        whole = [row for row in rows if row.revision < last]
        rows = whole or connection.execute(_CHANGES, {"since": since, "limit": _ALL}).all()
    return [Change(row.revision, Key(row.kind, row.namespace, row.name), row.type) for row in rows]


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
_CHANGES = text(
    "SELECT revision, kind, namespace, name, type FROM ("
    " SELECT revision, kind, namespace, name, CASE WHEN born > :since THEN 'ADDED' ELSE 'MODIFIED' END AS type, 1 AS part"
    " FROM object WHERE revision > :since"
    " UNION ALL SELECT revision, kind, namespace, name, 'DELETED', 0 FROM tombstone WHERE revision > :since"
    " UNION ALL SELECT t.revision, o.kind, o.namespace, o.name, 'MODIFIED', 2 FROM tally t JOIN object o ON o.id = t.object_id"
    " WHERE t.revision > :since AND t.revision > o.revision"
    " UNION ALL SELECT t.revision, 'BundleDeployment', o.namespace, o.name, 'MODIFIED', 3 FROM tally t"
    " JOIN object o ON o.id = t.object_id AND o.kind = 'Bundle' WHERE t.revision > :since"
    ") AS feed ORDER BY revision, part LIMIT :limit"
)
