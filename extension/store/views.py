"""Statuses laid over documents when they are read, from the counters (`fleet-semantics.md` 1.2, 1.4, 1.8, 1.9).

Nothing here is stored, so nothing can be stale: a status is the counters, the first ten deployments that are not
ready, and what a reconciler wrote into the document (conditions of its own; a Ready it set to False, with a reason, stands).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, text

from extension.objects.base import Condition, Object
from extension.objects.kinds import Bundle, Cluster, ClusterGroup, GitRepo, HelmOp
from extension.objects.states import NAMED_RESOURCES, display_state, summarise
from extension.objects.status import Display
from extension.store.applications import application
from extension.store.deployments import MAKERS
from extension.store.membership import members
from extension.store.schema import STATE_COLUMNS
from extension.store.summing import first_not_ready, is_own, ready_conditions, tally_of

T = TypeVar("T", bound=Object)


def overlay(connection: Connection, obj: T, object_id: int) -> T:
    """The object with its computed status and the newest revision of the two."""
    view = _VIEWS.get(type(obj))
    if view is None:
        return obj
    status, revision = view(connection, obj, object_id)
    newest = max(revision, int(obj.metadata.resource_version or 0))
    meta = msgspec.structs.replace(obj.metadata, resource_version=str(newest))
    return msgspec.structs.replace(obj, metadata=meta, status=status)


def own_status(obj: Object) -> Any:
    """The part of a status that is stored: what `overlay` computes is left out."""
    status = getattr(obj, "status", None)
    computed = _COMPUTED.get(type(obj), ())
    if status is None or not computed:
        return status
    plain = type(status)()
    conditions = tuple(c for c in status.conditions if c.type != "Ready" or is_own(c))
    return msgspec.structs.replace(status, **{name: getattr(plain, name) for name in computed}, conditions=conditions)


def conditions(obj: Object) -> tuple[Condition, ...]:
    found: tuple[Condition, ...] = getattr(getattr(obj, "status", None), "conditions", ())
    return found


def _bundle(connection: Connection, bundle: Bundle, object_id: int) -> tuple[Any, int]:
    tally = tally_of(connection, "object_id = :id", id=object_id)
    named = (
        first_not_ready(connection, "d.bundle_id = :id", lambda row: f"{row.workspace}/{row.cluster}", id=object_id) if tally.total else []
    )
    summary = summarise(tally.counts, named)
    status = msgspec.structs.replace(
        bundle.status,
        summary=summary,
        display=Display(ready_clusters=f"{tally.ready}/{tally.total}", state=display_state(summary)),
        conditions=ready_conditions(
            bundle.status.conditions, summary, "Cluster", tally.changed or bundle.metadata.creation_timestamp or ""
        ),
    )
    return status, tally.revision


def _cluster(connection: Connection, cluster: Cluster, object_id: int) -> tuple[Any, int]:
    tally = tally_of(connection, "object_id = :id", id=object_id)
    named = first_not_ready(connection, "d.cluster_id = :id", lambda row: str(row.bundle), id=object_id) if tally.total else []
    summary = summarise(tally.counts, named)
    seen = connection.execute(text("SELECT at FROM seen WHERE cluster_id = :id"), {"id": object_id}).scalar_one_or_none() or ""
    makers = _makers_of(connection, object_id) if tally.total else {}
    (repos, all_repos), (charts, all_charts) = (makers.get(kind, (0, 0)) for kind in (GitRepo.KIND, HelmOp.KIND))
    status = msgspec.structs.replace(
        cluster.status,
        summary=summary,
        resource_counts=tally.resources,
        ready_git_repos=repos,
        desired_ready_git_repos=all_repos,
        ready_helm_ops=charts,
        desired_ready_helm_ops=all_charts,
        agent=msgspec.structs.replace(cluster.status.agent, last_seen=seen),
        display=Display(ready_bundles=f"{tally.ready}/{tally.total}", state=display_state(summary) if seen else "WaitCheckIn"),
        conditions=ready_conditions(
            cluster.status.conditions, summary, "Bundle", tally.changed or cluster.metadata.creation_timestamp or ""
        ),
    )
    return status, tally.revision


def _makers_of(connection: Connection, cluster_id: int) -> dict[str, tuple[int, int]]:
    """By kind, the GitRepos and HelmOps with a deployment on the cluster: how many have one that is ready (1.8, as Fleet counts), and
    how many in all."""
    rows = connection.execute(
        text(
            "SELECT kind, coalesce(sum(ready), 0) AS ready, count(*) AS total FROM (SELECT m.kind, max(d.state = 1) AS ready"  # noqa: S608
            f" FROM deployment d JOIN label l ON l.object_id = d.bundle_id JOIN object b ON b.id = d.bundle_id {MAKERS}"
            " WHERE d.cluster_id = :id AND d.state > 0 GROUP BY m.id) AS per_maker GROUP BY kind"
        ),
        {"id": cluster_id},
    )
    return {row.kind: (int(row.ready), int(row.total)) for row in rows}


def _group(connection: Connection, group: ClusterGroup, _object_id: int) -> tuple[Any, int]:
    found = [] if group.spec.selector is None else members(connection, group.metadata.namespace, group.spec.selector)
    inside = f"object_id IN ({','.join(map(str, found)) or 'NULL'})"
    tally = tally_of(connection, inside)
    total = " + ".join(STATE_COLUMNS)
    behind = connection.execute(
        text(f"SELECT o.name FROM tally JOIN object o ON o.id = object_id WHERE {inside} AND n1 <> {total} ORDER BY o.name")  # noqa: S608
    ).all()
    names = tuple(row.name for row in behind[:NAMED_RESOURCES])
    listed = f" ({','.join(names)})" if names else ""
    summary = summarise(
        tally.counts,
        first_not_ready(connection, f"d.cluster_id IN ({','.join(map(str, found)) or 'NULL'})", lambda row: str(row.bundle))
        if tally.total
        else [],
    )
    status = msgspec.structs.replace(
        group.status,
        cluster_count=len(found),
        non_ready_cluster_count=len(behind),
        non_ready_clusters=names,
        summary=summary,
        resource_counts=tally.resources,
        display=Display(
            ready_clusters=f"{len(found) - len(behind)}/{len(found)}{listed}",
            ready_bundles=f"{tally.ready}/{tally.total}",
            state=display_state(summary),
        ),
        conditions=ready_conditions(group.status.conditions, summary, "Bundle", tally.changed or group.metadata.creation_timestamp or ""),
    )
    return status, tally.revision


_VIEWS: dict[type[Object], Callable[[Connection, Any, int], tuple[Any, int]]] = {
    Bundle: _bundle,
    GitRepo: application,
    HelmOp: application,
    Cluster: _cluster,
    ClusterGroup: _group,
}
_OF_BUNDLES = ("ready_clusters", "desired_ready_clusters", "summary", "display", "resource_counts")
_COMPUTED: dict[type[Object], tuple[str, ...]] = {
    Bundle: ("summary", "display"),
    GitRepo: _OF_BUNDLES,
    HelmOp: _OF_BUNDLES,
    Cluster: (
        "summary",
        "resource_counts",
        "ready_git_repos",
        "desired_ready_git_repos",
        "ready_helm_ops",
        "desired_ready_helm_ops",
        "display",
        "agent",
    ),
    ClusterGroup: (
        "cluster_count",
        "non_ready_cluster_count",
        "non_ready_clusters",
        "summary",
        "display",
        "resource_counts",
    ),
}
