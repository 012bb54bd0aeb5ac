"""What Helm's options of a bundle do on a real API server: waiting, rolling back, replacing, what stays and what goes."""

from __future__ import annotations

import pytest

from extension.delivery.client import Client, Kind
from extension.delivery.kubernetes import KubernetesDelivery
from extension.delivery.protocol import Release
from extension.objects.options import HelmOptions, LocalObjectReference, ValuesFrom
from tests.integration.delivery.conftest import CONFIG_MAP, CONFIG_MAPS, NAMESPACES, Make, conditions, message
from tests.integration.delivery.test_watching import DEPLOYMENT, DEPLOYMENTS, change

pytestmark = pytest.mark.xdist_group("kube")

SECRETS = Kind("v1", "Secret", "secrets", True)
CRDS = Kind("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", False)
CHART = {"Chart.yaml": "apiVersion: v2\nname: c\nversion: 0.1.0\n"}
JOB = """apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{name: once, image: example.org/once}]
"""


def config_maps(value: str, **more: str) -> dict[str, str]:
    return {"a.yaml": CONFIG_MAP.format(name="a", value=value), **more}


def test_an_atomic_upgrade_that_fails_puts_back_what_was_there_and_is_not_tried_again(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    helm = HelmOptions(atomic=True, timeout_seconds=2)
    before = delivery.deploy(make(files=config_maps("one"), helm=helm))
    assert before.ready
    status = delivery.deploy(make(2, config_maps("two", **{"d.yaml": DEPLOYMENT}), before, helm=helm))
    assert "rolled back" in message(status, "Installed")
    assert (conditions(status)["Installed"], status.applied_deployment_id, status.release) == ("False", "s-0:2", "")
    there = client.get(CONFIG_MAPS, namespace, "a")
    assert there is not None and there["data"] == {"key": "one"}
    assert client.get(DEPLOYMENTS, namespace, "web") is None


@pytest.mark.parametrize(
    ("options", "files", "waits"),
    [
        ({"timeout_seconds": 2}, {"d.yaml": DEPLOYMENT}, True),
        ({}, {"d.yaml": DEPLOYMENT}, False),
        ({"timeout_seconds": 2, "wait_for_jobs": True}, {"j.yaml": JOB}, True),
        ({"timeout_seconds": 2}, {"j.yaml": JOB}, False),
    ],
    ids=["for pods", "for nothing without a time", "for jobs when told", "not for jobs"],
)
def test_helm_waits_for_what_it_is_told_to_and_says_that_the_time_was_over(
    delivery: KubernetesDelivery, make: Make, options: dict[str, int], files: dict[str, str], waits: bool
) -> None:
    status = delivery.deploy(make(files=files, helm=HelmOptions(**options)))
    assert conditions(status)["Deployed"] == str(not waits)
    if waits:
        assert "not ready" in message(status, "Deployed") and "deadline exceeded" in message(status, "Deployed")


def test_force_replaces_an_object_and_what_others_added_to_it(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    status = delivery.deploy(make(files=config_maps("one")))
    change(client, CONFIG_MAPS.path(namespace, "a"), data={"added": "by hand"})
    status = delivery.deploy(make(2, config_maps("two"), status))
    assert (client.get(CONFIG_MAPS, namespace, "a") or {})["data"] == {"key": "two", "added": "by hand"}
    delivery.deploy(make(3, config_maps("three"), status, helm=HelmOptions(force=True)))
    assert (client.get(CONFIG_MAPS, namespace, "a") or {})["data"] == {"key": "three"}


@pytest.mark.parametrize("name", ["default", "kube-public"])
def test_a_namespace_that_the_cluster_needs_is_never_deleted(delivery: KubernetesDelivery, client: Client, name: str) -> None:
    delivery.remove(Release("there-is-none", name, "b", "", delete_namespace=True))
    there = client.get(NAMESPACES, "", name)
    assert there is not None and "deletionTimestamp" not in there["metadata"]


@pytest.mark.parametrize("delete", [False, True])
def test_custom_resource_definitions_stay_unless_they_are_to_go_too(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str, delete: bool
) -> None:
    group = f"{namespace}.example.org"
    crd = (
        f"apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{name: things.{group}}}\n"
        f"spec:\n  group: {group}\n  names: {{kind: Thing, plural: things}}\n  scope: Namespaced\n  versions:\n  - name: v1\n"
        "    served: true\n    storage: true\n    schema: {openAPIV3Schema: {type: object}}\n"
    )
    status = delivery.deploy(make(files={"crd.yaml": crd}, delete_crd_resources=delete))
    assert conditions(status)["Deployed"] == "True", status.conditions
    delivery.remove(Release(f"bundle-{namespace}", namespace, f"bundle-{namespace}", ""))
    there = client.get(CRDS, "", f"things.{group}")
    assert (there is None or "deletionTimestamp" in there["metadata"]) == delete


def test_a_namespace_is_not_made_when_a_policy_forbids_it(delivery: KubernetesDelivery, client: Client, make: Make, namespace: str) -> None:
    status = delivery.deploy(make(create_namespace=False))
    assert f'namespaces "{namespace}" not found' in message(status, "Deployed")
    assert client.get(NAMESPACES, "", namespace) is None


def test_values_of_the_cluster_meet_in_the_order_they_are_named_and_are_read_from_where_they_are(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    for name in (namespace, f"{namespace}-other"):
        client.request("POST", NAMESPACES.path(), body={"metadata": {"name": name}})
    body = {"metadata": {"name": "values"}, "stringData": {"mine.yaml": "key: secret\n"}}
    client.request("POST", SECRETS.path(namespace), body=body)
    client.request(
        "POST",
        CONFIG_MAPS.path(f"{namespace}-other"),
        body={"metadata": {"name": "values"}, "data": {"values.yaml": "key: map\nmore: map\n"}},
    )
    files = {**CHART, "templates/a.yaml": CONFIG_MAP.format(name="a", value="{{ .Values.key }}-{{ .Values.more }}")}
    elsewhere = ValuesFrom(config_map_key_ref=LocalObjectReference("values", f"{namespace}-other"))
    here = ValuesFrom(secret_key_ref=LocalObjectReference("values", key="mine.yaml"))
    delivery.deploy(make(files=files, helm=HelmOptions(values_from=(elsewhere, here))))
    assert (client.get(CONFIG_MAPS, namespace, "a") or {})["data"] == {"key": "secret-map"}
    gone = ValuesFrom(secret_key_ref=LocalObjectReference("values", key="other.yaml"))
    status = delivery.deploy(make(2, files, helm=HelmOptions(values_from=(gone,))))
    assert f"key other.yaml is missing in Secret {namespace}/values" in message(status, "Deployed")
    assert "secret-map" not in str(status.conditions)
