"""The status of what makes Bundles, GitRepos and HelmOps, from the counters of these Bundles (`fleet-semantics.md` 1.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, text

from extension.objects.base import Condition
from extension.objects.helmop import HELM_NAME
from extension.objects.kinds import Bundle, GitRepo, HelmOp
from extension.objects.states import State, counts_of, summarise, with_conditions, worst
from extension.objects.status import Display, NonReadyResource
from extension.store.deployments import REPO_NAME
from extension.store.summing import Tally, first_not_ready, is_own, ready_conditions, tally_of


def application(connection: Connection, made: GitRepo | HelmOp, object_id: int) -> tuple[Any, int]:
    """The status of what makes Bundles, and its revision."""
    bundles = _bundle_ids(connection, made)
    where = f"object_id IN ({','.join(map(str, bundles)) or 'NULL'})"
    tally = tally_of(connection, where)
    touched = tally_of(connection, "object_id = :id", id=object_id)
    inside = f"d.bundle_id IN ({','.join(map(str, bundles)) or 'NULL'})"
    summary = summarise(tally.counts, first_not_ready(connection, inside, lambda row: str(row.bundle)) if tally.total else [])
    ready, desired = _clusters(connection, bundles, tally)
    stored = _broken_bundle(connection, bundles) or made.status.conditions
    first = max(summary.non_ready_resources, key=lambda r: State[r.bundle_state], default=NonReadyResource())
    broken = worst(counts_of(summary))
    status = msgspec.structs.replace(
        made.status,
        summary=summary,
        ready_clusters=ready,
        desired_ready_clusters=desired,
        resource_counts=tally.resources,
        display=Display(
            ready_bundle_deployments=f"{tally.ready}/{tally.total}",
            state="GitUpdating" if _updating(made) else broken.name if broken else "",
            message=first.message,
            error=bool(first.message),
        ),
        conditions=with_conditions(
            made.status.conditions,
            *(
                c
                for c in ready_conditions(stored, summary, "Bundle", tally.changed or made.metadata.creation_timestamp or "")
                if c.type == "Ready"
            ),
            *(() if tally.total else _untargeted(connection, bundles)),
        ),
    )
    return status, max(tally.revision, touched.revision)


def _updating(made: GitRepo | HelmOp) -> bool:
    return isinstance(made, GitRepo) and made.status.git_job_status != "Current"


def _bundle_ids(connection: Connection, made: GitRepo | HelmOp) -> list[int]:
    rows = connection.execute(
        text(
            "SELECT b.id FROM label l JOIN object b ON b.id = l.object_id"
            " WHERE l.kind = 'Bundle' AND l.key = :key AND l.value = :name AND b.namespace = :namespace"
        ),
        {"key": REPO_NAME if isinstance(made, GitRepo) else HELM_NAME, "name": made.metadata.name, "namespace": made.metadata.namespace},
    )
    return [int(row.id) for row in rows]


def _clusters(connection: Connection, bundles: Sequence[int], tally: Tally) -> tuple[int, int]:
    """How many clusters have all their deployments of these bundles ready, and how many have any."""
    if len(bundles) <= 1:
        return tally.ready, tally.total
    row = connection.execute(
        text(
            "SELECT coalesce(sum(ready), 0) AS ready, count(*) AS total FROM (SELECT min(state = 1) AS ready FROM deployment"  # noqa: S608
            f" WHERE state > 0 AND bundle_id IN ({','.join(map(str, bundles))}) GROUP BY cluster_id) AS per_cluster"
        )
    ).one()
    return int(row.ready), int(row.total)


def _untargeted(connection: Connection, bundles: Sequence[int]) -> tuple[Condition, ...]:
    """What the first of these bundles says of targets that match no cluster."""
    found = _first_that_says(connection, bundles, '%"type":"Targeted","status":"False"%')
    if found is None:
        return ()
    told = [c for c in found.status.conditions if c.type == "Targeted"]
    return tuple(msgspec.structs.replace(c, message=f"bundle {found.metadata.name}: {c.message}") for c in told)


def _broken_bundle(connection: Connection, bundles: Sequence[int]) -> tuple[Condition, ...]:
    """The Ready=False that a reconciler stored for the first of these bundles, if any (1.2: it replaces the GitRepo's)."""
    found = _first_that_says(connection, bundles, '%"type":"Ready","status":"False","reason":%')
    return () if found is None else told_by_itself(found)


def _first_that_says(connection: Connection, bundles: Sequence[int], pattern: str) -> Bundle | None:
    rows = connection.execute(
        text(
            f"SELECT doc, name FROM object WHERE id IN ({','.join(map(str, bundles)) or 'NULL'})"  # noqa: S608
            " AND doc LIKE :pattern ORDER BY uid LIMIT 1"
        ),
        {"pattern": pattern},
    ).all()
    if not rows:
        return None
    found = msgspec.json.decode(rows[0].doc, type=Bundle)
    return msgspec.structs.replace(found, metadata=msgspec.structs.replace(found.metadata, name=rows[0].name))


def told_by_itself(bundle: Bundle) -> tuple[Condition, ...]:
    """The Ready condition a reconciler set, which what the Bundle was made from shows as well."""
    return tuple(c for c in bundle.status.conditions if is_own(c))
