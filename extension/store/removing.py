"""What goes with an object: the deployments of a Bundle or Cluster, their counts, contents and last-seen times, and the roles
that tokens have in a workspace, with its log of webhooks."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, text

from extension.objects.kinds import Bundle, Cluster, FleetWorkspace
from extension.store import feed
from extension.store.deliveries import forget_deliveries
from extension.store.deployments import maker_ids
from extension.store.documents import Documents
from extension.store.protocol import Report
from extension.store.reporting import report
from extension.store.tallies import Moves, touch
from extension.store.tokens import forget_workspace


def remove(connection: Connection, documents: Documents, row: Row[Any], revision: int) -> Moves:
    """Removes the object of a row and the rows that hang on it; what became of the counts of the bundles that a cluster had."""
    contents: list[str] = []
    moves: Moves = {}
    if row.kind == Cluster.KIND:
        found = connection.execute(text("SELECT bundle_id FROM deployment WHERE cluster_id = :id"), {"id": row.id}).all()
        moves = report(connection, [Report(one.bundle_id, row.id, removed=True) for one in found], revision).moves
    if row.kind == Bundle.KIND:
        contents = _empty_bundle(connection, row.id, revision)
    if row.kind == FleetWorkspace.KIND:
        forget_workspace(connection, row.name)
        forget_deliveries(connection, row.name)
    for table, column in (("tally", "object_id"), ("seen", "cluster_id"), ("event", "object_id")):
        connection.execute(text(f"DELETE FROM {table} WHERE {column} = :id"), {"id": row.id})  # noqa: S608 (our own names)
    documents.remove(connection, row, revision)
    for sha256 in contents:
        documents.drop_content(connection, sha256)
    feed.prune(connection)
    return moves


def _empty_bundle(connection: Connection, bundle_id: int, revision: int) -> list[str]:
    """Drops a bundle's deployments, also out of the counts of their clusters; the contents they named."""
    found = connection.execute(text("SELECT cluster_id FROM deployment WHERE bundle_id = :id"), {"id": bundle_id}).all()
    report(connection, [Report(bundle_id, one.cluster_id, removed=True) for one in found], revision)
    touch(connection, maker_ids(connection, [bundle_id]), revision)
    contents = connection.execute(text("SELECT DISTINCT content FROM variant WHERE bundle_id = :id"), {"id": bundle_id}).all()
    for table in ("variant", "deployment_id", "wording"):
        connection.execute(text(f"DELETE FROM {table} WHERE bundle_id = :id"), {"id": bundle_id})  # noqa: S608 (our own names)
    return [one.content for one in contents]
