"""Statuses laid over documents when they are read, from the counters (`fleet-semantics.md` 1.2, 1.4, 1.8, 1.9).

Nothing here is stored, so nothing can be stale: a status is the counters, the first ten deployments that are not
ready, and what a reconciler wrote into the document (conditions of its own; a Ready it set to False, with a reason, stands).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, text

from extension.objects.base import Condition, Object
from extension.objects.kinds import Bundle, BundleDeploymentStatus, Cluster, ClusterGroup, GitRepo
from extension.objects.states import (
    NAMED_RESOURCES,
    State,
    condition,
    counts_of,
    deployment_message,
    display_state,
    ready_message,
    summarise,
    with_conditions,
    worst,
)
from extension.objects.status import BundleSummary, Display, NonReadyResource, ResourceCounts
from extension.store.deployments import REPO_NAME
from extension.store.membership import members
from extension.store.schema import RESOURCE_COLUMNS, STATE_COLUMNS
from extension.store.tallies import COLUMNS

T = TypeVar("T", bound=Object)

_SUMS = ", ".join(f"coalesce(sum({c}), 0) AS {c}" for c in COLUMNS) + ", coalesce(max(revision), 0) AS revision, max(changed) AS changed"


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
    conditions = tuple(c for c in status.conditions if c.type != "Ready" or _is_own(c))
    return msgspec.structs.replace(status, **{name: getattr(plain, name) for name in computed}, conditions=conditions)


def conditions(obj: Object) -> tuple[Condition, ...]:
    found: tuple[Condition, ...] = getattr(getattr(obj, "status", None), "conditions", ())
    return found


def told_by_itself(obj: Object) -> tuple[Condition, ...]:
    """The Ready condition a reconciler set, which a Bundle's GitRepo shows as well."""
    return tuple(c for c in conditions(obj) if _is_own(c))


def _is_own(condition: Condition) -> bool:
    """Whether a Ready condition was set by a reconciler: those have a reason, computed ones have none."""
    return condition.type == "Ready" and condition.status == "False" and bool(condition.reason)


class _Tally(msgspec.Struct, frozen=True):
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


def _tally(connection: Connection, where: str, **values: Any) -> _Tally:
    """The sum of the tallies of the objects a condition selects."""
    row = connection.execute(text(f"SELECT {_SUMS} FROM tally WHERE {where}"), values).one()._mapping  # noqa: S608 (our own SQL)
    counts = {State(int(name[1:])): row[name] for name in STATE_COLUMNS if row[name]}
    resources = ResourceCounts(*(row[f"r_{name}"] for name in RESOURCE_COLUMNS))
    return _Tally(counts, resources, row["revision"], row["changed"] or "")


def _named(connection: Connection, where: str, name: Callable[[Any], str], **values: Any) -> list[NonReadyResource]:
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


def _resource(row: Any, name: str) -> NonReadyResource:
    status = msgspec.json.decode(row.doc, type=BundleDeploymentStatus) if row.doc else BundleDeploymentStatus()
    return NonReadyResource(
        name=name,
        bundle_state=State(row.state).name,
        message=deployment_message(status.conditions, row.live_id == row.applied_id),
        modified_status=status.modified_status,
        non_ready_status=status.non_ready_status,
    )


def _conditions(stored: tuple[Condition, ...], summary: BundleSummary, word: str, changed: str) -> tuple[Condition, ...]:
    """The stored conditions and Ready; one that a reconciler stored as False says what is wrong before any deployment."""
    if any(_is_own(c) for c in stored):
        return stored
    message = ready_message(summary, word)
    ready = condition("Ready", "False" if message else "True", changed, (), message=message)
    return with_conditions(tuple(c for c in stored if c.type != "Ready"), ready)


def _bundle(connection: Connection, bundle: Bundle, object_id: int) -> tuple[Any, int]:
    tally = _tally(connection, "object_id = :id", id=object_id)
    named = _named(connection, "d.bundle_id = :id", lambda row: f"{row.workspace}/{row.cluster}", id=object_id) if tally.total else []
    summary = summarise(tally.counts, named)
    status = msgspec.structs.replace(
        bundle.status,
        summary=summary,
        display=Display(ready_clusters=f"{tally.ready}/{tally.total}", state=display_state(summary)),
        conditions=_conditions(bundle.status.conditions, summary, "Cluster", tally.changed or bundle.metadata.creation_timestamp or ""),
    )
    return status, tally.revision


def _gitrepo(connection: Connection, repo: GitRepo, object_id: int) -> tuple[Any, int]:
    bundles = _bundle_ids(connection, repo)
    where = f"object_id IN ({','.join(map(str, bundles)) or 'NULL'})"
    tally = _tally(connection, where)
    touched = _tally(connection, "object_id = :id", id=object_id)
    inside = f"d.bundle_id IN ({','.join(map(str, bundles)) or 'NULL'})"
    summary = summarise(tally.counts, _named(connection, inside, lambda row: str(row.bundle)) if tally.total else [])
    ready, desired = _clusters(connection, bundles, tally)
    stored = _broken_bundle(connection, bundles) or repo.status.conditions
    first = max(summary.non_ready_resources, key=lambda r: State[r.bundle_state], default=NonReadyResource())
    broken = worst(counts_of(summary))
    status = msgspec.structs.replace(
        repo.status,
        summary=summary,
        ready_clusters=ready,
        desired_ready_clusters=desired,
        resource_counts=tally.resources,
        display=Display(
            ready_bundle_deployments=f"{tally.ready}/{tally.total}",
            state="GitUpdating" if repo.status.git_job_status != "Current" else broken.name if broken else "",
            message=first.message,
            error=bool(first.message),
        ),
        conditions=with_conditions(
            repo.status.conditions,
            *(
                c
                for c in _conditions(stored, summary, "Bundle", tally.changed or repo.metadata.creation_timestamp or "")
                if c.type == "Ready"
            ),
            *(() if tally.total else _untargeted(connection, bundles)),
        ),
    )
    return status, max(tally.revision, touched.revision)


