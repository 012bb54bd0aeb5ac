"""Work as the store has it, and as agents are told it. Pure."""

from __future__ import annotations

from extension.objects.agents import WorkItem
from extension.objects.base import Key
from extension.objects.kinds import Bundle, BundleDeploymentStatus
from extension.store.protocol import Assigned

_SAME = (
    "bundle_id",
    "revision",
    "labels",
    "deployment_id",
    "staged_deployment_id",
    "options",
    "content_sha256",
    "commit",
    "depends_on",
    "paused",
    "deleting",
    "chart",
    "coming",
    "held",
)


def told(item: Assigned, whole: bool) -> WorkItem:
    """What an agent is told; with `whole` also what it reported last."""
    same = {name: getattr(item, name) for name in _SAME}
    return WorkItem(bundle_namespace=item.bundle.namespace, bundle_name=item.bundle.name, status=item.status if whole else None, **same)


def assigned(item: WorkItem, cluster_id: int) -> Assigned:
    """What an agent was told, as the engine's own agents have it."""
    same = {name: getattr(item, name) for name in _SAME}
    bundle = Key(Bundle.KIND, item.bundle_namespace, item.bundle_name)
    return Assigned(bundle=bundle, cluster_id=cluster_id, status=item.status or BundleDeploymentStatus(), **same)
