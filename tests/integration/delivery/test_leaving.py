"""What a bundle leaves behind when it moves or goes, and what it must not take along (`fleet-semantics.md` 3.1, 4.4)."""

from __future__ import annotations

import pytest

from extension.delivery.client import Client
from extension.delivery.helm_records import HelmRecords
from extension.delivery.kubernetes import KubernetesDelivery
from extension.delivery.protocol import Release
from extension.objects.options import HelmOptions
from tests.integration.delivery.conftest import CONFIG_MAP, CONFIG_MAPS, NAMESPACES, Make, conditions, wait_for
from tests.integration.delivery.test_watching import DEPLOYMENT

pytestmark = pytest.mark.xdist_group("kube")

IMMUTABLE = DEPLOYMENT.replace("matchLabels: {app: web}", "matchLabels: {app: other}").replace(
    "metadata: {labels: {app: web}}", "metadata: {labels: {app: other}}"
)


def test_a_bundle_that_moves_after_a_failure_leaves_nothing_where_it_was(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    there = {"a.yaml": CONFIG_MAP.format(name="a", value="one")}
    status = delivery.deploy(make(files={**there, "d.yaml": DEPLOYMENT}))
    status = delivery.deploy(make(2, {**there, "d.yaml": IMMUTABLE}, status))
    assert (conditions(status)["Installed"], status.release, status.applied_deployment_id) == ("False", "", "s-0:2")
    status = delivery.deploy(make(3, status=status, default_namespace=f"{namespace}-b"))
    assert status.release.startswith(f"{namespace}-b/")
    assert HelmRecords(client).revisions(namespace, f"bundle-{namespace}") == []
    assert client.get(CONFIG_MAPS, namespace, "a") is None


def test_a_bundle_that_goes_after_a_failed_upgrade_takes_along_what_it_had_before(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    kept = CONFIG_MAP.format(name="kept\n  annotations: {helm.sh/resource-policy: keep}", value="x")
    there = {f"{name}.yaml": CONFIG_MAP.format(name=name, value="x") for name in "ab"}
    status = delivery.deploy(make(files={**there, "k.yaml": kept, "d.yaml": DEPLOYMENT}))
    client.delete(CONFIG_MAPS, namespace, "b")
    client.request("POST", CONFIG_MAPS.path(namespace), body={"metadata": {"name": "b"}, "data": {"by": "somebody"}})
    delivery.deploy(make(2, {"c.yaml": CONFIG_MAP.format(name="c", value="x"), "d.yaml": IMMUTABLE}, status))
    delivery.remove(Release(f"bundle-{namespace}", namespace, f"bundle-{namespace}", ""))
    left = {one["metadata"]["name"] for one in client.list(CONFIG_MAPS, namespace)} - {"kube-root-ca.crt"}
    assert left == {"kept", "b"}
    assert HelmRecords(client).revisions(namespace, f"bundle-{namespace}") == []


def test_a_namespace_is_deleted_with_the_last_release_in_it_and_not_before(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    for name in "ab":
        delivery.deploy(make(files={f"{name}.yaml": CONFIG_MAP.format(name=name, value="x")}, helm=HelmOptions(release_name=name)))
    delivery.remove(Release("a", namespace, "a", "", delete_namespace=True))
    found = client.get(NAMESPACES, "", namespace)
    assert found is not None and "deletionTimestamp" not in found["metadata"]
    assert client.get(CONFIG_MAPS, namespace, "b") is not None
    delivery.remove(Release("b", namespace, "b", "", delete_namespace=True))
    wait_for(lambda: client.get(NAMESPACES, "", namespace) is None, "the namespace to go")
