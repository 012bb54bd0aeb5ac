"""Reports of agents, many in one transaction: a row's facts, its state, its detail, and the counters.

A report for a row that is gone, or for a deployment ID that this bundle never had, changes nothing that is not its own:
the first is dropped, the second counts as not applied.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, Row, text

from extension.objects.kinds import BundleDeploymentStatus
from extension.objects.states import State, deployment_state
from extension.objects.status import ResourceCounts
from extension.store.deployments import maker_ids
from extension.store.protocol import Report
from extension.store.tallies import Deltas, difference

_UNKNOWN_ID = -1


def report(connection: Connection, reports: Sequence[Report], revision: int) -> None:
    deltas = Deltas()
    ids = _deployment_ids(connection, {r.bundle_id for r in reports})
    for one in reports:
        key = {"bundle": one.bundle_id, "cluster": one.cluster_id}
        row = connection.execute(_FIND, key).one_or_none()
        if row is None:
            continue
        old = _counts(row.doc)
        owners = (one.bundle_id, one.cluster_id)
        if one.removed:
            connection.execute(_DROP, key)
            connection.execute(_DROP_REPORT, key)
            deltas.move(owners, row.state, 0, difference(old, ResourceCounts()))
            continue
        facts = _facts(row, one.status, ids.get((one.bundle_id, one.status.applied_deployment_id), _UNKNOWN_ID))
        connection.execute(_UPDATE, {**key, **facts, "revision": revision})
        connection.execute(_PUT_REPORT, {**key, "doc": msgspec.json.encode(one.status).decode()})
        deltas.move(owners, row.state, facts["state"], difference(old, one.status.resource_counts))
    for maker in maker_ids(connection, {r.bundle_id for r in reports}):
        deltas.move((maker,), 0, 0)
    deltas.write(connection, revision)


def _deployment_ids(connection: Connection, bundles: set[int]) -> dict[tuple[int, str], int]:
    found: dict[tuple[int, str], int] = {}
    for bundle in bundles:
        rows = connection.execute(text("SELECT id, text FROM deployment_id WHERE bundle_id = :bundle"), {"bundle": bundle})
        found.update({(bundle, row.text): row.id for row in rows})
        found[bundle, ""] = 0
    return found


def _counts(doc: str | None) -> ResourceCounts:
    return msgspec.json.decode(doc, type=BundleDeploymentStatus).resource_counts if doc else ResourceCounts()


def _facts(row: Row[tuple[int, int, bool, int]], status: BundleDeploymentStatus, applied: int) -> dict[str, int]:
    """The columns a report sets, and the state they make (`fleet-semantics.md` 1.5).

    `Deployed` with the reason `Waiting` means a dependency is not ready: Pending and no error, a deviation from Fleet.
    """
    failed, waiting = flags(status)
    state: int
    if row.deleting:
        state = 0
    elif waiting and applied != row.live_id:
        state = State.Pending
    else:
        state = deployment_state(
            desired=str(row.live_id),
            staged=str(row.staged_id),
            applied=str(applied),
            deployed_failed=failed,
            ready=status.ready,
            non_modified=status.non_modified,
        )
    flagged = {"failed": failed, "waiting": waiting, "ready": status.ready, "non_modified": status.non_modified}
    return {"applied": applied, "state": int(state), **flagged}


def flags(status: BundleDeploymentStatus) -> tuple[bool, bool]:
    """Whether the deployment failed, and whether it waits for a dependency."""
    deployed = next((c for c in status.conditions if c.type == "Deployed"), None)
    return (
        deployed is not None and deployed.status == "False",
        deployed is not None and deployed.status == "Unknown" and deployed.reason == "Waiting",
    )


_FIND = text(
    "SELECT d.live_id, d.staged_id, d.deleting, d.state, r.doc FROM deployment d"
    " LEFT JOIN report r ON r.bundle_id = d.bundle_id AND r.cluster_id = d.cluster_id"
    " WHERE d.bundle_id = :bundle AND d.cluster_id = :cluster"
)
_DROP = text("DELETE FROM deployment WHERE bundle_id = :bundle AND cluster_id = :cluster")
_DROP_REPORT = text("DELETE FROM report WHERE bundle_id = :bundle AND cluster_id = :cluster")
_UPDATE = text(
    "UPDATE deployment SET applied_id = :applied, failed = :failed, waiting = :waiting, ready = :ready,"
    " non_modified = :non_modified, state = :state, revision = :revision WHERE bundle_id = :bundle AND cluster_id = :cluster"
)
_PUT_REPORT = text(
    "INSERT INTO report (bundle_id, cluster_id, doc) VALUES (:bundle, :cluster, :doc)"
    " ON CONFLICT (bundle_id, cluster_id) DO UPDATE SET doc = excluded.doc"
)
