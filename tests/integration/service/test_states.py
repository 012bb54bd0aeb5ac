"""Every state of a deployment (`fleet-semantics.md` 1.5) on a real cluster: what brings it about, what people are told, what ends it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from extension.delivery.client import Client, Kind
from extension.delivery.kubeconfig import inlined, read
from extension.objects.marks import DIRECTORY
from extension.objects.states import State
from tests.integration.service.running import Service, start, wait_for

pytestmark = pytest.mark.xdist_group("kube")

BUNDLES, CLUSTERS, DEPLOYMENTS = (f"/v1/fleet.cattle.io.{kind}" for kind in ("bundles", "clusters", "bundledeployments"))
CONFIG_MAPS, PODS = Kind("v1", "ConfigMap", "configmaps", True), Kind("v1", "Pod", "pods", True)
WORKSPACE, NAMESPACE = "fleet-default", "states"
MERGE = "application/merge-patch+json"
ONE, SECOND = {"clusterName": "one"}, {"clusterName": "second"}
MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\ndata: {key: %s}\n"
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\nspec: {containers: [{name: web, image: example.org/web}]}\n"


class States:
    """A service with a real cluster, and a second one that is a folder."""

    def __init__(self, service: Service, client: Client) -> None:
        self.service, self.client = service, client

    def bundle(self, name: str, text: str, *targets: dict[str, str], **spec: Any) -> None:
        """A bundle of one file for the real cluster, or these; made, or with another file."""
        to = list(targets) or [ONE]
        whole = {"defaultNamespace": NAMESPACE, "resources": [{"name": "a.yaml", "content": text}], "targets": to, **spec}
        body = {"metadata": {"name": name, "namespace": WORKSPACE}, "spec": whole}
        if self.service.call("PUT", f"{BUNDLES}/{WORKSPACE}/{name}", json=body, headers={"If-Match": "*"}).status_code == 404:
            answer = self.service.call("POST", BUNDLES, json=body)
            assert answer.ok, answer.text

    def is_(self, name: str, state: State, told: str = "") -> None:
        """Waits until the bundle is in this state, and says so on itself; and this to people who ask why."""

        def shown() -> bool:
            found = self.service.get(f"{BUNDLES}/{WORKSPACE}/{name}")["status"]
            (ready,) = [c for c in found.get("conditions", ()) if c["type"] == "Ready"] or [{"status": "", "message": ""}]
            deployed = ready["status"] == "True" and found.get("summary", {}).get("desiredReady")
            seen = found.get("display", {}).get("state") or ("Ready" if deployed else "")
            return bool(seen == state.name and (state is State.Ready or (ready["status"] == "False" and told in ready["message"])))

        wait_for(shown, f"{name} to be {state}")

    def deployment(self, name: str) -> str:
        """The state of its deployment there."""
        found = self.service.get(DEPLOYMENTS)["data"]
        shown = [one["status"].get("display", {}).get("state") for one in found if one["metadata"]["name"] == name]
        return str(shown[0]) if shown else ""

    def run(self, pod: str) -> None:
        """What the kubelet of a node says once a pod runs."""
        wait_for(lambda: self.client.get(PODS, NAMESPACE, pod), "the pod")
        status = {"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}
        self.client.request("PATCH", f"{PODS.path(NAMESPACE, pod)}/status", body=status, content_type=MERGE)


@pytest.fixture(scope="module")
def service(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    made = start(tmp_path_factory.mktemp("states") / "state", "--drift-interval", "1")
    try:
        wait_for(made.ready, "readiness")
        access = inlined(kubeconfig.read_text(), str(kubeconfig), kubeconfig.parent)
        data = {"value": base64.b64encode(access.encode()).decode()}
        for path, body in (
            ("/v1/secrets", {"metadata": {"name": "access", "namespace": WORKSPACE}, "data": data}),
            (CLUSTERS, {"metadata": {"name": "one", "namespace": WORKSPACE}, "spec": {"kubeConfigSecret": "access"}}),
            (CLUSTERS, {"metadata": {"name": "second", "namespace": WORKSPACE, "annotations": {DIRECTORY: "true"}}}),
        ):
            answer = made.call("POST", path, json=body)
            assert answer.ok, answer.text
        yield made
    finally:
        made.stop()


@pytest.fixture
def states(service: Service, kubeconfig: Path) -> Iterator[States]:
    client = Client(read(kubeconfig.read_text()))
    yield States(service, client)
    client.close()


def test_ready_is_what_all_is_that_is_as_it_should_be(states: States) -> None:
    states.bundle("ready", MAP % ("ready", "one"))
    states.is_("ready", State.Ready)


def test_not_ready_while_a_pod_does_not_run(states: States) -> None:
    states.bundle("late", POD % "late")
    states.is_("late", State.NotReady, "pod.v1 states/late")
    states.run("late")
    states.is_("late", State.Ready)


def test_wait_applied_while_helm_waits_for_a_pod(states: States) -> None:
    states.bundle("waits", POD % "waits", helm={"timeoutSeconds": 60})
    states.is_("waits", State.WaitApplied)
    states.run("waits")
    states.is_("waits", State.Ready)


def test_err_applied_while_the_cluster_refuses_an_object(states: States) -> None:
    states.bundle("wrong", MAP % ("wrong", "[1]"))
    states.is_("wrong", State.ErrApplied, ".data.key")
    states.bundle("wrong", MAP % ("wrong", "one"))
    states.is_("wrong", State.Ready)


def test_out_of_sync_while_a_change_is_held_back(states: States) -> None:
    states.bundle("paused", MAP % ("paused", "one"))
    states.is_("paused", State.Ready)
    states.bundle("paused", MAP % ("paused", "two"), paused=True)
    wait_for(lambda: states.deployment("paused") == State.OutOfSync.name, "the deployment to be held back")
    assert (states.client.get(CONFIG_MAPS, NAMESPACE, "paused") or {})["data"] == {"key": "one"}
    states.bundle("paused", MAP % ("paused", "two"))
    states.is_("paused", State.Ready)
    assert (states.client.get(CONFIG_MAPS, NAMESPACE, "paused") or {})["data"] == {"key": "two"}


def test_pending_while_a_partition_waits_for_the_one_before(states: States) -> None:
    partitions = [{"name": "first", "maxUnavailable": 0, **ONE}, {"name": "then", **SECOND}]
    states.bundle("rolls", POD % "rolls", ONE, SECOND, rolloutStrategy={"partitions": partitions, "maxNew": 1})
    states.is_("rolls", State.Pending, "second")
    states.run("rolls")
    states.is_("rolls", State.Ready)


def test_pending_while_a_dependency_is_not_ready(states: States) -> None:
    states.bundle("needed", POD % "needed")
    states.bundle("needs", MAP % ("needs", "one"), dependsOn=[{"name": "needed"}])
    states.is_("needs", State.Pending, "needed")
    states.run("needed")
    states.is_("needs", State.Ready)


@pytest.mark.parametrize("corrected", [False, True], ids=["put back by hand", "corrected"])
def test_modified_while_somebody_changed_an_object(states: States, corrected: bool) -> None:
    name = f"changed-{corrected}".lower()
    states.bundle(name, MAP % (name, "one"))
    states.is_(name, State.Ready)
    place = CONFIG_MAPS.path(NAMESPACE, name)
    states.client.request("PATCH", place, body={"data": {"key": "two"}}, content_type=MERGE)
    states.is_(name, State.Modified, f"configmap.v1 states/{name} modified")
    if corrected:
        states.bundle(name, MAP % (name, "one"), correctDrift={"enabled": True})
    else:
        states.client.request("PATCH", place, body={"data": {"key": "one"}}, content_type=MERGE)
    states.is_(name, State.Ready)
    assert (states.client.get(CONFIG_MAPS, NAMESPACE, name) or {})["data"] == {"key": "one"}


def test_every_state_is_here() -> None:
    tried = {"Ready", "NotReady", "WaitApplied", "ErrApplied", "OutOfSync", "Pending", "Modified"}
    assert {one.name for one in State} == tried
