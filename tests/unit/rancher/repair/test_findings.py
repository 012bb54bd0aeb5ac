"""What is wrong after a restore, rule by rule: what each finds, and what it leaves alone."""

from __future__ import annotations

from typing import Any

import pytest

from extension.rancher.repair.changes import PENDING, DropTokens, Redeploy, Restart, Resync
from extension.rancher.repair.findings import Finding, agent_bundle, credentials_name, findings
from extension.rancher.repair.world import Ref, Seen
from tests.fakes.management import EARLIER, LONG_AGO, NOW, obj, snapshot

SYSTEM = "cattle-fleet-system"
REGISTRATION = "cattle-fleet-clusters-system"


def found(*objects: Seen) -> list[Finding]:
    return findings(snapshot(*objects))


def rules(*objects: Seen) -> list[str]:
    return [one.rule for one in found(*objects)]


def account(name: str = "fleet-controller", *secrets: str, namespace: str = SYSTEM, **more: Any) -> Seen:
    return obj("ServiceAccount", namespace, name, secrets=[{"name": secret} for secret in secrets], **more)


def deployment(name: str = "fleet-controller", runs_as: str = "fleet-controller", namespace: str = SYSTEM) -> Seen:
    return obj("Deployment", namespace, name, spec={"template": {"spec": {"serviceAccountName": runs_as}}})


def cluster(name: str = "one", seen: str = EARLIER, **more: Any) -> Seen:
    spec = {"kubeConfigSecret": f"{name}-kubeconfig", "redeployAgentGeneration": 3, **more.pop("spec", {})}
    status = {"agentDeployedGeneration": 3, "agent": {"lastSeen": seen} if seen else {}, **more.pop("status", {})}
    return obj("Cluster", "fleet-default", name, spec=spec, status=status, **more)


def secret(name: str, namespace: str = "fleet-default", **more: Any) -> Seen:
    return obj("Secret", namespace, name, **more)


def registration(name: str = "request-a", cluster: str = "one", **more: Any) -> Seen:
    spec = {"clientID": "id", "clientRandom": "random"}
    return obj("ClusterRegistration", "fleet-default", name, spec=spec, status={"clusterName": cluster, "granted": True}, **more)


def bundle(of: Seen, modified: int = 1, **more: Any) -> Seen:
    status = {"summary": {"modified": modified, "desiredReady": 1}, "observedGeneration": 2, **more.pop("status", {})}
    return obj("Bundle", of.at.namespace, agent_bundle(of).name, spec=more.pop("spec", {}), status=status, generation=2)


KEY = secret("one-kubeconfig")
HEALTHY = (
    account("fleet-controller", "token-a"),
    account("default", "gone"),
    account("fleet-controller", "gone", namespace="elsewhere"),
    secret("token-a", SYSTEM),
    deployment(),
    cluster(),
    KEY,
    bundle(cluster(), modified=0),
    obj("GitRepo", "fleet-default", "web", spec={"repo": "https://git.example.org/web", "clientSecretName": "git"}),
    secret("git", labels={"fleet.cattle.io/managed": "true"}),
    registration(),
    secret(credentials_name(registration()), REGISTRATION),
)


def test_a_healthy_system_has_no_findings() -> None:
    assert found(*HEALTHY) == []


def test_every_missing_token_secret_of_a_controller_is_found_and_no_other() -> None:
    accounts = account("fleet-controller", "token-a", "gone", "lost"), account("gitjob", "x", namespace="fleet-system")
    one, two = found(*accounts, secret("token-a", SYSTEM))
    assert one.rule == two.rule == "StaleToken"
    assert isinstance(one.steps[0].change, DropTokens) and one.steps[0].change.names == ("gone", "lost")
    assert "restart what does" in one.hint, "no Deployment runs as it"


def test_the_bootstrap_s_account_restarts_the_controller() -> None:
    (one,) = found(account("fleet-controller-bootstrap", "gone"), deployment(), deployment("gitjob", "gitjob"))
    restarts = [step.at.name for step in one.steps if isinstance(step.change, Restart)]
    assert restarts == ["fleet-controller"] and not one.hint


def test_a_restart_that_an_interrupted_repair_left_is_made_later() -> None:
    (one,) = found(account("fleet-controller", annotations={PENDING: LONG_AGO}), deployment())
    assert one.rule == "RestartPending" and [type(step.change).__name__ for step in one.steps] == ["Restart", "Settle"]
    assert one.steps[0].change == Restart(LONG_AGO), "the restart that was asked for, and not another one"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (cluster(seen=EARLIER), None),
        (cluster(seen=LONG_AGO), Redeploy(3, LONG_AGO)),
        (cluster(seen="", created=LONG_AGO), Redeploy(3, "")),
        (cluster(seen="", created=EARLIER), None),
        (cluster(seen=LONG_AGO, status={"agentDeployedGeneration": 2}), Redeploy(None, LONG_AGO)),
        (cluster(seen=LONG_AGO, labels={"fleet.cattle.io/cluster-management": "other"}), None),
        (cluster(seen=LONG_AGO, deletionTimestamp=NOW), None),
    ],
    ids=["seen", "silent", "never seen", "new", "redeploying", "another's", "leaving"],
)
def test_a_silent_agent_is_installed_again_unless_that_is_under_way(given: Seen, expected: Redeploy | None) -> None:
    steps = [step.change for one in found(given, KEY) for step in one.steps]
    assert steps == ([expected] if expected else [])


