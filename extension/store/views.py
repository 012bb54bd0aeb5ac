"""Statuses laid over documents when they are read, from the counters (`fleet-semantics.md` 1.2, 1.4, 1.8, 1.9).

Nothing here is stored, so nothing can be stale: a status is the counters, the first ten deployments that are not
ready, and what a reconciler wrote into the document (conditions of its own; a Ready it set to False, with a reason, stands).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

import msgspec
from pyroaring import FrozenBitMap
from sqlalchemy import Connection, bindparam, select, text

from extension.objects.base import Object
from extension.objects.gitops import unsummed
from extension.objects.kinds import Bundle, Cluster, ClusterGroup, GitRepo, HelmOp
from extension.objects.plan import NONE
from extension.objects.presence import CONDITION as CONNECTED
from extension.objects.presence import before, with_presence
from extension.objects.states import NAMED_RESOURCES, add, display_state, summarise
from extension.objects.status import BundleSummary, Display, NonReadyResource
from extension.store.applications import application
from extension.store.deployments import MAKERS
from extension.store.labels import LabelIndex
from extension.store.rollouts import bundle_status
from extension.store.schema import objects, seen
from extension.store.standing import Standing
from extension.store.summing import Tally, first_of_each, is_own, ready_conditions, tallies_of
from extension.store.vectors import ClusterTallies

T = TypeVar("T", bound=Object)


class Views:
    """What lays statuses over documents. Groups are summed up in memory, from the index and the counters of all clusters.

    A cluster that nobody heard of for `offline_after` seconds is offline; None: never.
    """

    def __init__(self, index: LabelIndex, tallies: ClusterTallies, standing: Standing, offline_after: float | None) -> None:
        self._index = index
        self._tallies = tallies
        self._offline_after = offline_after
        self._of: dict[type[Object], Callable[[Connection, Any, int], tuple[Any, int]]] = {
            Bundle: bundle_status,
            GitRepo: partial(application, standing=standing),
            HelmOp: partial(application, standing=standing),
            Cluster: self._cluster,
            ClusterGroup: self._group,
        }

    def overlay(self, connection: Connection, obj: T, object_id: int) -> T:
        """The object with its computed status and the newest revision of the two."""
        view = self._of.get(type(obj))
        return obj if view is None else _laid(obj, *view(connection, obj, object_id))

    def overlays(self, connection: Connection, found: Sequence[tuple[T, int]]) -> list[T]:
        """As `overlay`, for the objects of a list, all of one kind, with their ids."""
        if not found or not isinstance(found[0][0], Cluster):
            return [self.overlay(connection, obj, id_) for obj, id_ in found]
        statuses: list[tuple[Any, int]] = self._clusters(connection, found)  # type: ignore[arg-type]
        return [_laid(obj, status, revision) for (obj, _), (status, revision) in zip(found, statuses, strict=True)]

    def _cluster(self, connection: Connection, cluster: Cluster, object_id: int) -> tuple[Any, int]:
        return self._clusters(connection, [(cluster, object_id)])[0]

    def _clusters(self, connection: Connection, found: Sequence[tuple[Cluster, int]]) -> list[tuple[Any, int]]:
        statuses = _clusters(connection, found)
        if self._offline_after is None:
            return statuses
        limit = before(datetime.now(UTC), self._offline_after)
        return [(with_presence(status, limit), revision) for status, revision in statuses]

    def _group(self, connection: Connection, group: ClusterGroup, _object_id: int) -> tuple[Any, int]:
        found = self._members(group)
        self._tallies.refresh(connection)
        tally, behind = self._tallies.sum(found)
        late = self._names(connection, behind)
        keys = tuple(late.values())
        listed = f" ({','.join(keys)})" if keys else ""
        summary = _named_by_cluster(summarise(tally.counts), late, first_of_each(connection, list(late)))
        since = tally.changed or group.metadata.creation_timestamp or ""
        status = msgspec.structs.replace(
            group.status,
            cluster_count=len(found),
            non_ready_cluster_count=len(behind),
            non_ready_clusters=keys,
            summary=summary,
            resource_counts=tally.resources,
            display=Display(
                ready_clusters=f"{len(found) - len(behind)}/{len(found)}{listed}",
                ready_bundles=f"{tally.ready}/{tally.total}",
                state=display_state(summary),
            ),
            conditions=ready_conditions(group.status.conditions, summary, "Bundle", since),
        )
        return status, tally.revision

    def _members(self, group: ClusterGroup) -> FrozenBitMap:
        """The clusters of a group; none where its selector is broken, as in Fleet."""
        selector = group.spec.selector
        return NONE if selector is None else self._index.members(group.metadata.namespace, selector)

    def _names(self, connection: Connection, clusters: FrozenBitMap) -> dict[int, str]:
        """The first of these clusters by name, in that order."""
        first = list(self._index.first(clusters, NAMED_RESOURCES))
        rows = connection.execute(select(objects.c.id, objects.c.name).where(objects.c.id.in_(first)).order_by(objects.c.name))
        return {row.id: row.name for row in rows}


def _named_by_cluster(summary: BundleSummary, order: Iterable[int], found: Mapping[int, list[NonReadyResource]]) -> BundleSummary:
    """The summary with what the clusters name, one after the other; as Fleet adds up summaries, the last list is taken whole (1.5)."""
    for cluster in order:
        summary = add(summary, BundleSummary(non_ready_resources=tuple(found[cluster])))
    return summary


def _laid(obj: T, status: Any, revision: int) -> T:
    newest = max(revision, int(obj.metadata.resource_version or 0))
    meta = msgspec.structs.replace(obj.metadata, resource_version=str(newest))
    return msgspec.structs.replace(obj, metadata=meta, status=status)


def own_status(obj: Object) -> Any:
    """The part of a status that is stored: what `overlay` computes is left out."""
    status = getattr(obj, "status", None)
    computed = _COMPUTED.get(type(obj), ())
    if status is None or not computed:
        return status
    if isinstance(obj, Bundle):
        status = msgspec.structs.replace(status, partitions=unsummed(status.partitions))
    plain = type(status)()
    conditions = tuple(c for c in status.conditions if c.type != CONNECTED and (c.type != "Ready" or is_own(c)))
    return msgspec.structs.replace(status, **{name: getattr(plain, name) for name in computed}, conditions=conditions)


def _clusters(connection: Connection, found: Sequence[tuple[Cluster, int]]) -> list[tuple[Any, int]]:
    """The statuses of many clusters, with a query for all of them where one a cluster would be asked otherwise."""
    ids = [id_ for _, id_ in found]
    tallies = tallies_of(connection, ids)
    deployed = [id_ for id_ in ids if tallies[id_].total]
    named = first_of_each(connection, [id_ for id_ in deployed if tallies[id_].ready < tallies[id_].total])
    makers = _makers_of(connection, deployed)
    times = {row.cluster_id: row.at for row in connection.execute(select(seen).where(seen.c.cluster_id.in_(ids)))}
    return [_cluster_status(cluster, tallies[id_], named.get(id_, []), makers.get(id_, {}), times.get(id_, "")) for cluster, id_ in found]


def _cluster_status(
    cluster: Cluster, tally: Tally, named: list[NonReadyResource], makers: Mapping[str, tuple[int, int]], at: str
) -> tuple[Any, int]:
    summary = summarise(tally.counts, named)
    (repos, all_repos), (charts, all_charts) = (makers.get(kind, (0, 0)) for kind in (GitRepo.KIND, HelmOp.KIND))
    status = msgspec.structs.replace(
        cluster.status,
        summary=summary,
        resource_counts=tally.resources,
        ready_git_repos=repos,
        desired_ready_git_repos=all_repos,
        ready_helm_ops=charts,
        desired_ready_helm_ops=all_charts,
        agent=msgspec.structs.replace(cluster.status.agent, last_seen=at),
        display=Display(ready_bundles=f"{tally.ready}/{tally.total}", state=display_state(summary) if at else "WaitCheckIn"),
        conditions=ready_conditions(
            cluster.status.conditions, summary, "Bundle", tally.changed or cluster.metadata.creation_timestamp or ""
        ),
    )
    return status, tally.revision


def _makers_of(connection: Connection, clusters: Sequence[int]) -> dict[int, dict[str, tuple[int, int]]]:
    """By cluster and kind, the GitRepos and HelmOps with a deployment on the cluster: how many have one that is ready (1.8, as Fleet
    counts), and how many in all."""
    found: dict[int, dict[str, tuple[int, int]]] = {}
    if clusters:
        for row in connection.execute(_MAKERS_OF, {"clusters": list(clusters)}):
            found.setdefault(row.cluster_id, {})[row.kind] = (int(row.ready), int(row.total))
    return found


_MAKERS_OF = text(
    "SELECT cluster_id, kind, coalesce(sum(ready), 0) AS ready, count(*) AS total FROM (SELECT d.cluster_id, m.kind,"  # noqa: S608
    f" max(CASE WHEN d.state = 1 THEN 1 ELSE 0 END) AS ready"
    f" FROM deployment d JOIN label l ON l.object_id = d.bundle_id JOIN object b ON b.id = d.bundle_id {MAKERS}"
    " WHERE d.cluster_id IN :clusters AND d.state > 0 GROUP BY d.cluster_id, m.kind, m.id) AS per_maker GROUP BY cluster_id, kind"
).bindparams(bindparam("clusters", expanding=True))


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
