"""A cluster that is being deleted: what was deployed is taken off it, then its own agent is let go, and then it is gone. Pure.

Fleet deletes the cluster's namespace, and leaves what is on the cluster to nobody (`fleet-semantics.md` 3.8).
"""

from __future__ import annotations

import msgspec

from extension.objects.kinds import Cluster
from extension.objects.marks import DISMISSED, Mark, marks

FINALIZER = "continuous-delivery.cattle.io/cluster"


def has_agent(cluster: Cluster) -> bool:
    """Whether an agent of its own speaks for the cluster, which would register it again if nobody told it that it is let go."""
    return bool(cluster.status.agent.last_seen) and Mark.SERVED not in marks(cluster)


def departing(cluster: Cluster, *finalizers: str, without: tuple[str, ...] = (), dismissed: bool = False) -> Cluster:
    """The cluster with these finalizers too, and `without` others; `dismissed` when its agent is to be let go, whatever is still on it."""
    told = {DISMISSED: "true"} if dismissed else {}
    kept = (one for one in (*cluster.metadata.finalizers, *finalizers) if one not in without)
    notes = {**cluster.metadata.annotations, **told}
    meta = msgspec.structs.replace(cluster.metadata, finalizers=tuple(dict.fromkeys(kept)), annotations=notes)
    return msgspec.structs.replace(cluster, metadata=meta)
