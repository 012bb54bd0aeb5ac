"""What a cluster that was moved brought along from its old workspace, and is to be rid of (`fleet-semantics.md` 3.8)."""

from __future__ import annotations

import msgspec

from extension.engine.agent import Agent
from extension.objects.kinds import Cluster
from extension.store.protocol import Store

LEAVING = "continuous-delivery.cattle.io/leaving"
"""Annotation of a cluster that was moved: the bundles, comma-separated, that are still to be removed from it."""


def leave(store: Store, agent: Agent) -> None:
    """Removes what the new workspace does not want, and then the mark. Raises Unavailable when the cluster does not answer."""
    releases = agent.delivery.releases()
    cluster = store.find(Cluster, agent.key.namespace, agent.key.name)
    if cluster is None or LEAVING not in cluster.metadata.annotations:
        return
    leaving = set(cluster.metadata.annotations[LEAVING].split(",")) - {bundle.name for bundle in agent.items}
    for release in releases:
        if release.bundle in leaving:
            agent.delivery.remove(release)
    for bundle in sorted(leaving - {release.bundle for release in releases if release.keep_resources}):
        agent.delivery.withdraw(bundle)
    annotations = {key: value for key, value in cluster.metadata.annotations.items() if key != LEAVING}
    meta = msgspec.structs.replace(cluster.metadata, annotations=annotations)
    store.update(msgspec.structs.replace(cluster, metadata=meta))
