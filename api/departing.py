"""Deleting a cluster: what is taken off it is counted and confirmed with its name, and its own agent is let go.

A deletion is done when the cluster says so (`objects.departing`). Who does not want to wait for one that is dead asks again, to keep what
is on it. On a Rancher server clusters and what is on them are Fleet's and Rancher's.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from marshmallow import fields

from api.nouns import Call, Write
from api.schemas import CONFIRM
from api.writing import deleted
from extension.objects.base import Key, Object
from extension.objects.departing import FINALIZER, departing, has_agent
from extension.objects.errors import Conflict
from extension.objects.kinds import Cluster
from extension.objects.marks import AGENT_FINALIZER
from extension.objects.presence import before
from extension.settings import FLEET
from extension.store.protocol import Query

_KEEP = "what is deployed stays on the cluster; asked again, the cluster is gone at once"
DELETION: dict[str, fields.Field[Any]] = {
    **CONFIRM,
    "keepResources": fields.Boolean(truthy={"true"}, falsy={"false"}, load_default=False, metadata={"description": _KEEP}),
}
_TELLS = 3
"""So many bundles are named."""


def confirmed(write: Write) -> None:
    """Raises Conflict, which says what would go, unless the deletion of a cluster with deployments was confirmed."""
    name, call = write.new.metadata.name, write.call
    page = call.services.store.deployments(Query(limit=_TELLS), cluster=write.new.key)
    if not page.count or call.confirm == name:
        return
    bundles = ", ".join(one.metadata.labels["fleet.cattle.io/bundle-name"] for one in page.items)
    more = f" and {page.count - _TELLS} more" if page.count > _TELLS else ""
    raise Conflict(
        f"cluster {name} has {page.count} deployments: {bundles}{more}",
        where=str(write.new.key),
        hint=f"send confirm={name}: they are taken off it first; with keepResources=true they stay on it",
    )


def delete(call: Call, cluster: Cluster) -> Object:
    """Deletes a cluster, or says that it is to go: it is gone when nothing is deployed and its agent knows."""
    if call.services.settings.engine == FLEET:
        return deleted(call, cluster)
    waits = _waits(call, cluster)
    if waits:
        wanted = departing(cluster, FINALIZER, dismissed=call.keep_resources)
    else:
        wanted = departing(cluster, without=(FINALIZER, AGENT_FINALIZER) if call.keep_resources else (FINALIZER,))
    if cluster.metadata.deletion_timestamp:
        return call.services.store.update(wanted, dry_run=call.dry_run)
    if call.dry_run or wanted == cluster:
        return deleted(call, cluster)
    return deleted(call, call.services.store.update(wanted))


def _waits(call: Call, cluster: Cluster) -> bool:
    """Whether somebody has to do something before the cluster can be gone."""
    if not has_agent(cluster):
        return not call.keep_resources and _holds(call, cluster.key)
    offline = cluster.status.agent.last_seen < before(datetime.now(UTC), call.services.settings.offline_after)
    return not (call.keep_resources and (offline or cluster.metadata.deletion_timestamp))


def _holds(call: Call, cluster: Key) -> bool:
    return call.services.store.deployments(Query(limit=1), cluster=cluster).count > 0
