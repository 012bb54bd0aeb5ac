"""When an object on a cluster is ready, by kind, and with what words it says that it is not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from extension.delivery.readiness import compute, is_ready, without_ignored
from extension.objects.status import ResourceSummary

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
ACTIVE, LATE, FAILED = "active", "late", "failed"


def obj(kind, status=None, spec=None, **meta):
    api_version, _, name = kind.rpartition(" ")
    return {"apiVersion": api_version or "v1", "kind": name, "metadata": {"name": "x", **meta}, "spec": spec or {}, "status": status or {}}


def cond(type_, status="True", **more):
    return {"type": type_, "status": status, **more}


def state(one):
    summary = compute(one, NOW)
    assert is_ready(summary) == (summary.state == "active")
    return FAILED if summary.error else LATE if summary.transitioning else ACTIVE


def told(one):
    return ", ".join(compute(one, NOW).message)


def replicas(total=2, updated=2, available=2, ready=None, conditions=None):
    told = [cond("Available"), cond("Progressing", reason="NewReplicaSetAvailable")] if conditions is None else conditions
    numbers = {"replicas": total, "updatedReplicas": updated, "availableReplicas": available}
    return {**numbers, "readyReplicas": available if ready is None else ready, "conditions": told}


MINIMUM = "Deployment does not have minimum availability."
TOO_FEW = cond("Available", "False", message=MINIMUM)
DEADLINE = cond("Progressing", "False", reason="ProgressDeadlineExceeded", message="timed out")
PROGRESSING = cond("Progressing", reason="ReplicaSetUpdated")
DEPLOYMENT = [
    ("all available", {"replicas": 2}, replicas(), ACTIVE, ""),
    ("one is the default", {}, replicas(1, 1, 1), ACTIVE, ""),
    ("scaled to none", {"replicas": 0}, replicas(0, 0, 0), ACTIVE, ""),
    ("just made", {"replicas": 2}, {}, LATE, "Replicas: 0/2"),
    ("pods are made", {"replicas": 2}, replicas(1, 1, 0), LATE, "Replicas: 1/2"),
    ("new pods are coming", {"replicas": 2}, replicas(3, 1, 2), LATE, "Updated: 1/2"),
    ("old pods are going", {"replicas": 2}, replicas(3, 2, 2), LATE, "Pending termination: 1"),
    ("scaled down", {"replicas": 1}, replicas(3, 3, 3), LATE, "Pending termination: 2"),
    ("not available yet", {"replicas": 2}, replicas(2, 2, 1), LATE, "Available: 1/2"),
    ("too few available", {"replicas": 2}, replicas(2, 2, 0, conditions=[TOO_FEW]), LATE, f"{MINIMUM}, Available: 0/2"),
    ("ready falls behind", {"replicas": 2}, replicas(2, 2, 2, ready=1), LATE, "Ready: 1/2"),
    ("availability not told", {}, replicas(1, 1, 1, conditions=[]), LATE, "Deployment not Available"),
    (
        "its set not told",
        {"progressDeadlineSeconds": 600},
        replicas(1, 1, 1, conditions=[cond("Available"), PROGRESSING]),
        LATE,
        "ReplicaSet not Available",
    ),
    ("no deadline", {}, replicas(1, 1, 1, conditions=[cond("Available"), PROGRESSING]), ACTIVE, ""),
    ("past its deadline", {}, replicas(1, 1, 0, conditions=[DEADLINE]), FAILED, "timed out, Progress deadline exceeded"),
    ("pods refused", {}, {"conditions": [cond("ReplicaFailure", message="quota")]}, FAILED, "quota, Replicas: 0/1"),
]


@pytest.mark.parametrize(("spec", "status", "wanted", "message"), [row[1:] for row in DEPLOYMENT], ids=[row[0] for row in DEPLOYMENT])
def test_a_deployment_is_ready_when_all_its_new_pods_are_available_and_no_old_one_is_left(spec, status, wanted, message):
    one = obj("apps/v1 Deployment", status, spec)
    assert (state(one), told(one)) == (wanted, message)


def rolling(**fields):
    return {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": fields}}


SETTLED = {"replicas": 2, "readyReplicas": 2, "currentReplicas": 2, "updatedReplicas": 2, "currentRevision": "a", "updateRevision": "a"}
STATEFUL_SET = [
    ("settled", {"replicas": 2}, SETTLED, ACTIVE),
    ("one is the default", {}, {**SETTLED, "replicas": 1, "readyReplicas": 1, "currentReplicas": 1}, ACTIVE),
    ("scaled to none", {"replicas": 0}, {}, ACTIVE),
    ("just made", {"replicas": 2}, {}, LATE),
    ("pods are made", {"replicas": 2}, {**SETTLED, "replicas": 1}, LATE),
    ("starting", {"replicas": 2}, {**SETTLED, "readyReplicas": 1}, LATE),
    ("scaled down", {"replicas": 1}, SETTLED, LATE),
    ("in the middle of an update", {"replicas": 2}, {**SETTLED, "currentReplicas": 1, "updateRevision": "b"}, LATE),
    ("at the end of an update", {"replicas": 2}, {**SETTLED, "updateRevision": "b"}, LATE),
    ("nobody updates it", {"replicas": 2, "updateStrategy": {"type": "OnDelete"}}, {"updateRevision": "b"}, ACTIVE),
    ("partition done", {"replicas": 2, **rolling(partition=1)}, {**SETTLED, "updatedReplicas": 1, "updateRevision": "b"}, ACTIVE),
    ("partition not done", {"replicas": 2, **rolling(partition=1)}, {**SETTLED, "updatedReplicas": 0, "updateRevision": "b"}, LATE),
    ("partition of none", {"replicas": 2, **rolling(partition=0)}, {**SETTLED, "currentReplicas": 0}, ACTIVE),
    ("partition of none, not done", {"replicas": 2, **rolling(partition=0)}, {**SETTLED, "updatedReplicas": 1}, LATE),
]


@pytest.mark.parametrize(("spec", "status", "wanted"), [row[1:] for row in STATEFUL_SET], ids=[row[0] for row in STATEFUL_SET])
def test_a_stateful_set_is_ready_when_its_update_went_as_far_as_it_may(spec, status, wanted):
    assert state(obj("apps/v1 StatefulSet", status, spec)) == wanted


def daemons(**less):
    numbers = {
        "desiredNumberScheduled": 3,
        "currentNumberScheduled": 3,
        "updatedNumberScheduled": 3,
        "numberAvailable": 3,
        "numberReady": 3,
        "observedGeneration": 1,
    }
    return {**numbers, **less}


OTHERS = [
    ("apps/v1 DaemonSet", {}, daemons(), ACTIVE),
    ("apps/v1 DaemonSet", {}, daemons(desiredNumberScheduled=0, numberReady=0), ACTIVE),
    ("apps/v1 DaemonSet", {}, {}, LATE),
    ("apps/v1 DaemonSet", {}, {"observedGeneration": 1}, LATE),
    ("apps/v1 DaemonSet", {}, {"desiredNumberScheduled": 0, "currentNumberScheduled": 0}, LATE),
    ("apps/v1 DaemonSet", {}, daemons(currentNumberScheduled=2), LATE),
    ("apps/v1 DaemonSet", {}, daemons(updatedNumberScheduled=2), LATE),
    ("apps/v1 DaemonSet", {}, daemons(numberAvailable=2), LATE),
    ("apps/v1 DaemonSet", {}, daemons(numberReady=2), LATE),
    ("apps/v1 ReplicaSet", {"replicas": 1}, {"replicas": 1, "fullyLabeledReplicas": 1, "availableReplicas": 1, "readyReplicas": 1}, ACTIVE),
    ("apps/v1 ReplicaSet", {"replicas": 1}, {"replicas": 1, "fullyLabeledReplicas": 1, "availableReplicas": 0, "readyReplicas": 1}, LATE),
    ("apps/v1 ReplicaSet", {"replicas": 1}, {"replicas": 2, "fullyLabeledReplicas": 2, "availableReplicas": 2, "readyReplicas": 2}, LATE),
    ("apps/v1 ReplicaSet", {"replicas": 0}, {}, ACTIVE),
    ("apps/v1 ReplicaSet", {}, {"conditions": [cond("ReplicaFailure", message="quota")]}, FAILED),
    ("batch/v1 Job", {}, {"conditions": [cond("Complete")]}, ACTIVE),
    ("batch/v1 Job", {}, {"active": 1}, LATE),
    ("batch/v1 Job", {}, {}, LATE),
    ("batch/v1 Job", {}, {"conditions": [cond("Failed", message="backoff limit")]}, FAILED),
    ("batch/v1 Job", {}, {"conditions": [cond("Complete", "False")]}, LATE),
    ("batch/v1 Job", {"suspend": True}, {"conditions": [cond("Suspended")]}, ACTIVE),
    ("batch/v1 Job", {}, {"conditions": [cond("Suspended", "False")]}, LATE),
    ("batch/v1 CronJob", {}, {}, ACTIVE),
    ("batch/v1 CronJob", {}, {"active": [{}], "lastScheduleTime": "then"}, ACTIVE),
    ("ReplicationController", {"replicas": 2}, {"replicas": 1}, ACTIVE),
    ("PersistentVolumeClaim", {}, {"phase": "Bound"}, ACTIVE),
    ("PersistentVolumeClaim", {}, {"phase": "Pending"}, LATE),
    ("PersistentVolumeClaim", {}, {}, LATE),
    ("Service", {}, {}, ACTIVE),
    ("Service", {"type": "ClusterIP"}, {"loadBalancer": {}}, ACTIVE),
    ("Service", {"type": "ExternalName", "externalName": "db.example.org"}, {"loadBalancer": {}}, ACTIVE),
    ("Service", {"type": "NodePort", "clusterIP": "10.0.0.1"}, {"loadBalancer": {}}, ACTIVE),
    ("Service", {"type": "LoadBalancer", "clusterIP": "10.0.0.1"}, {"loadBalancer": {}}, LATE),
    ("Service", {"type": "LoadBalancer"}, {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}, LATE),
    ("Service", {"type": "LoadBalancer", "clusterIP": "10.0.0.1"}, {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}, ACTIVE),
    ("networking.k8s.io/v1 Ingress", {}, {"loadBalancer": {}}, ACTIVE),
    ("networking.k8s.io/v1 NetworkPolicy", {}, {}, ACTIVE),
    ("apiextensions.k8s.io/v1 CustomResourceDefinition", {}, {}, LATE),
    ("apiextensions.k8s.io/v1 CustomResourceDefinition", {}, {"conditions": [cond("NamesAccepted"), cond("Established")]}, ACTIVE),
    ("apiextensions.k8s.io/v1 CustomResourceDefinition", {}, {"conditions": [cond("Established", "False", reason="Installing")]}, LATE),
    ("apiextensions.k8s.io/v1 CustomResourceDefinition", {}, {"conditions": [cond("Established", "False", reason="NotAccepted")]}, FAILED),
    ("apiextensions.k8s.io/v1 CustomResourceDefinition", {}, {"conditions": [cond("NamesAccepted", "False")]}, FAILED),
    ("policy/v1 PodDisruptionBudget", {}, {"currentHealthy": 2, "desiredHealthy": 2}, ACTIVE),
    ("policy/v1 PodDisruptionBudget", {}, {"currentHealthy": 1, "desiredHealthy": 2}, ACTIVE),
    ("Node", {}, {"conditions": [cond("Ready"), cond("DiskPressure", "False")]}, ACTIVE),
    ("Node", {}, {"conditions": [cond("DiskPressure", message="full")]}, FAILED),
    ("ConfigMap", {}, {}, ACTIVE),
    ("Node", {}, {"conditions": [cond("Ready", "Unknown", message="kubelet is silent")]}, FAILED),
    ("Namespace", {}, {"phase": "Active"}, ACTIVE),
    ("Secret", {}, {}, ACTIVE),
    ("apiregistration.k8s.io/v1 APIService", {}, {"conditions": [cond("Available")]}, ACTIVE),
    ("apiregistration.k8s.io/v1 APIService", {}, {"conditions": [cond("Available", "False", message="no endpoints")]}, LATE),
    ("apiregistration.k8s.io/v1 APIService", {}, {"conditions": [cond("Available", "Unknown")]}, FAILED),
    ("gateway.networking.k8s.io/v1 Gateway", {}, {"conditions": [cond("Accepted"), cond("Programmed", "False")]}, ACTIVE),
    ("gateway.networking.k8s.io/v1 Gateway", {}, {"conditions": [cond("Ready", "False", message="no listener")]}, LATE),
    ("gateway.networking.k8s.io/v1 HTTPRoute", {}, {"parents": [{"conditions": [cond("Accepted", "False")]}]}, ACTIVE),
]


@pytest.mark.parametrize(("kind", "spec", "status", "wanted"), OTHERS)
def test_each_kind_is_ready_by_its_own_rule(kind, spec, status, wanted):
    assert state(obj(kind, status, spec)) == wanted


def waiting(reason, message=""):
    return {"name": "app", "state": {"waiting": {"reason": reason, "message": message}}}


def unschedulable(since):
    return {
        "phase": "Pending",
        "conditions": [cond("PodScheduled", "False", reason="Unschedulable", message="no node", lastTransitionTime=since)],
    }


POD = [
    ("ready", {"phase": "Running", "conditions": [cond("Ready")]}, ACTIVE, ""),
    ("done", {"phase": "Succeeded"}, ACTIVE, ""),
    ("starting", {"phase": "Pending"}, LATE, "Pod has not started"),
    ("unknown to the cluster yet", {}, LATE, "Pod has not started"),
    ("running", {"phase": "Running", "conditions": [cond("Ready", "False")]}, LATE, "Pod is running but is not Ready"),
    ("failed", {"phase": "Failed", "message": "evicted"}, FAILED, "evicted"),
    ("crashing", {"phase": "Running", "containerStatuses": [waiting("CrashLoopBackOff", "again")]}, FAILED, "app: CrashLoopBackOff: again"),
    (
        "crashing at the start",
        {"phase": "Pending", "initContainerStatuses": [waiting("CrashLoopBackOff")]},
        FAILED,
        "app: CrashLoopBackOff",
    ),
    ("no image", {"phase": "Pending", "containerStatuses": [waiting("ImagePullBackOff")]}, FAILED, "app: ImagePullBackOff"),
    ("being made", {"phase": "Pending", "containerStatuses": [waiting("ContainerCreating")]}, LATE, "Pod has not started"),
    ("no room for a moment", unschedulable("2026-11-23T11:59:50Z"), LATE, "no node"),
    ("no room", unschedulable("2026-11-23T11:59:40Z"), FAILED, "no node"),
    ("no room since when", unschedulable(None), LATE, "no node"),
]


@pytest.mark.parametrize(("status", "wanted", "message"), [row[1:] for row in POD], ids=[row[0] for row in POD])
def test_a_pod_is_ready_when_it_runs_and_says_so_or_is_done(status, wanted, message):
    one = obj("Pod", status)
    assert (state(one), told(one)) == (wanted, message)


@pytest.mark.parametrize("kind", ["apps/v1 Deployment", "example.org/v1 Widget"])
def test_a_controller_that_has_not_seen_the_newest_generation_is_waited_for(kind):
    status = {**replicas(1, 1, 1), "observedGeneration": 1}
    one = obj(kind, status, generation=2)
    assert (state(one), told(one)) == (LATE, f"{one['kind']} generation is 2, but latest observed generation is 1")
    assert state(obj(kind, {**status, "observedGeneration": 2}, generation=2)) == ACTIVE


@pytest.mark.parametrize("kind", ["Pod", "example.org/v1 Widget", "apps/v1 Deployment"])
def test_what_is_being_deleted_is_on_its_way_out_whatever_it_says(kind):
    going = obj(kind, {"phase": "Running", "conditions": [cond("Ready")]}, deletionTimestamp="2026-11-23T12:00:00Z")
    assert compute(going, NOW) == ResourceSummary("removing", transitioning=True, message=("Resource scheduled for deletion",))


@pytest.mark.parametrize(
    "status",
    [{"conditions": None}, {"conditions": "x"}, {"conditions": ["x", None]}, {"conditions": [{}]}, {"observedGeneration": "2"}, "x", None],
)
def test_a_status_of_another_shape_is_no_fault(status):
    for kind in ("example.org/v1 Widget", "Service"):
        assert state({**obj(kind), "status": status}) == ACTIVE


NOT_SYNCED = cond("Synced", "False", reason="Error", message="denied")


@pytest.mark.parametrize(
    ("ignored", "wanted"),
    [
        ((), FAILED),
        (({"type": "Synced"},), ACTIVE),
        (({"type": "Synced", "status": "False"},), ACTIVE),
        (({"type": "Synced", "status": "False", "reason": "Error"},), ACTIVE),
        (({"type": "Synced", "status": "True"},), FAILED),
        (({"type": "Other"}, {"type": "Synced"}), ACTIVE),
        (({"type": "Synced", "nonsense": "x"},), FAILED),
    ],
)
def test_a_condition_is_ignored_when_an_entry_describes_it_whole(ignored, wanted):
    one = obj("example.org/v1 Widget", {"conditions": [cond("Ready"), NOT_SYNCED], "phase": "x"})
    assert state(without_ignored(one, ignored)) == wanted
    assert one["status"]["conditions"] == [cond("Ready"), NOT_SYNCED], "the object itself is not changed"
