"""The counters of some objects added up, and what a status says of them (`fleet-semantics.md` 1.2, 1.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, or_, select, text

from extension.objects.base import Condition
from extension.objects.kinds import BundleDeploymentStatus
from extension.objects.states import NAMED_RESOURCES, State, condition, deployment_message, ready_message, with_conditions
from extension.objects.status import BundleSummary, NonReadyResource, ResourceCounts
from extension.store.schema import RESOURCE_COLUMNS, STATE_COLUMNS, reports, tallies, wordings
from extension.store.tallies import COLUMNS
from extension.store.wordings import status_of

_SUMS = (
    ", ".join(f"CAST(coalesce(sum({c}), 0) AS BIGINT) AS {c}" for c in COLUMNS)
    + ", coalesce(max(revision), 0) AS revision, max(changed) AS changed"
)

WINDOW = 200
"""Of how many deployments that are not ready a status chooses those it names: a million of them must not be sorted to show ten."""


def is_own(condition: Condition) -> bool:
    """Whether a Ready condition was set by a reconciler: those have a reason, computed ones have none."""
    return condition.type == "Ready" and condition.status == "False" and bool(condition.reason)


class Tally(msgspec.Struct, frozen=True):
    counts: dict[State, int]
    resources: ResourceCounts
    revision: int
    changed: str

    @property
    def ready(self) -> int:
        return self.counts.get(State.Ready, 0)

    @property
    def total(self) -> int:
        return sum(self.counts.values())


NO_TALLY = Tally({}, ResourceCounts(), 0, "")


def tally_of(connection: Connection, where: str, **values: Any) -> Tally:
    """The sum of the tallies of the objects a condition selects."""
    return _tally(connection.execute(text(f"SELECT {_SUMS} FROM tally WHERE {where}"), values).one()._mapping)  # noqa: S608 (our own SQL)


def tallies_of(connection: Connection, ids: Sequence[int]) -> dict[int, Tally]:
    """The tally of each of these objects."""
    found = connection.execute(select(tallies).where(tallies.c.object_id.in_(ids)))
    there = {row.object_id: _tally(row._mapping) for row in found}
    return {id_: there.get(id_, NO_TALLY) for id_ in ids}


def _tally(row: Mapping[Any, Any]) -> Tally:
    counts = {State(int(name[1:])): row[name] for name in STATE_COLUMNS if row[name]}
    resources = ResourceCounts(*(row[f"r_{name}"] for name in RESOURCE_COLUMNS))
    return Tally(counts, resources, row["revision"], row["changed"] or "")


class NotReady(msgspec.Struct, frozen=True):
    """Some of the deployments that are not ready: those that a summary names, and the first in the worst state."""

    named: list[NonReadyResource] = []
    worst: NonReadyResource = NonReadyResource()


def first_not_ready(
    connection: Connection, where: str, name: Callable[[Any], str], *, sort: Callable[[Any], Any] | None = None, **values: Any
) -> NotReady:
    """Of the first WINDOW deployments that are not ready: the first NAMED_RESOURCES by `sort`, which is by bundle and then by the
    registration of the cluster unless given, and the first in the worst state."""
    rows = connection.execute(text(f"{_WINDOW} AND {where} ORDER BY d.bundle_id, d.cluster_id LIMIT {WINDOW}"), values).all()
    if not rows:
        return NotReady()
    first = (sorted(rows, key=sort) if sort else rows)[:NAMED_RESOURCES]
    worst = max(rows, key=lambda row: int(row.state))
    said, nothing = _said(connection, [*first, worst]), BundleDeploymentStatus()
    resources = [_resource(row, name(row), said.get((row.bundle_id, row.cluster_id), nothing)) for row in [*first, worst]]
    return NotReady(resources[:-1], resources[-1])


def _said(connection: Connection, rows: Iterable[Any]) -> dict[tuple[int, int], BundleDeploymentStatus]:
    """What the agents reported of these deployments. SQLite answers a list of pairs by reading the whole table."""
    of: dict[int, set[int]] = {}
    for row in rows:
        of.setdefault(row.bundle_id, set()).add(row.cluster_id)
    wanted = or_(*((reports.c.bundle_id == bundle) & reports.c.cluster_id.in_(sorted(clusters)) for bundle, clusters in sorted(of.items())))
    found = select(reports, wordings.c.doc.label("common")).outerjoin(wordings, wordings.c.id == reports.c.wording).where(wanted)
    return {(row.bundle_id, row.cluster_id): status_of(row.doc, row.common) for row in connection.execute(found)}


def first_of_each(connection: Connection, clusters: Sequence[int]) -> dict[int, list[NonReadyResource]]:
    """The first deployments of each of these clusters that are not ready, by the name of their bundle."""
    found: dict[int, list[NonReadyResource]] = {id_: [] for id_ in clusters}
    if clusters:
        for row in connection.execute(_FIRST_OF_EACH, {"clusters": list(clusters)}):
            found[row.cluster_id].append(_resource(row, str(row.bundle), status_of(row.doc, row.common)))
    return found


def _resource(row: Any, name: str, status: BundleDeploymentStatus) -> NonReadyResource:
    return NonReadyResource(
        name=name,
        bundle_state=State(row.state).name,
        message=deployment_message(status.conditions, row.live_id == row.applied_id),
        modified_status=status.modified_status,
        non_ready_status=status.non_ready_status,
    )


def ready_conditions(stored: tuple[Condition, ...], summary: BundleSummary, word: str, changed: str) -> tuple[Condition, ...]:
    """The stored conditions and Ready; one that a reconciler stored as False says what is wrong before any deployment."""
    if any(is_own(c) for c in stored):
        return stored
    message = ready_message(summary, word)
    ready = condition("Ready", "False" if message else "True", changed, (), message=message)
    return with_conditions(tuple(c for c in stored if c.type != "Ready"), ready)


_WINDOW = (
    "SELECT d.bundle_id, d.cluster_id, d.state, d.live_id, d.applied_id, c.namespace AS workspace, c.name AS cluster, b.name AS bundle"
    " FROM deployment d JOIN object c ON c.id = d.cluster_id JOIN object b ON b.id = d.bundle_id WHERE d.state > 1"
)
_FIRST_OF_EACH = text(
    "SELECT f.cluster_id, f.state, f.live_id, f.applied_id, r.doc, w.doc AS common, f.bundle FROM ("  # noqa: S608 (our own number)
    " SELECT d.bundle_id, d.cluster_id, d.state, d.live_id, d.applied_id, b.name AS bundle,"
    " row_number() OVER (PARTITION BY d.cluster_id ORDER BY b.name, d.bundle_id) AS place"
    " FROM deployment d JOIN object b ON b.id = d.bundle_id WHERE d.cluster_id IN :clusters AND d.state > 1) AS f"
    " LEFT JOIN report r ON r.bundle_id = f.bundle_id AND r.cluster_id = f.cluster_id LEFT JOIN wording w ON w.id = r.wording"
    f" WHERE f.place <= {NAMED_RESOURCES} ORDER BY f.cluster_id, f.place"
).bindparams(bindparam("clusters", expanding=True))
