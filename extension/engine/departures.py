"""Clusters that are being deleted (`objects.departing`): goes on with each as far as it is.

Targeting leaves them out, so that their deployments go as those of any cluster that is no target any more. What is left to do is here:
their own agents are let go once nothing is deployed, and say so (`Hub.report`); a cluster that the service reaches itself is gone then.
"""

from __future__ import annotations

from collections.abc import Iterable

from extension.engine.stored import drop_finalizer
from extension.objects.base import Key
from extension.objects.departing import FINALIZER, departing, has_agent
from extension.objects.kinds import Cluster
from extension.objects.marks import DISMISSED
from extension.store.protocol import Query, Store


def depart(store: Store, numbers: Iterable[int]) -> None:
    """Goes on with the clusters of these numbers. Raises Conflict when one changed meanwhile."""
    for key in store.keys(Cluster.KIND, numbers).values():
        cluster = store.find(Cluster, key.namespace, key.name)
        if cluster is not None and FINALIZER in cluster.metadata.finalizers and not _is_held(store, cluster):
            _advance(store, cluster)


def _is_held(store: Store, cluster: Cluster) -> bool:
    """Whether it is somebody else's turn: something is still deployed, or its agent was told that it is let go."""
    return DISMISSED in cluster.metadata.annotations or _count(store, cluster.key) > 0


def _count(store: Store, cluster: Key) -> int:
    return store.deployments(Query(limit=1), cluster=cluster).count


def _advance(store: Store, cluster: Cluster) -> None:
    if has_agent(cluster):
        store.update(departing(cluster, dismissed=True))
    else:
        drop_finalizer(store, cluster, FINALIZER)