def _bundle_ids(connection: Connection, repo: GitRepo) -> list[int]:
    rows = connection.execute(
        text(
            "SELECT b.id FROM label l JOIN object b ON b.id = l.object_id"
            " WHERE l.kind = 'Bundle' AND l.key = :key AND l.value = :name AND b.namespace = :namespace"
        ),
        {"key": REPO_NAME, "name": repo.metadata.name, "namespace": repo.metadata.namespace},
    )
    return [int(row.id) for row in rows]


def _clusters(connection: Connection, bundles: Sequence[int], tally: _Tally) -> tuple[int, int]:
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


def _cluster(connection: Connection, cluster: Cluster, object_id: int) -> tuple[Any, int]:
    tally = _tally(connection, "object_id = :id", id=object_id)
    named = _named(connection, "d.cluster_id = :id", lambda row: str(row.bundle), id=object_id) if tally.total else []
    summary = summarise(tally.counts, named)
    seen = connection.execute(text("SELECT at FROM seen WHERE cluster_id = :id"), {"id": object_id}).scalar_one_or_none() or ""
    ready, desired = _gitrepos_of(connection, object_id) if tally.total else (0, 0)
    status = msgspec.structs.replace(
        cluster.status,
        summary=summary,
        resource_counts=tally.resources,
        ready_git_repos=ready,
        desired_ready_git_repos=desired,
        agent=msgspec.structs.replace(cluster.status.agent, last_seen=seen),
        display=Display(ready_bundles=f"{tally.ready}/{tally.total}", state=display_state(summary) if seen else "WaitCheckIn"),
        conditions=_conditions(cluster.status.conditions, summary, "Bundle", tally.changed or cluster.metadata.creation_timestamp or ""),
    )
    return status, tally.revision


def _gitrepos_of(connection: Connection, cluster_id: int) -> tuple[int, int]:
    """GitRepos with a deployment on the cluster: how many have one that is ready (1.8, as Fleet counts), and how many in all."""
    row = connection.execute(
        text(
            "SELECT coalesce(sum(ready), 0) AS ready, count(*) AS total FROM (SELECT max(d.state = 1) AS ready FROM deployment d"
            " JOIN label l ON l.object_id = d.bundle_id AND l.key = :key JOIN object b ON b.id = d.bundle_id"
            " JOIN object g ON g.kind = 'GitRepo' AND g.namespace = b.namespace AND g.name = l.value"
            " WHERE d.cluster_id = :id AND d.state > 0 GROUP BY g.id) AS per_repo"
        ),
        {"key": REPO_NAME, "id": cluster_id},
    ).one()
    return int(row.ready), int(row.total)


def _group(connection: Connection, group: ClusterGroup, _object_id: int) -> tuple[Any, int]:
    found = [] if group.spec.selector is None else members(connection, group.metadata.namespace, group.spec.selector)
    inside = f"object_id IN ({','.join(map(str, found)) or 'NULL'})"
    tally = _tally(connection, inside)
    total = " + ".join(STATE_COLUMNS)
    behind = connection.execute(
        text(f"SELECT o.name FROM tally JOIN object o ON o.id = object_id WHERE {inside} AND n1 <> {total} ORDER BY o.name")  # noqa: S608
    ).all()
    names = tuple(row.name for row in behind[:NAMED_RESOURCES])
    listed = f" ({','.join(names)})" if names else ""
    summary = summarise(
        tally.counts,
        _named(connection, f"d.cluster_id IN ({','.join(map(str, found)) or 'NULL'})", lambda row: str(row.bundle)) if tally.total else [],
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
        conditions=_conditions(group.status.conditions, summary, "Bundle", tally.changed or group.metadata.creation_timestamp or ""),
    )
    return status, tally.revision


_VIEWS: dict[type[Object], Callable[[Connection, Any, int], tuple[Any, int]]] = {
    Bundle: _bundle,
    GitRepo: _gitrepo,
    Cluster: _cluster,
    ClusterGroup: _group,
}
_COMPUTED: dict[type[Object], tuple[str, ...]] = {
    Bundle: ("summary", "display"),
    GitRepo: ("ready_clusters", "desired_ready_clusters", "summary", "display", "resource_counts"),
    Cluster: ("summary", "resource_counts", "ready_git_repos", "desired_ready_git_repos", "display", "agent"),
    ClusterGroup: (
        "cluster_count",
        "non_ready_cluster_count",
        "non_ready_clusters",
        "summary",
        "display",
        "resource_counts",
    ),
}
