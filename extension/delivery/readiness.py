"""Whether an object on a cluster is ready, and if not, why: rules of kstatus and of Fleet's summarizers (`fleet-semantics.md` 4.7).

Pure: an object and the time in, a summary out. Generic rules come first, then a table of kinds, then conditions. Ready
means neither an error nor on its way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import msgspec

from extension.objects.status import ResourceSummary

Object = dict[str, Any]
UNSCHEDULABLE_SECONDS = 15.0

READY = ResourceSummary(state="active")


class _Late(msgspec.Struct, frozen=True):
    """Not ready: with an error, or on its way."""

    message: str
    error: bool = False


def compute(obj: Object, now: datetime) -> ResourceSummary:
    """The state of one live object: `active`, `in-progress`, `failed` or `removing`, with messages for people."""
    if _at(obj, "metadata", "deletionTimestamp"):
        return ResourceSummary(state="removing", transitioning=True)
    late = _late(obj, now)
    if late is None:
        return READY
    state = "failed" if late.error else "in-progress"
    return ResourceSummary(state=state, error=late.error, transitioning=not late.error, message=(late.message,) if late.message else ())


def is_ready(summary: ResourceSummary) -> bool:
    return not summary.error and not summary.transitioning


def _late(obj: Object, now: datetime) -> _Late | None:
    observed, generation = _at(obj, "status", "observedGeneration"), _at(obj, "metadata", "generation")
    if isinstance(observed, int) and isinstance(generation, int) and observed < generation:
        return _Late(f"generation is {generation}, but latest observed generation is {observed}")
    failed = next(_failures(obj), None)
    if failed is not None:
        return failed
    group = str(obj.get("apiVersion", "")).rpartition("/")[0]
    rule = _KINDS.get((group, str(obj.get("kind", ""))))
    return rule(obj, now) if rule else _generic(obj)


def _failures(obj: Object) -> Iterator[_Late]:
    """Conditions that mean an error on any kind."""
    group_kind = (str(obj.get("apiVersion", "")).rpartition("/")[0], str(obj.get("kind", "")))
    bad = _ERROR_CONDITIONS.get(group_kind, _FALLBACK_ERRORS)
    for one in _conditions(obj):
        if (one.get("type"), one.get("status")) in bad or one.get("reason") == "Error":
            yield _Late(str(one.get("message") or one.get("reason") or one.get("type")), error=True)


_FALLBACK_ERRORS = frozenset({("Stalled", "True"), ("Failed", "True")})
_ERROR_CONDITIONS: dict[tuple[str, str], frozenset[tuple[str, str]]] = {
    ("helm.cattle.io", "HelmChart"): frozenset({("Failed", "True")}),
    ("apps", "Deployment"): frozenset({("ReplicaFailure", "True"), ("Progressing", "False")}),
    ("apps", "ReplicaSet"): frozenset({("ReplicaFailure", "True")}),
    ("", "Node"): frozenset({(t, "True") for t in ("OutOfDisk", "MemoryPressure", "DiskPressure", "NetworkUnavailable")}),
}


_ACHIEVED = frozenset((
    "Active", "AddonDeploy", "AgentDeployed", "BackingNamespaceCreated", "Built", "CertsGenerated", "ConfigOK", "Created",
    "CreatorMadeOwner", "DefaultNamespaceAssigned", "DefaultNetworkPolicyCreated", "DefaultProjectCreated", "Deployed",
    "DockerProvisioned", "Downloaded", "Drained", "etcd", "Inactive", "Initialized", "InitialRolesPopulated", "Installed", "NodesCreated",
    "Pending", "PodScheduled", "Processed", "Provisioned", "Reconciled", "Refreshed", "Registered", "Removed", "RunCompleted", "Saved",
    "ScalingActive", "AbleToScale", "Updated", "Updating", "Upgraded", "Waiting",
))  # fmt: skip
"""Conditions of which False is an error and Unknown means on its way, on every kind without rules of its own, as Fleet has it."""
_BECOMING = frozenset(("Completed", "Ready", "Available", "BootstrapReady", "InfrastructureReady", "NodeHealthy"))
"""Conditions of which False means on its way and Unknown, with a message, is an error."""


def _generic(obj: Object) -> _Late | None:
    """A kind without rules of its own: what its conditions say, errors first, else it is ready."""
    late = [found for one in _conditions(obj) if (found := _judged(one))]
    return next((one for one in late if one.error), late[0] if late else None)


def _judged(one: dict[str, Any]) -> _Late | None:
    type_, status, message = one.get("type"), one.get("status"), str(one.get("message") or one.get("reason") or "")
    if (type_, status) == ("Reconciling", "True"):
        return _Late(message)
    if status not in ("False", "Unknown"):
        return None
    if type_ in _ACHIEVED:
        return _Late(message, error=status == "False")
    return _Late(message, error=status == "Unknown" and bool(message)) if type_ in _BECOMING else None


def _deployment(obj: Object, _now: datetime) -> _Late | None:
    wanted = _number(obj, "spec", "replicas", default=1)
    replicas, updated = _number(obj, "status", "replicas"), _number(obj, "status", "updatedReplicas")
    available = _number(obj, "status", "availableReplicas")
    if updated < wanted:
        return _Late(f"Updated: {updated}/{wanted}")
    if replicas > wanted:
        return _Late(f"Pending termination: {replicas - wanted}")
    if available < updated:
        return _Late(f"Available: {available}/{updated}")
    return None


def _stateful_set(obj: Object, _now: datetime) -> _Late | None:
    if _at(obj, "spec", "updateStrategy", "type") == "OnDelete":
        return None
    wanted = _number(obj, "spec", "replicas", default=1)
    replicas, ready = _number(obj, "status", "replicas"), _number(obj, "status", "readyReplicas")
    if replicas < wanted or ready < wanted:
        return _Late(f"Ready: {ready}/{wanted}")
    if replicas > wanted:
        return _Late(f"Pending termination: {replicas - wanted}")
    partition = _number(obj, "spec", "updateStrategy", "rollingUpdate", "partition")
    updated = _number(obj, "status", "updatedReplicas")
    if partition:
        return _Late(f"updated: {updated}/{wanted - partition}") if updated < wanted - partition else None
    if _number(obj, "status", "currentReplicas") < wanted:
        return _Late(f"current: {_number(obj, 'status', 'currentReplicas')}/{wanted}")
    if _at(obj, "status", "currentRevision") != _at(obj, "status", "updateRevision"):
        return _Late("Waiting for updated revision to match current")
    return None


def _daemon_set(obj: Object, _now: datetime) -> _Late | None:
    if _at(obj, "status", "desiredNumberScheduled") is None:
        return _Late("Missing .status.desiredNumberScheduled")
    wanted = _number(obj, "status", "desiredNumberScheduled")
    for field in ("currentNumberScheduled", "updatedNumberScheduled", "numberAvailable", "numberReady"):
        have = _number(obj, "status", field)
        if have < wanted:
            return _Late(f"{field}: {have}/{wanted}")
    return None


def _replica_set(obj: Object, _now: datetime) -> _Late | None:
    wanted = _number(obj, "spec", "replicas", default=1)
    for field in ("fullyLabeledReplicas", "availableReplicas", "readyReplicas"):
        if _number(obj, "status", field) < wanted:
            return _Late(f"{field}: {_number(obj, 'status', field)}/{wanted}")
    replicas = _number(obj, "status", "replicas")
    return _Late(f"Pending termination: {replicas - wanted}") if replicas > wanted else None


def _pod(obj: Object, now: datetime) -> _Late | None:
    phase = _at(obj, "status", "phase")
    if phase == "Succeeded":
        return None
    if phase == "Failed":
        return _Late(str(_at(obj, "status", "message") or "Pod has failed"), error=True)
    for one in (*(_at(obj, "status", "initContainerStatuses") or ()), *(_at(obj, "status", "containerStatuses") or ())):
        waiting = _at(one, "state", "waiting") or {}
        if waiting.get("reason") in ("CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull", "CreateContainerConfigError"):
            return _Late(f"{one.get('name')}: {waiting['reason']}: {waiting.get('message', '')}".rstrip(": "), error=True)
    if phase == "Running":
        ready = next((c for c in _conditions(obj) if c.get("type") == "Ready"), {})
        return None if ready.get("status") == "True" else _Late("Pod is running but is not Ready")
    scheduled = next((c for c in _conditions(obj) if c.get("type") == "PodScheduled"), {})
    if scheduled.get("reason") == "Unschedulable":
        since = _age(scheduled.get("lastTransitionTime"), now)
        return _Late(str(scheduled.get("message") or "Pod could not be scheduled"), error=since > UNSCHEDULABLE_SECONDS)
    return _Late("Pod has not started")


def _job(obj: Object, _now: datetime) -> _Late | None:
    """A Job is ready once it completed: what depends on it must not start before (`users.md` 21)."""
    for one in _conditions(obj):
        if one.get("type") == "Failed" and one.get("status") == "True":
            return _Late(str(one.get("message") or "Job failed"), error=True)
        if one.get("type") == "Complete" and one.get("status") == "True":
            return None
    return _Late("Job has not completed")


def _service(obj: Object, _now: datetime) -> _Late | None:
    if _at(obj, "spec", "type") != "LoadBalancer":
        return None
    return None if _at(obj, "status", "loadBalancer", "ingress") else _Late("Load balancer has no address yet")


def _claim(obj: Object, _now: datetime) -> _Late | None:
    return None if _at(obj, "status", "phase") == "Bound" else _Late("PVC is not Bound")


def _crd(obj: Object, _now: datetime) -> _Late | None:
    for one in _conditions(obj):
        if one.get("type") == "NamesAccepted" and one.get("status") == "False":
            return _Late(str(one.get("message") or "Names are not accepted"), error=True)
        if one.get("type") == "Established":
            return None if one.get("status") == "True" else _Late(str(one.get("message") or "CRD is not established"))
    return _Late("Install in progress")


def _budget(obj: Object, _now: datetime) -> _Late | None:
    current, wanted = _number(obj, "status", "currentHealthy"), _number(obj, "status", "desiredHealthy")
    return _Late(f"Budget not met: {current}/{wanted}") if current < wanted else None


_KINDS: dict[tuple[str, str], Callable[[Object, datetime], _Late | None]] = {
    ("apps", "Deployment"): _deployment,
    ("apps", "StatefulSet"): _stateful_set,
    ("apps", "DaemonSet"): _daemon_set,
    ("apps", "ReplicaSet"): _replica_set,
    ("", "Pod"): _pod,
    ("batch", "Job"): _job,
    ("", "Service"): _service,
    ("", "PersistentVolumeClaim"): _claim,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _crd,
    ("policy", "PodDisruptionBudget"): _budget,
}


def without_ignored(obj: Object, ignored: tuple[dict[str, str], ...]) -> Object:
    """The object without the conditions that an entry of `ignore.conditions` describes whole (2.10)."""
    if not ignored or not _conditions(obj):
        return obj
    kept = [c for c in _conditions(obj) if not any(all(str(c.get(k)) == v for k, v in entry.items()) for entry in ignored)]
    return {**obj, "status": {**obj["status"], "conditions": kept}}


def _conditions(obj: Object) -> list[dict[str, Any]]:
    found = _at(obj, "status", "conditions")
    return [c for c in found if isinstance(c, dict)] if isinstance(found, list) else []


def _at(obj: Any, *path: str) -> Any:
    for step in path:
        obj = obj.get(step) if isinstance(obj, dict) else None
    return obj


def _number(obj: Object, *path: str, default: int = 0) -> int:
    found = _at(obj, *path)
    return found if isinstance(found, int) else default


def _age(moment: Any, now: datetime) -> float:
    try:
        return (now - datetime.fromisoformat(str(moment).replace("Z", "+00:00"))).total_seconds()
    except ValueError:
        return 0.0
