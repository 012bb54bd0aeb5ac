"""The counters of some objects added up, and what a status says of them (`fleet-semantics.md` 1.2, 1.5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, select, text

from extension.objects.base import Condition
from extension.objects.kinds import BundleDeploymentStatus
from extension.objects.states import NAMED_RESOURCES, State, condition, deployment_message, ready_message, with_conditions
from extension.objects.status import BundleSummary, NonReadyResource, ResourceCounts
from extension.store.schema import RESOURCE_COLUMNS, STATE_COLUMNS, tallies
from extension.store.tallies import COLUMNS

_SUMS = ", ".join(f"coalesce(sum({c}), 0) AS {c}" for c in COLUMNS) + ", coalesce(max(revision), 0) AS revision, max(changed) AS changed"


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


def first_not_ready(connection: Connection, where: str, name: Callable[[Any], str], **values: Any) -> list[NonReadyResource]:
    """The first deployments that are not ready."""
    rows = connection.execute(
        text(
            "SELECT d.state, d.live_id, d.applied_id, r.doc, c.namespace AS workspace, c.name AS cluster, b.name AS bundle"  # noqa: S608
            " FROM deployment d JOIN object c ON c.id = d.cluster_id JOIN object b ON b.id = d.bundle_id"
            " LEFT JOIN report r ON r.bundle_id = d.bundle_id AND r.cluster_id = d.cluster_id"
            f" WHERE d.state > 1 AND {where} ORDER BY d.bundle_id, d.cluster_id LIMIT {NAMED_RESOURCES}"
        ),
        values,
    )
    return [_resource(row, name(row)) for row in rows]


def first_of_each(connection: Connection, clusters: Sequence[int]) -> dict[int, list[NonReadyResource]]:
    """The first deployments of each of these clusters that are not ready, named by bundle."""
    found: dict[int, list[NonReadyResource]] = {id_: [] for id_ in clusters}
    if clusters:
        for row in connection.execute(_FIRST_OF_EACH, {"clusters": list(clusters)}):
            found[row.cluster_id].append(_resource(row, str(row.bundle)))
    return found


def _resource(row: Any, name: str) -> NonReadyResource:
    status = msgspec.json.decode(row.doc, type=BundleDeploymentStatus) if row.doc else BundleDeploymentStatus()
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


_FIRST_OF_EACH = text(
    "SELECT f.cluster_id, f.state, f.live_id, f.applied_id, r.doc, b.name AS bundle FROM ("  # noqa: S608 (our own number)
    " SELECT bundle_id, cluster_id, state, live_id, applied_id,"
    " row_number() OVER (PARTITION BY cluster_id ORDER BY bundle_id) AS place"
    " FROM deployment WHERE cluster_id IN :clusters AND state > 1) AS f"
    " JOIN object b ON b.id = f.bundle_id LEFT JOIN report r ON r.bundle_id = f.bundle_id AND r.cluster_id = f.cluster_id"
    f" WHERE f.place <= {NAMED_RESOURCES} ORDER BY f.cluster_id, f.bundle_id"
).bindparams(bindparam("clusters", expanding=True))
