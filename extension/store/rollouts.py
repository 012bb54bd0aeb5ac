"""The status of a Bundle, from its counters and from what its reconciler knows of targets without a deployment
(`fleet-semantics.md` 1.4, 1.5)."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection

from extension.objects.kinds import Bundle, PartitionStatus
from extension.objects.states import State, display_state, summarise
from extension.objects.status import BundleSummary, Display, NonReadyResource
from extension.store.summing import Tally, first_not_ready, ready_conditions, tally_of


def bundle_status(connection: Connection, bundle: Bundle, object_id: int) -> tuple[Any, int]:
    """The status, and its revision."""
    tally = tally_of(connection, "object_id = :id", id=object_id)
    summary = _summary(connection, bundle, object_id, tally)
    since = tally.changed or bundle.metadata.creation_timestamp or ""
    status = msgspec.structs.replace(
        bundle.status,
        summary=summary,
        partitions=_with_summary(bundle.status.partitions, summary),
        display=Display(ready_clusters=f"{summary.ready}/{summary.desired_ready}", state=display_state(summary)),
        conditions=ready_conditions(bundle.status.conditions, summary, "Cluster", since),
    )
    return status, tally.revision


def _summary(connection: Connection, bundle: Bundle, object_id: int, tally: Tally) -> BundleSummary:
    """Targets that have no deployment yet are Pending, and stand among the others by the name of their cluster."""
    waiting = bundle.status.pending
    counts = dict(tally.counts)
    if waiting.count:
        counts[State.Pending] = counts.get(State.Pending, 0) + waiting.count
    named = []
    if tally.total > tally.ready:
        named = first_not_ready(connection, "d.bundle_id = :id", cluster_of, sort=by_cluster, id=object_id).named
    named += [NonReadyResource(name=name, bundle_state=State.Pending.name) for name in waiting.clusters]
    return summarise(counts, sorted(named, key=lambda one: one.name.partition("/")[::-1]))


def _with_summary(partitions: tuple[PartitionStatus, ...], summary: BundleSummary) -> tuple[PartitionStatus, ...]:
    """A partition of all targets has the Bundle's summary. Of several none has one: which clusters are in them is not stored."""
    if len(partitions) == 1 and partitions[0].count == summary.desired_ready:
        return (msgspec.structs.replace(partitions[0], summary=summary),)
    return partitions


def by_cluster(row: Any) -> tuple[str, str]:
    return row.cluster, row.workspace


def cluster_of(row: Any) -> str:
    return f"{row.workspace}/{row.cluster}"
