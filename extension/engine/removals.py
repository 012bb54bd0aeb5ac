"""Why a bundle that is to go is still there. Fleet forgets a deployment at once, and the agent finds out whenever it asks again
(`fleet-semantics.md` 3.5, 4.4); here the hub waits until it is really gone, so it must say for whom, and how not to wait."""

from __future__ import annotations

from extension.delivery.status import NOT_REMOVED
from extension.engine.stored import unreachable
from extension.objects.base import Key
from extension.objects.kinds import BundleDeployment, Cluster
from extension.store.protocol import Query, Store

LOOKED_AT = 10
"""So many of the deployments that are left are looked at: those that can go do so, and make room for others."""
WAY_OUT = "mend the cluster, or delete the Cluster: what is on it stays there then"


def held_up(store: Store, bundle: Key) -> str:
    """Which cluster the removal of a bundle waits for that may never answer, and why; empty when there is none."""
    page = store.deployments(Query(limit=LOOKED_AT), bundle=bundle)
    for deployment in page.items:
        cluster = _cluster_of(store, deployment)
        reason = (_silent(cluster) if cluster else "") or _refused(deployment)
        if cluster and reason:
            more = f", and from {page.count - 1} more" if page.count > 1 else ""
            place = f"{cluster.metadata.namespace}/{cluster.metadata.name}"
            return f"is still to be removed from cluster {place}{more}: {reason} ({WAY_OUT})"
    return ""


def _cluster_of(store: Store, deployment: BundleDeployment) -> Cluster | None:
    labels = deployment.metadata.labels
    return store.find(Cluster, labels["fleet.cattle.io/cluster-namespace"], labels["fleet.cattle.io/cluster"])


def _silent(cluster: Cluster) -> str:
    """Why a cluster does not do what it is told, as far as anybody knows."""
    told = unreachable(cluster)
    return (told.message if told else "") or ("" if cluster.status.agent.last_seen else "nobody has ever heard of it")


def _refused(deployment: BundleDeployment) -> str:
    """Why a deployment is still there, in the words of who is to remove it."""
    told = next((c.message for c in deployment.status.conditions if c.type == "Deployed"), "")
    return told.removeprefix(NOT_REMOVED) if told.startswith(NOT_REMOVED) else ""
