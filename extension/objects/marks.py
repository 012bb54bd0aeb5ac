"""What is asked of clusters again and again, as bits beside the document: a million documents are never opened to find a few.

The store writes a cluster's marks with it and finds the clusters of a mark by an index.
"""

from __future__ import annotations

from enum import IntFlag

from extension.objects.kinds import Cluster
from extension.objects.names import registered_cluster_name

DIRECTORY = "continuous-delivery.cattle.io/directory"
"""Annotation: `true` on a cluster whose manifests go to a folder."""
DISMISSED = "continuous-delivery.cattle.io/dismissed"
"""Annotation of a cluster that is being deleted: its agent is to be let go."""

_RETURNED = ("fleet.cattle.io/", "management.cattle.io/")


class Mark(IntFlag):
    """`BARE`: templates see no label of it. `SERVED`: by the service itself, and not by an agent that asks for its work. `CLIENT`:
    somebody gave it a clientID and another name than registration does. `DELETING`, `DISMISSED`: see `objects.departing`."""

    PAUSED = 1
    UNPLACED = 2
    SCHEDULED = 4
    OFF_SCHEDULE = 8
    BARE = 16
    SERVED = 32
    CLIENT = 64
    DELETING = 128
    DISMISSED = 256


def marks(cluster: Cluster) -> Mark:
    """The marks of a cluster."""
    status, spec = cluster.status, cluster.spec
    holds = {
        Mark.PAUSED: spec.paused,
        Mark.UNPLACED: not status.namespace,
        Mark.SCHEDULED: status.scheduled,
        Mark.OFF_SCHEDULE: status.scheduled and not status.active_schedule,
        Mark.BARE: not any(visible(key) for key in cluster.metadata.labels),
        Mark.SERVED: bool(spec.kube_config_secret) or cluster.metadata.annotations.get(DIRECTORY) == "true" or _is_local(cluster),
        Mark.CLIENT: bool(spec.client_id) and cluster.metadata.name != registered_cluster_name(spec.client_id),
        Mark.DELETING: bool(cluster.metadata.deletion_timestamp),
        Mark.DISMISSED: DISMISSED in cluster.metadata.annotations,
    }
    return Mark(sum(mark for mark, held in holds.items() if held))


def _is_local(cluster: Cluster) -> bool:
    return (cluster.metadata.namespace, cluster.metadata.name) == ("fleet-local", "local")


def exported(key: str) -> bool:
    """Whether a label or annotation is none of Kubernetes' and Rancher's own (`fleet-semantics.md` 2.7)."""
    return not key.startswith("kubectl.kubernetes.io/") and "cattle.io/" not in key


def visible(key: str) -> bool:
    """Whether templates see a cluster label: exported ones, and those of Fleet and Rancher's management."""
    return exported(key) or key.startswith(_RETURNED)
