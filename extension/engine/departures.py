"""Clusters that are being deleted (`objects.departing`): goes on with each as far as it is.

Targeting leaves them out, so that their deployments go as those of any cluster that is no target any more. What is left to do is here:
their own agents are let go once nothing is deployed, and say so (`Hub.report`); a cluster that the service reaches itself is gone then.
"""

from __future__ import annotations

from collections.abc import Iterable

from extension.engine.stored import drop_finalizer
from extension.objects.departing import FINALIZER, departing, has_agent
from extension.objects.kinds import Cluster
from extension.objects.marks import DISMISSED
from extension.store.protocol import Store


def depart(store: Store, numbers: Iterable[int]) -> None:
    """Goes on with those clusters of these numbers that are as far: nothing is deployed to them any more, and it is not the agent's turn.
    Raises Conflict when one changed meanwhile."""
    for key in store.keys(Cluster.KIND, store.population.vacant(numbers)).values():
        cluster = store.find(Cluster, key.namespace, key.name)
        if cluster is None or FINALIZER not in cluster.metadata.finalizers or DISMISSED in cluster.metadata.annotations:
            continue
        if has_agent(cluster):
            store.update(departing(cluster, dismissed=True))
        else:
            drop_finalizer(store, cluster, FINALIZER)
