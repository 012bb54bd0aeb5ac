"""Whether an object on a cluster is ready, and if not, why: rules of kstatus and of Fleet's summarizers (`fleet-semantics.md` 4.7).

Pure: an object and the time in, a summary out. Its conditions are judged first, then the rule of its kind. Ready means
neither an error nor on its way. Pods are judged by their rule alone: the tables would call one that starts an error.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from extension.delivery import conditions
from extension.objects.status import ResourceSummary

Object = dict[str, Any]
UNSCHEDULABLE_SECONDS = 15.0
NO_DEADLINE = 2**31 - 1

READY = ResourceSummary(state="active")


class _Late(msgspec.Struct, frozen=True):
    """Not ready: with an error, or on its way."""

    message: str
    error: bool = False
    state: str = ""


def compute(obj: Object, now: datetime) -> ResourceSummary:
    """The state of one live object in Fleet's words, `active` when it is ready, with messages for people."""
    if _at(obj, "metadata", "deletionTimestamp"):
        return ResourceSummary(state="removing", transitioning=True, message=("Resource scheduled for deletion",))
    told = conditions.Told() if _group_kind(obj) == ("", "Pod") else conditions.judged(obj)
    late = _late(obj, now)
    if late is not None:
        told.state = told.state or late.state or ("failed" if late.error else "in-progress")
        told.error |= late.error
        told.transitioning |= not late.error
        told.messages.append(late.message)
    if not told.error and not told.transitioning:
        return READY
    state = told.state or ("error" if told.error else "in-progress")
    return ResourceSummary(state.lower(), told.error, told.transitioning, told.words())


def is_ready(summary: ResourceSummary) -> bool:
    return not summary.error and not summary.transitioning


def _group_kind(obj: Object) -> tuple[str, str]:
    return str(obj.get("apiVersion", "")).rpartition("/")[0], str(obj.get("kind", ""))


def _late(obj: Object, now: datetime) -> _Late | None:
    """The answer of kstatus: None when the object is as its specification wants it."""
    observed, generation = _at(obj, "status", "observedGeneration"), _at(obj, "metadata", "generation")
    if isinstance(observed, int) and isinstance(generation, int) and observed != generation:
        return _Late(f"{obj.get('kind')} generation is {generation}, but latest observed generation is {observed}")
    for one in conditions.of(obj):
        if one.get("type") in ("Reconciling", "Stalled") and one.get("status") == "True":
            return _Late(conditions.text(one), error=one["type"] == "Stalled")
    rule = _KINDS.get(_group_kind(obj))
    if rule is not None:
        return rule(obj, now)
    ready = _condition(obj, "Ready")
    return _Late(conditions.text(ready)) if ready.get("status") in ("False", "Unknown") else None


def _deployment(obj: Object, _now: datetime) -> _Late | None:
    progressing = _condition(obj, "Progressing")
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        return _Late("Progress deadline exceeded", error=True)
    wanted = _number(obj, "spec", "replicas", default=1)
    replicas, updated = _number(obj, "status", "replicas"), _number(obj, "status", "updatedReplicas")
    available, ready = _number(obj, "status", "availableReplicas"), _number(obj, "status", "readyReplicas")
    if replicas < wanted:
        return _Late(f"Replicas: {replicas}/{wanted}")
    if updated < wanted:
        return _Late(f"Updated: {updated}/{wanted}")
    if replicas > wanted:
        return _Late(f"Pending termination: {replicas - wanted}")
    if available < updated:
        return _Late(f"Available: {available}/{updated}")
    if ready < wanted:
        return _Late(f"Ready: {ready}/{wanted}")
    done = (progressing.get("status"), progressing.get("reason")) == ("True", "NewReplicaSetAvailable")
    if not done and _number(obj, "spec", "progressDeadlineSeconds", default=NO_DEADLINE) != NO_DEADLINE:
        return _Late("ReplicaSet not Available")
    return None if _condition(obj, "Available").get("status") == "True" else _Late("Deployment not Available")


def _stateful_set(obj: Object, _now: datetime) -> _Late | None:
    if _at(obj, "spec", "updateStrategy", "type") == "OnDelete":
        return None
    wanted = _number(obj, "spec", "replicas", default=1)
    replicas, ready = _number(obj, "status", "replicas"), _number(obj, "status", "readyReplicas")
    if replicas < wanted:
        return _Late(f"Replicas: {replicas}/{wanted}")
    if ready < wanted:
        return _Late(f"Ready: {ready}/{wanted}")
    if replicas > wanted:
        return _Late(f"Pending termination: {replicas - wanted}")
    partition = _number(obj, "spec", "updateStrategy", "rollingUpdate", "partition", default=-1)
    updated = _number(obj, "status", "updatedReplicas")
    if partition >= 0:
        return _Late(f"updated: {updated}/{wanted - partition}") if updated < wanted - partition else None
    if _number(obj, "status", "currentReplicas") < wanted:
        return _Late(f"current: {_number(obj, 'status', 'currentReplicas')}/{wanted}")
    if _at(obj, "status", "currentRevision") != _at(obj, "status", "updateRevision"):
        return _Late("Waiting for updated revision to match current")
    return None


