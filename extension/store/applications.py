"""The status of what makes Bundles, GitRepos and HelmOps, from the counters of these Bundles (`fleet-semantics.md` 1.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, text

from extension.objects.base import Condition, Key
from extension.objects.helmop import HELM_NAME
from extension.objects.kinds import Bundle, GitRepo, HelmOp
from extension.objects.states import counts_of, summarise, with_conditions, worst
from extension.objects.status import Display
from extension.store.deployments import REPO_NAME
from extension.store.rollouts import bundle_status
from extension.store.schema import STATE_COLUMNS
from extension.store.standing import Standing
from extension.store.summing import NotReady, Tally, first_not_ready, is_own, ready_conditions, tally_of


def application(connection: Connection, made: GitRepo | HelmOp, object_id: int, standing: Standing) -> tuple[Any, int]:
    """The status of what makes Bundles, and its revision."""
    bundles = bundle_ids(connection, made.key)
    where = f"object_id IN ({_listed(bundles)})"
    tally = tally_of(connection, where)
    touched = tally_of(connection, "object_id = :id", id=object_id)
    inside = f"d.bundle_id IN ({_listed(bundles)})"
    late = first_not_ready(connection, inside, lambda row: str(row.bundle)) if tally.total > tally.ready else NotReady()
    summary = summarise(tally.counts, late.named)
    ready, desired = _clusters(connection, bundles, tally, standing)
    since = tally.changed or made.metadata.creation_timestamp or ""
    told = _of_bundle(connection, made, bundles) or ready_conditions(made.status.conditions, summary, "Bundle", since)
    broken = worst(counts_of(summary))
    message = late.worst.message if broken and broken.name == late.worst.bundle_state else ""
    status = msgspec.structs.replace(
        made.status,
        summary=summary,
        ready_clusters=ready,
        desired_ready_clusters=desired,
        resource_counts=tally.resources,
        display=Display(
            ready_bundle_deployments=f"{tally.ready}/{tally.total}",
            state="GitUpdating" if _updating(made) else broken.name if broken else "",
            message=message,
            error=bool(message),
        ),
        conditions=with_conditions(
            made.status.conditions,
            *(c for c in told if c.type == "Ready"),
            *(() if tally.total else _untargeted(connection, bundles)),
        ),
    )
    return status, max(tally.revision, touched.revision)


def _updating(made: GitRepo | HelmOp) -> bool:
    return isinstance(made, GitRepo) and made.status.git_job_status != "Current"


def bundle_ids(connection: Connection, maker: Key) -> list[int]:
    """The Bundles that a GitRepo or HelmOp made."""
    rows = connection.execute(
        text(
            "SELECT b.id FROM label l JOIN object b ON b.id = l.object_id"
            " WHERE l.kind = 'Bundle' AND l.key = :key AND l.value = :name AND b.namespace = :namespace"
        ),
        {"key": REPO_NAME if maker.kind == GitRepo.KIND else HELM_NAME, "name": maker.name, "namespace": maker.namespace},
    )
    return [int(row.id) for row in rows]


def _clusters(connection: Connection, bundles: Sequence[int], tally: Tally, standing: Standing) -> tuple[int, int]:
    """How many clusters have all their deployments of these bundles ready, and how many have any."""
    if len(bundles) <= 1 or not tally.total:
        return tally.ready, tally.total
    return standing.together(connection, bundles)


def _untargeted(connection: Connection, bundles: Sequence[int]) -> tuple[Condition, ...]:
    """What the first of these bundles says of targets that match no cluster."""
    found = _first_that_says(connection, bundles, '%"type":"Targeted","status":"False"%')
    if found is None:
        return ()
    bundle = found[1]
    told = [c for c in bundle.status.conditions if c.type == "Targeted"]
    return tuple(msgspec.structs.replace(c, message=f"bundle {bundle.metadata.name}: {c.message}") for c in told)


def _of_bundle(connection: Connection, made: GitRepo | HelmOp, bundles: Sequence[int]) -> tuple[Condition, ...]:
    """The Ready=False of the first of these bundles that has one (1.2: it replaces the GitRepo's). Of a HelmOp's only one that a
    reconciler stored, as Fleet leaves the HelmOp's own in place."""
    found = _first_that_says(connection, bundles, '%"type":"Ready","status":"False","reason":%')
    if isinstance(made, HelmOp):
        return () if found is None else told_by_itself(found[1])
    late = _first_late(connection, bundles)
    first = min(filter(None, (found, late)), key=lambda one: one[1].metadata.uid, default=None)
    if first is None:
        return ()
    status, _ = bundle_status(connection, first[1], first[0])
    return tuple(c for c in status.conditions if c.type == "Ready" and c.status == "False")


def _first_late(connection: Connection, bundles: Sequence[int]) -> tuple[int, Bundle] | None:
    """The first of these bundles with a target that is not ready."""
    late = " + ".join(f"coalesce(t.{name}, 0)" for name in STATE_COLUMNS[1:])
    return _first(
        connection,
        f"LEFT JOIN tally t ON t.object_id = o.id WHERE o.id IN ({_listed(bundles)}) AND ({late} > 0 OR o.doc LIKE :pattern)",
        '%"pending":{"count":%',
    )


def _first_that_says(connection: Connection, bundles: Sequence[int], pattern: str) -> tuple[int, Bundle] | None:
    return _first(connection, f"WHERE o.id IN ({_listed(bundles)}) AND o.doc LIKE :pattern", pattern)


def _first(connection: Connection, where: str, pattern: str) -> tuple[int, Bundle] | None:
    """The first bundle by UID of which the condition holds, with its number."""
    statement = text(f"SELECT o.id, o.doc, o.name, o.uid, o.created FROM object o {where} ORDER BY o.uid LIMIT 1")  # noqa: S608
    row = connection.execute(statement, {"pattern": pattern}).one_or_none()
    if row is None:
        return None
    found = msgspec.json.decode(row.doc, type=Bundle)
    meta = msgspec.structs.replace(found.metadata, name=row.name, uid=row.uid, creation_timestamp=row.created)
    return row.id, msgspec.structs.replace(found, metadata=meta)


def _listed(bundles: Sequence[int]) -> str:
    return ",".join(map(str, bundles)) or "NULL"


def told_by_itself(bundle: Bundle) -> tuple[Condition, ...]:
    """The Ready condition a reconciler set, which what the Bundle was made from shows as well."""
    return tuple(c for c in bundle.status.conditions if is_own(c))
