"""What a cluster that was moved brought along from its old workspace, and is to be rid of (`fleet-semantics.md` 3.8).

What is new is applied before what is old is removed: a release that a bundle of the new workspace replaces goes once that one's own
is there.
"""

from __future__ import annotations

import msgspec

from extension.delivery.protocol import Release
from extension.engine.agent import Agent
from extension.objects.kinds import Cluster
from extension.objects.moving import LEAVING, Leaving, decoded_leaving, with_marks
from extension.store.protocol import Assigned, Store


def leave(store: Store, agent: Agent) -> bool:
    """Removes what the new workspace does not want, and then its mark; whether nothing is left to do. Raises Unavailable when the
    cluster does not answer."""
    releases = agent.delivery.releases()
    cluster = store.find(Cluster, agent.key.namespace, agent.key.name)
    if cluster is None or LEAVING not in cluster.metadata.annotations:
        return True
    with agent.lock:
        wanted = {item.bundle.name: item for item in agent.items.values() if item.is_wanted}
    waits: set[Leaving] = set()
    for mark in decoded_leaving(cluster.metadata.annotations[LEAVING]):
        item = wanted.get(mark.bundle)
        if mark.replaced if item is None else not is_placed(item):
            waits.add(mark)
        else:
            _remove(agent, mark, item, [one for one in releases if one.bundle == mark.bundle])
    kept = with_marks(cluster, waits)
    if kept != cluster:
        store.update(kept)
    return not waits


def _remove(agent: Agent, mark: Leaving, item: Assigned | None, releases: list[Release]) -> None:
    kept = mark.keep or any(release.keep_resources for release in releases)
    for release in releases:
        if not is_of(item, release):
            agent.delivery.remove(msgspec.structs.replace(release, keep_resources=mark.keep or release.keep_resources))
    if item is None and not kept:
        agent.delivery.withdraw(mark.bundle)


def is_of(item: Assigned | None, release: Release) -> bool:
    """Whether a release is the one that a deployment has."""
    return item is not None and item.status.release.rpartition(":")[0] == f"{release.namespace}/{release.name}"


def is_placed(item: Assigned) -> bool:
    """Whether a deployment has the release yet that it is to have: one that is being made under another name is no old one."""
    return bool(item.status.release) and item.status.applied_deployment_id == item.deployment_id