def _daemon_set(obj: Object, _now: datetime) -> _Late | None:
    if _at(obj, "status", "observedGeneration") is None:  # its numbers are zero before a controller saw it
        return _Late("DaemonSet status.observedGeneration not found")
    if _at(obj, "status", "desiredNumberScheduled") is None:
        return _Late("Missing .status.desiredNumberScheduled")
    wanted = _number(obj, "status", "desiredNumberScheduled")
    numbers = {
        "Current": "currentNumberScheduled",
        "Updated": "updatedNumberScheduled",
        "Available": "numberAvailable",
        "Ready": "numberReady",
    }
    return _short(obj, wanted, numbers)


def _replica_set(obj: Object, _now: datetime) -> _Late | None:
    wanted = _number(obj, "spec", "replicas", default=1)
    numbers = {"Labelled": "fullyLabeledReplicas", "Available": "availableReplicas", "Ready": "readyReplicas"}
    extra = _number(obj, "status", "replicas") - wanted
    return _short(obj, wanted, numbers) or (_Late(f"Pending termination: {extra}") if extra > 0 else None)


def _short(obj: Object, wanted: int, numbers: dict[str, str]) -> _Late | None:
    """The first number in the status that is below the wanted one."""
    for word, field in numbers.items():
        have = _number(obj, "status", field)
        if have < wanted:
            return _Late(f"{word}: {have}/{wanted}")
    return None


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
        return None if _condition(obj, "Ready").get("status") == "True" else _Late("Pod is running but is not Ready")
    scheduled = _condition(obj, "PodScheduled")
    if scheduled.get("reason") == "Unschedulable":
        since = _age(scheduled.get("lastTransitionTime"), now)
        return _Late(str(scheduled.get("message") or "Pod could not be scheduled"), error=since > UNSCHEDULABLE_SECONDS)
    return _Late("Pod has not started")


def _job(obj: Object, _now: datetime) -> _Late | None:
    """A Job is ready once it completed: what depends on it must not start before (`users.md` 21). A suspended one waits for nothing."""
    if _condition(obj, "Failed").get("status") == "True":
        return _Late(conditions.text(_condition(obj, "Failed")) or "Job failed", error=True)
    over = any(_condition(obj, type_).get("status") == "True" for type_ in ("Complete", "Suspended"))
    return None if over else _Late("Job has not completed")


def _service(obj: Object, _now: datetime) -> _Late | None:
    if _at(obj, "spec", "type") != "LoadBalancer":
        return None
    if not _at(obj, "spec", "clusterIP"):
        return _Late("ClusterIP not set. Service type: LoadBalancer")
    balanced = _at(obj, "status", "loadBalancer", "ingress")
    return None if balanced else _Late("Load balancer is being provisioned", state="pending")


def _claim(obj: Object, _now: datetime) -> _Late | None:
    phase = _at(obj, "status", "phase") or "unknown"
    return None if phase == "Bound" else _Late(f"PVC is not Bound. phase: {phase}")


def _crd(obj: Object, _now: datetime) -> _Late | None:
    for one in conditions.of(obj):
        if one.get("type") == "NamesAccepted" and one.get("status") == "False":
            return _Late(conditions.text(one) or "Names are not accepted", error=True)
        if one.get("type") == "Established" and one.get("status") == "True":
            return None
        if one.get("type") == "Established" and one.get("status") == "False" and one.get("reason") != "Installing":
            return _Late(conditions.text(one) or "CRD is not established", error=True)
    return _Late("Install in progress")


def _settled(_obj: Object, _now: datetime) -> _Late | None:
    """Kinds that are ready as soon as they are seen."""
    return None


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
    ("policy", "PodDisruptionBudget"): _settled,
    ("batch", "CronJob"): _settled,
    ("", "ConfigMap"): _settled,
    ("", "Secret"): _settled,
}


def without_ignored(obj: Object, ignored: tuple[dict[str, str], ...]) -> Object:
    """The object without the conditions that an entry of `ignore.conditions` describes whole (2.10)."""
    found = conditions.of(obj)
    if not ignored or not found:
        return obj
    kept = [c for c in found if not any(all(str(c.get(k)) == v for k, v in entry.items()) for entry in ignored)]
    return {**obj, "status": {**obj["status"], "conditions": kept}}


def _condition(obj: Object, type_: str) -> dict[str, Any]:
    return next((one for one in conditions.of(obj) if one.get("type") == type_), {})


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
