"""Objects as a Kubernetes API shows them (`fleet-semantics.md` 1.2 to 1.9, 1.19).

Go writes some numbers of a status also when they are zero, and the status of every condition. Stored documents leave them out,
since there are a million of them; but who reads `.status.summary.ready` wants 0 and not nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from extension.objects.base import Condition, Object, document
from extension.objects.status import ResourceCounts

Zeros = Mapping[str, Any]

_COUNTS: Zeros = {field.encode_name: 0 for field in msgspec.structs.fields(ResourceCounts)}
_SUMMARY: Zeros = {"ready": 0, "desiredReady": 0}
_SUMS: Zeros = {"summary": _SUMMARY, "resourceCounts": _COUNTS}
_OF_BUNDLES: Zeros = {"readyClusters": 0, "desiredReadyClusters": 0, **_SUMS}
_ROLLOUT = ("unavailable", "unavailablePartitions", "maxUnavailable", "maxUnavailablePartitions", "observedGeneration")
_ZEROS: Mapping[str, Zeros] = {
    "GitRepo": {"observedGeneration": 0, **_OF_BUNDLES},
    "HelmOp": _OF_BUNDLES,
    "Bundle": {"summary": _SUMMARY, **dict.fromkeys(_ROLLOUT, 0)},
    "BundleDeployment": {"resourceCounts": _COUNTS},
    "Cluster": {**dict.fromkeys(("readyGitRepos", "desiredReadyGitRepos", "readyHelmOps", "desiredReadyHelmOps"), 0), **_SUMS},
    "ClusterGroup": {"clusterCount": 0, "nonReadyClusterCount": 0, **_SUMS},
}

_READY = "status.conditions[Ready].message"
_STATUS = ("Status", _READY)
COLUMNS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "GitRepo": (
        ("Repo", "spec.repo"),
        ("Commit", "status.commit"),
        ("BundleDeployments-Ready", "status.display.readyBundleDeployments"),
        _STATUS,
    ),
    "HelmOp": (
        ("Repo", "spec.helm.repo"),
        ("Chart", "spec.helm.chart"),
        ("Version", "status.version"),
        ("BundleDeployments-Ready", "status.display.readyBundleDeployments"),
        _STATUS,
    ),
    "Bundle": (("BundleDeployments-Ready", "status.display.readyClusters"), _STATUS),
    "BundleDeployment": (("Deployed", "status.display.deployed"), ("Monitored", "status.display.monitored"), _STATUS),
    "Cluster": (("Bundles-Ready", "status.display.readyBundles"), ("Last-Seen", "status.agent.lastSeen"), _STATUS),
    "ClusterGroup": (("Clusters-Ready", "status.display.readyClusters"), ("Bundles-Ready", "status.display.readyBundles"), _STATUS),
    "ImageScan": (("Repository", "spec.image"), ("Latest", "status.latestTag")),
    "Schedule": (
        ("Schedule", "spec.schedule"),
        ("Duration", "spec.duration"),
        ("Active", "status.active"),
        ("NextStart", "status.nextStartTime"),
    ),
    "ClusterRegistrationToken": (("Secret-Name", "status.secretName"),),
    "GitRepoRestriction": (("Default-ServiceAccount", "defaultServiceAccount"), ("Allowed-ServiceAccounts", "allowedServiceAccounts")),
}
"""What a table shows of a kind besides the name (1.19): titles, and paths in the document. `conditions[X]` is the condition of type X."""


def shown(obj: Object) -> dict[str, Any]:
    """The object as a Kubernetes document, with the zeros that Go writes."""
    body = document(obj)
    zeros = _ZEROS.get(obj.KIND)
    if zeros is not None:
        _fill(body.setdefault("status", {}), zeros)
    for condition in body.get("status", {}).get("conditions", ()):
        condition.setdefault("status", Condition().status)
    return body


def cells(kind: str, body: Mapping[str, Any]) -> list[Any]:
    """The row of a document in a table: its name and what its kind's columns say, an empty text for what is not there."""
    name = body.get("metadata", {}).get("name", "")
    return [name, *(at_path(body, path) for _, path in COLUMNS.get(kind, ()))]


def _fill(part: dict[str, Any], zeros: Zeros) -> None:
    for name, zero in zeros.items():
        if isinstance(zero, Mapping):
            _fill(part.setdefault(name, {}), zero)
        else:
            part.setdefault(name, zero)


def at_path(found: Any, path: str) -> Any:
    """What a path of COLUMNS leads to in a document; an empty text for nothing."""
    for step in path.split("."):
        name, _, type_ = step.rstrip("]").partition("[")
        found = found.get(name) if isinstance(found, Mapping) else None
        if type_:
            found = next((one for one in found or () if one.get("type") == type_), None)
    return "" if found is None else found
