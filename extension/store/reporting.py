"""Reports of agents, many in one transaction: a row's facts, its state, its detail, and the counters.

A report for a row that is gone, or for a deployment ID that this bundle never had, changes nothing that is not its own:
the first is dropped, the second counts as not applied.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from extension.objects.kinds import BundleDeploymentStatus
from extension.objects.shapes import complaint
from extension.objects.states import State, deployment_state
from extension.objects.status import ResourceCounts
from extension.store.bulk import fetched, load, many, temporary
from extension.store.complaints import Complaints
from extension.store.deployments import maker_ids
from extension.store.protocol import Report
from extension.store.rowsets import dropped
from extension.store.tallies import Deltas, Moves, difference
from extension.store.wordings import Wordings, counts_of, sequence_of

_UNKNOWN_ID = -1


class Reported(NamedTuple):
    """By bundle and cluster, the sequence of the report that stands now, deployments that are gone left out; and what became of the
    bundles' counts."""

    standing: dict[tuple[int, int], int]
    moves: Moves


def report(connection: Connection, reports: Sequence[Report], revision: int) -> Reported:
    """Writes the reports with a statement a table; of several of one deployment the last counts."""
    deltas = Deltas()
    standing: dict[tuple[int, int], int] = {}
    last = _last_of_each(reports)
    complaints = Complaints(connection, {one.cluster_id for one in last.values() if complaint(one.status)})
    ids = _deployment_ids(connection, {bundle for bundle, _ in last})
    updated: list[tuple[Any, ...]] = []
    said: list[tuple[int, int, str, int]] = []
    wordings = Wordings(connection)
    gone: list[tuple[int, int]] = []
    for row in _stored(connection, list(last)):
        key = (row[0], row[1])
        one, old = last[key], counts_of(row[6], row[9])
        if _is_late(one, row):
            standing[key] = sequence_of(row[6])
            continue
        if one.removed:
            gone.append(key)
            deltas.move(*key, row[5], 0, difference(old, ResourceCounts()))
            complaints.move(key[0], (row[8], row[5]), None)
            continue
        applied = ids.get((one.bundle_id, one.status.applied_deployment_id), _UNKNOWN_ID)
        facts = _facts(row, one.status, applied)
        said_is = complaints.shape(*key, one.status)
        complaints.move(key[0], (row[8], row[5]), (said_is, facts[-1]))
        updated.append((*facts, said_is, revision, *key))
        said.append((*key, *wordings.stored(key[0], one.status, one.sequence, applied=applied != _UNKNOWN_ID)))
        standing[key] = one.sequence
        deltas.move(*key, row[5], facts[-1], difference(old, one.status.resource_counts))
    many(connection, _UPDATE, updated)
    many(connection, _PUT_REPORT, said)
    _drop(connection, gone, revision)
    for maker in maker_ids(connection, {key[0] for key in gone} | {values[-2] for values in updated}):
        deltas.touch(maker)
    moves = deltas.write(connection, revision)
    complaints.write()
    return Reported(standing, moves)


def _last_of_each(reports: Sequence[Report]) -> dict[tuple[int, int], Report]:
    last: dict[tuple[int, int], Report] = {}
    for one in reports:
        key = (one.bundle_id, one.cluster_id)
        last[key] = newer(last.get(key), one)
    return last


def _stored(connection: Connection, keys: list[tuple[int, int]]) -> Sequence[Any]:
    """The rows reported of, those that are gone left out."""
    temporary(connection, "said", "bundle_id BIGINT, cluster_id BIGINT")
    load(connection, "said", ("bundle_id", "cluster_id"), sorted(keys))
    return fetched(connection, _FIND)


def _drop(connection: Connection, gone: list[tuple[int, int]], revision: int) -> None:
    many(connection, "DELETE FROM deployment WHERE bundle_id = ? AND cluster_id = ?", gone)
    many(connection, "DELETE FROM report WHERE bundle_id = ? AND cluster_id = ?", gone)
    dropped(connection, gone, revision)


def _deployment_ids(connection: Connection, bundles: set[int]) -> dict[tuple[int, str], int]:
    found: dict[tuple[int, str], int] = {}
    for bundle in bundles:
        found.update({(bundle, name): number for number, name in fetched(connection, _IDS, bundle=bundle)})
        found[bundle, ""] = 0
    return found


def newer(known: Report | None, report: Report) -> Report:
    """Which of two reports of a deployment counts: the later one, unless its sequence says that it was only late."""
    return known if known is not None and 0 < report.sequence < known.sequence else report


def _is_late(report: Report, row: Sequence[Any]) -> bool:
    """Whether the agent told something newer before, or was asked for something since it took the release away."""
    if not report.sequence:
        return False
    return report.asked < row[7] or not row[4] if report.removed else report.sequence <= sequence_of(row[6])


def _facts(row: Sequence[Any], status: BundleDeploymentStatus, applied: int) -> tuple[Any, ...]:
    """The columns a report sets; the last is the state they make (`fleet-semantics.md` 1.5).

    `Deployed` with the reason `Waiting` means a dependency is not ready: Pending and no error, a deviation from Fleet.
    """
    live_id, staged_id, deleting = row[2:5]
    failed, waiting = flags(status)
    state: int
    if deleting:
        state = 0
    elif waiting and applied != live_id:
        state = State.Pending
    else:
        state = deployment_state(
            desired=str(live_id),
            staged=str(staged_id),
            applied=str(applied),
            deployed_failed=failed,
            ready=status.ready,
            non_modified=status.non_modified,
        )
    return (applied, failed, waiting, status.ready, status.non_modified, int(state))


def flags(status: BundleDeploymentStatus) -> tuple[bool, bool]:
    """Whether the deployment failed, and whether it waits for a dependency."""
    deployed = next((c for c in status.conditions if c.type == "Deployed"), None)
    return (
        deployed is not None and deployed.status == "False",
        deployed is not None and deployed.status == "Unknown" and deployed.reason == "Waiting",
    )


_FIND = text(
    "SELECT d.bundle_id, d.cluster_id, d.live_id, d.staged_id, d.deleting, d.state, r.doc, d.asked, d.shape, w.doc FROM said s"
    " JOIN deployment d ON d.bundle_id = s.bundle_id AND d.cluster_id = s.cluster_id"
    " LEFT JOIN report r ON r.bundle_id = d.bundle_id AND r.cluster_id = d.cluster_id LEFT JOIN wording w ON w.id = r.wording"
)
_IDS = text("SELECT id, text FROM deployment_id WHERE bundle_id = :bundle")
_UPDATE = (
    "UPDATE deployment SET applied_id = ?, failed = ?, waiting = ?, ready = ?, non_modified = ?, state = ?, shape = ?, revision = ?"
    " WHERE bundle_id = ? AND cluster_id = ?"
)
_PUT_REPORT = (
    "INSERT INTO report (bundle_id, cluster_id, doc, wording) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (bundle_id, cluster_id) DO UPDATE SET doc = excluded.doc, wording = excluded.wording"
)
