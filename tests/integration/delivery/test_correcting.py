"""Drift that is undone, what becomes of an attempt that fails, and namespaces that are not for everybody."""

from __future__ import annotations

import pytest

from extension.delivery.client import Client
from extension.delivery.kubernetes import KubernetesDelivery
from extension.objects.options import CorrectDrift, OverwrittenResource
from extension.objects.selectors import LabelSelector, Requirement
from tests.integration.delivery.conftest import CONFIG_MAP, CONFIG_MAPS, NAMESPACES, Make, conditions, message
from tests.integration.delivery.test_watching import DEPLOYMENT, DEPLOYMENTS, change

pytestmark = pytest.mark.xdist_group("kube")

FILES = {"d.yaml": DEPLOYMENT, "a.yaml": CONFIG_MAP.format(name="a", value="one")}
PROD = LabelSelector(match_expressions=(Requirement("env", "In", ("prod", "live")),))


def another(client: Client, namespace: str) -> None:
    """Puts a Deployment in the place of the bundle's, which can't be changed into that."""
    there = client.get(DEPLOYMENTS, namespace, "web")
    assert there is not None
    client.delete(DEPLOYMENTS, namespace, "web")
    meta = {key: there["metadata"][key] for key in ("name", "namespace", "labels", "annotations")}
    spec = there["spec"] | {"selector": {"matchLabels": {"app": "other"}}}
    spec["template"]["metadata"]["labels"] = {"app": "other"}
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}
    client.request("POST", DEPLOYMENTS.path(namespace), body=body)


@pytest.mark.parametrize("keep", [False, True])
def test_a_correction_that_fails_says_why_and_leaves_its_revision_only_when_it_is_to(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str, keep: bool
) -> None:
    options = {"files": FILES, "correct_drift": CorrectDrift(enabled=True, keep_fail_history=keep)}
    status = delivery.deploy(make(**options))
    another(client, namespace)
    for _ in range(3):
        status = delivery.observe(make(status=status, **options))
        assert "immutable" in message(status, "Ready")
        assert (conditions(status)["Ready"], status.non_modified, status.release[-2:]) == ("False", False, ":1")
    revisions = [one.number for one in delivery._records.revisions(namespace, f"bundle-{namespace}")]
    assert revisions == ([1, 3, 4] if keep else [1])
    client.delete(DEPLOYMENTS, namespace, "web")
    status = delivery.observe(make(status=status, **options))
    assert status.non_modified and client.get(DEPLOYMENTS, namespace, "web") is not None


def test_corrections_keep_no_more_history_than_deployments(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    options = {"correct_drift": CorrectDrift(enabled=True)}
    status = delivery.deploy(make(**options))
    for number in range(2, 6):
        client.delete(CONFIG_MAPS, namespace, "a")
        status = delivery.observe(make(status=status, **options))
        assert status.non_modified and status.release.endswith(f":{number}")
    assert len(delivery._records.revisions(namespace, f"bundle-{namespace}")) == 2


def test_what_another_bundle_took_along_is_made_again_and_nothing_else(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    files = {f"{name}.yaml": CONFIG_MAP.format(name=name, value="one") for name in "ab"}
    options = {"files": files, "overwrites": (OverwrittenResource("a", "", "ConfigMap"),)}
    status = delivery.deploy(make(**options))
    client.delete(CONFIG_MAPS, namespace, "b")
    status = delivery.observe(make(status=status, **options))
    assert [(m.name, m.missing) for m in status.modified_status] == [("b", True)]
    client.delete(CONFIG_MAPS, namespace, "a")
    status = delivery.observe(make(status=status, **options))
    assert status.non_modified and client.get(CONFIG_MAPS, namespace, "a") is not None


def test_a_bundle_goes_only_where_the_namespace_has_the_labels_a_restriction_asks_for(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    limited = {"allowed_target_namespace_selector": PROD}
    status = delivery.deploy(make(**limited))
    assert f"namespace {namespace} does not exist" in message(status, "Deployed")
    assert client.get(NAMESPACES, "", namespace) is None
    client.request("POST", NAMESPACES.path(""), body={"metadata": {"name": namespace, "labels": {"env": "dev"}}})
    status = delivery.deploy(make(status=status, **limited))
    assert "allowedTargetNamespaceSelector wants (env in (prod,live))" in message(status, "Deployed")
    assert client.get(CONFIG_MAPS, namespace, "a") is None
    change(client, NAMESPACES.path("", namespace), metadata={"labels": {"env": "prod"}})
    status = delivery.deploy(make(status=status, **limited))
    assert status.ready and client.get(CONFIG_MAPS, namespace, "a") is not None
    change(client, NAMESPACES.path("", namespace), metadata={"labels": {"env": "dev"}})
    assert conditions(delivery.observe(make(status=status, **limited)))["Deployed"] == "False"
