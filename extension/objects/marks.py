"""What is asked of clusters again and again, as bits beside the document: a million documents are never opened to find a few.

The store writes a cluster's marks with it and finds the clusters of a mark by an index.
"""

from __future__ import annotations

from enum import IntFlag

from extension.objects.base import Key
from extension.objects.kinds import Cluster
from extension.objects.names import LOCAL_CLUSTER, LOCAL_WORKSPACE, registered_cluster_name

DIRECTORY = "continuous-delivery.cattle.io/directory"
"""Annotation: `true` on a cluster whose manifests go to a folder."""
AGENT = "continuous-delivery.cattle.io/agent"
"""Annotation: `true` on a cluster with a kubeconfig that is to have an agent, which the hub installs (`engine.installing`)."""
DISMISSED = "continuous-delivery.cattle.io/dismissed"
"""Annotation of a cluster that is being deleted: its agent is to be let go."""
AGENT_FINALIZER = "continuous-delivery.cattle.io/agent"
"""On a cluster whose agent the hub installed, until it took that away again."""

_RETURNED = ("fleet.cattle.io/", "management.cattle.io/")


class Mark(IntFlag):
    """`BARE`: templates see no label of it. `SERVED`: by the service itself, and not by an agent that asks for its work. `CLIENT`:
    somebody gave it a clientID and another name than registration does. `DELETING`, `DISMISSED`: see `objects.departing`.
    `INSTALLED`: its agent is installed by the hub, or is still to be taken away."""

    PAUSED = 1
    UNPLACED = 2
    SCHEDULED = 4
    OFF_SCHEDULE = 8
    BARE = 16
    SERVED = 32
    CLIENT = 64
    DELETING = 128
    DISMISSED = 256
    INSTALLED = 512


def marks(cluster: Cluster) -> Mark:
    """The marks of a cluster."""
    status, spec = cluster.status, cluster.spec
    installed = wants_agent(cluster)
    holds = {
        Mark.PAUSED: spec.paused,
        Mark.UNPLACED: not status.namespace,
        Mark.SCHEDULED: status.scheduled,
        Mark.OFF_SCHEDULE: status.scheduled and not status.active_schedule,
        Mark.BARE: not any(visible(key) for key in cluster.metadata.labels),
        Mark.SERVED: not installed and (bool(spec.kube_config_secret) or is_directory(cluster)),
        Mark.CLIENT: bool(spec.client_id) and cluster.metadata.name != registered_cluster_name(spec.client_id),
        Mark.DELETING: bool(cluster.metadata.deletion_timestamp),
        Mark.DISMISSED: DISMISSED in cluster.metadata.annotations,
        Mark.INSTALLED: installed or AGENT_FINALIZER in cluster.metadata.finalizers,
    }
    return Mark(sum(mark for mark, held in holds.items() if held))


def wants_agent(cluster: Cluster) -> bool:
    """Whether the hub is to install the agent of a cluster, and not to reach it itself."""
    return bool(cluster.spec.kube_config_secret) and cluster.metadata.annotations.get(AGENT) == "true"


def is_directory(cluster: Cluster) -> bool:
    """Whether the cluster is a folder, unless a kubeconfig was named for it."""
    return cluster.metadata.annotations.get(DIRECTORY) == "true" or is_local(cluster.key)


def is_local(key: Key) -> bool:
    return (key.namespace, key.name) == (LOCAL_WORKSPACE, LOCAL_CLUSTER)


def exported(key: str) -> bool:
    """Whether a label or annotation is none of Kubernetes' and Rancher's own (`fleet-semantics.md` 2.7)."""
    return not key.startswith("kubectl.kubernetes.io/") and "cattle.io/" not in key


def visible(key: str) -> bool:
    """Whether templates see a cluster label: exported ones, and those of Fleet and Rancher's management."""
    return exported(key) or key.startswith(_RETURNED)