def test_an_agent_that_fleet_can_t_install_is_said_to_be_so() -> None:
    (by_itself,) = found(cluster(seen=LONG_AGO, spec={"kubeConfigSecret": ""}))
    assert not by_itself.steps and "ClusterRegistrationToken" in by_itself.hint
    without, missing = found(cluster(seen=LONG_AGO))
    assert not without.steps and "one-kubeconfig" in without.hint and missing.rule == "MissingSecret"
    assert "--from-file=value=FILE" in missing.hint


def test_the_bundle_of_an_agent_that_stays_modified_is_deployed_again_once() -> None:
    one = cluster(status={"summary": {"modified": 1}})
    (first,) = found(one, KEY, bundle(one, spec={"forceSyncGeneration": 4}))
    assert first.rule == "ModifiedAgentBundle" and first.steps[0].change == Resync(4)
    (asked,) = found(one, KEY, bundle(one, status={"observedGeneration": 1}))
    assert asked.steps[0].change == Resync(None), "Fleet has not looked at it yet"
    assert found(one, KEY, obj("Bundle", "fleet-default", "web", status={"summary": {"modified": 1}})) == []


@pytest.mark.parametrize(
    ("owner", "command"),
    [
        (
            obj("GitRepo", "team", "web", spec={"repo": "https://git.example.org/x", "clientSecretName": "missing"}),
            "kubectl create secret generic missing -n team --type=kubernetes.io/basic-auth --from-literal=username=USERNAME "
            "--from-literal=password=PASSWORD && kubectl label secret missing -n team resources.cattle.io/backup=true",
        ),
        (obj("GitRepo", "team", "web", spec={"repo": "git@example.org:x", "clientSecretName": "missing"}), "--type=kubernetes.io/ssh-auth"),
        (obj("GitRepo", "team", "web", spec={"repo": "ssh://git@x/x", "clientSecretName": "missing"}), "--type=kubernetes.io/ssh-auth"),
        (
            obj("GitRepo", "team", "web", spec={"helmSecretName": "missing"}),
            "generic missing -n team --from-literal=username",
        ),
        (obj("GitRepo", "team", "web", spec={"helmSecretNameForPaths": "missing"}), "--from-file=secrets-path.yaml=FILE"),
        (obj("GitRepo", "team", "web", spec={"ociRegistrySecret": "missing"}), "--type=fleet.cattle.io/bundle-oci-storage/v1alpha1"),
        (obj("HelmOp", "team", "web", spec={"helmSecretName": "missing"}), "create secret generic missing -n team"),
        (obj("HelmOp", "team", "web", spec={"downstreamResources": [{"kind": "Secret", "name": "missing"}]}), "--from-file=KEY=FILE"),
        (obj("ImageScan", "team", "web", spec={"secretRef": {"name": "missing"}}), "create secret docker-registry missing -n team"),
        (obj("Policy", "team", "web", gitRepo={"defaultClientSecretName": "missing"}), "--type=kubernetes.io/basic-auth"),
        (obj("GitRepoRestriction", "team", "web", defaultClientSecretName="missing"), "--type=kubernetes.io/basic-auth"),
    ],
    ids=lambda value: f"{value.at.kind} {value.raw.get('spec', '')}" if isinstance(value, Seen) else "",
)
def test_a_secret_that_is_named_and_missing_is_told_with_what_makes_it(owner: Seen, command: str) -> None:
    (one,) = found(owner)
    assert (one.rule, one.at, one.steps) == ("MissingSecret", owner.at, ()) and command in one.hint
    assert found(owner, secret("missing", "team", labels={"resources.cattle.io/backup": "true"})) == []


def test_a_name_that_can_be_no_secret_s_is_in_no_command() -> None:
    assert found(obj("GitRepo", "team", "web", spec={"clientSecretName": "x; rm -rf /"})) == []


def test_registrations_of_clusters_that_are_gone_are_leftovers() -> None:
    (one,) = found(registration(cluster="gone"))
    assert one.rule == "LeftoverRegistration" and one.steps[0].unless == Ref("Cluster", "fleet-default", "gone")
    assert rules(registration(cluster=""), cluster(), KEY) == [], "not granted yet"


def test_the_secret_of_a_registration_that_is_gone_is_a_leftover_once_nobody_waits_for_it() -> None:
    name = credentials_name(registration())
    assert rules(secret(name, REGISTRATION)) == ["LeftoverSecret"]
    assert rules(secret(name, REGISTRATION, created=EARLIER)) == [], "its registration may come"
    assert rules(secret("c-mine", REGISTRATION)) == rules(secret(name, "fleet-default")) == []


@pytest.mark.parametrize(
    ("namespace", "labels", "expected"),
    [
        ("fleet-default", {}, ["NotBackedUp"]),
        ("fleet-default", {"fleet.cattle.io/managed": "true"}, []),
        ("team", {"fleet.cattle.io/managed": "true"}, ["NotBackedUp"]),
        ("team", {"resources.cattle.io/backup": "true"}, []),
        ("team", {"resources.cattle.io/backup": "false"}, ["NotBackedUp"]),
    ],
)
def test_a_secret_that_rancher_s_backups_leave_out_is_an_advice(namespace: str, labels: dict[str, str], expected: list[str]) -> None:
    repos = [obj("GitRepo", namespace, name, spec={"helmSecretName": "helm"}) for name in ("web", "shop")]
    told = found(*repos, secret("helm", namespace, labels=labels), secret("other", namespace))
    assert [one.rule for one in told] == expected, "once a Secret, and only of those that are named"
    assert all(one.advice for one in told)
