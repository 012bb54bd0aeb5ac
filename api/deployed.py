"""The objects a deployment put on its cluster, each with its state (`fleet-semantics.md` 1.3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from api.access import BUNDLE_NAMESPACE
from extension.objects.base import to_builtins
from extension.objects.kinds import BundleDeployment
from extension.objects.states import changes_text
from extension.objects.status import FieldChange, ModifiedStatus, NonReadyStatus

BUNDLE_NAME = "fleet.cattle.io/bundle-name"
CLUSTER = "fleet.cattle.io/cluster"
CLUSTER_NAMESPACE = "fleet.cattle.io/cluster-namespace"

_Where = tuple[str, str, str, str]
_Said = tuple[str, str, tuple[FieldChange, ...]]
"""The state of an object, a message, and the fields that are not as deployed."""


def rows(deployment: BundleDeployment) -> Iterator[dict[str, Any]]:
    """A row an object, also for those that are missing. What an agent cut off (more than ten) is `Unknown`."""
    labels = deployment.metadata.labels
    common = {
        "bundle": f"{labels.get(BUNDLE_NAMESPACE, '')}/{labels.get(BUNDLE_NAME, '')}",
        "cluster": f"{labels.get(CLUSTER_NAMESPACE, '')}/{labels.get(CLUSTER, '')}",
        "bundleDeployment": f"{deployment.metadata.namespace}/{deployment.metadata.name}",
    }
    told = _told(deployment)
    default: _Said = (_default(deployment), "", ())
    owned = [(r.kind, r.api_version, r.namespace, r.name) for r in deployment.status.resources]
    for where in dict.fromkeys([*owned, *told]):
        yield _row(where, *told.get(where, default)) | common


def _told(deployment: BundleDeployment) -> dict[_Where, _Said]:
    """The objects the agent named, with what it said of them."""
    late, modified = deployment.status.non_ready_status, deployment.status.modified_status
    found: dict[_Where, _Said] = {_where(n): (n.summary.state, "; ".join(n.summary.message), ()) for n in late}
    return found | {_where(m): (_modified(m), changes_text(m), m.changes) for m in modified}


def _where(one: NonReadyStatus | ModifiedStatus) -> _Where:
    return one.kind, one.api_version, one.namespace, one.name


def _modified(status: ModifiedStatus) -> str:
    if status.delete:
        return "Orphaned"
    return "Missing" if status.missing else "Modified"


def _default(deployment: BundleDeployment) -> str:
    state = deployment.status.display.state or "Ready"
    if state not in ("NotReady", "Modified"):
        return state
    return "Unknown" if deployment.status.incomplete_state else "Ready"


def _row(where: _Where, state: str, message: str, changes: tuple[FieldChange, ...]) -> dict[str, Any]:
    kind, api_version, namespace, name = where
    group, slash, _ = api_version.partition("/")
    row = {
        "id": f"{namespace}/{name}" if namespace else name,
        "type": f"{group}.{kind.lower()}" if slash else kind.lower(),
        "apiVersion": api_version,
        "kind": kind,
        "namespace": namespace,
        "name": name,
        "state": state,
    }
    return row | ({"message": message} if message else {}) | ({"changes": to_builtins(changes)} if changes else {})
