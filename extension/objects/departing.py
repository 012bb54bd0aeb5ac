"""A cluster that is being deleted: what was deployed is taken off it, then its own agent is let go, and then it is gone. Pure.

Fleet deletes the cluster's namespace, and leaves what is on the cluster to nobody (`fleet-semantics.md` 3.8).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from extension.objects.kinds import Cluster
from extension.objects.marks import DISMISSED, Mark, marks

FINALIZER = "continuous-delivery.cattle.io/cluster"


def has_agent(cluster: Cluster) -> bool:
    """Whether an agent of its own speaks for the cluster, which would register it again if nobody told it that it is let go."""
    return bool(cluster.status.agent.last_seen) and Mark.SERVED not in marks(cluster)


def departing(cluster: Cluster, finalizers: Iterable[str], *, dismissed: bool = False) -> Cluster:
    """The cluster with these finalizers; `dismissed` when its agent is to be let go, whatever is still on it."""
    told = {DISMISSED: "true"} if dismissed else {}
    meta = msgspec.structs.replace(cluster.metadata, finalizers=tuple(finalizers), annotations={**cluster.metadata.annotations, **told})
    return msgspec.structs.replace(cluster, metadata=meta)
