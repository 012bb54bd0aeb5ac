"""Readiness and drift on a real API server."""

from __future__ import annotations

import msgspec
import pytest

from extension.delivery.client import Client, Kind
from extension.delivery.kubernetes import KubernetesDelivery
from extension.objects.kinds import BundleDeploymentStatus
from extension.objects.options import ComparePatch, CorrectDrift, DiffOptions, HelmOptions, LocalObjectReference, ValuesFrom
from extension.objects.states import modified_text
from tests.integration.delivery.conftest import CONFIG_MAPS, NAMESPACES, Make, conditions, message

pytestmark = pytest.mark.xdist_group("kube")

MERGE = "application/merge-patch+json"
DEPLOYMENTS = Kind("apps/v1", "Deployment", "deployments", True)
DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: example.org/web:1
        resources: {requests: {cpu: 1000m, memory: 128Mi}}
"""


def change(client: Client, path: str, **body: object) -> None:
    client.request("PATCH", path, body=body, content_type=MERGE)


def test_a_changed_field_is_modified_with_the_patch_that_brings_it_back(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    status = delivery.deploy(make())
    change(client, CONFIG_MAPS.path(namespace, "a"), data={"key": "changed"})
    status = delivery.observe(make(status=status))
    assert [(m.kind, m.name, m.patch) for m in status.modified_status] == [("ConfigMap", "a", '{"data":{"key":"one"}}')]
    assert (status.ready, status.non_modified, status.resource_counts.modified) == (True, False, 1)


def test_added_fields_and_other_spellings_of_a_quantity_are_no_drift(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    status = delivery.deploy(make(files={"d.yaml": DEPLOYMENT}))
    change(client, DEPLOYMENTS.path(namespace, "web"), metadata={"annotations": {"by": "somebody"}})
    assert delivery.observe(make(files={"d.yaml": DEPLOYMENT}, status=status)).non_modified


def test_a_deployment_whose_pods_do_not_run_is_not_ready_and_says_why(delivery: KubernetesDelivery, make: Make) -> None:
    status = delivery.deploy(make(files={"d.yaml": DEPLOYMENT}))
    assert (status.ready, status.non_modified) == (False, True)
    [late] = status.non_ready_status
    assert (late.kind, late.name, late.summary.transitioning) == ("Deployment", "web", True)
    assert message(status, "Ready").startswith("deployment.apps")


def test_a_deleted_object_is_missing_and_correction_brings_it_back(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    status = delivery.deploy(make())
    client.delete(CONFIG_MAPS, namespace, "a")
    status = delivery.observe(make(status=status))
    assert [m.missing for m in status.modified_status] == [True]
    corrected = {"correct_drift": CorrectDrift(enabled=True)}
    status = delivery.observe(make(status=status, **corrected))
    assert status.non_modified and status.release.endswith(":2")
    assert client.get(CONFIG_MAPS, namespace, "a") is not None
    assert delivery.observe(make(status=status, **corrected)) == status


def test_compare_patches_take_a_field_out_of_the_comparison(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    patch = ComparePatch(kind="ConfigMap", api_version="v1", name="a", json_pointers=("/data/key",))
    ignored = DiffOptions(compare_patches=(patch,))
    status = delivery.deploy(make(diff=ignored))
    change(client, CONFIG_MAPS.path(namespace, "a"), data={"key": "changed"})
    assert delivery.observe(make(status=status, diff=ignored)).non_modified
    assert not delivery.observe(make(status=status)).non_modified


def test_replicas_that_an_autoscaler_chose_are_no_drift(delivery: KubernetesDelivery, client: Client, make: Make, namespace: str) -> None:
    status = delivery.deploy(make(files={"d.yaml": DEPLOYMENT}))
    change(client, DEPLOYMENTS.path(namespace, "web"), spec={"replicas": 3})
    assert not delivery.observe(make(files={"d.yaml": DEPLOYMENT}, status=status)).non_modified
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    scaler = {"metadata": {"name": "web"}, "spec": {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 5}}
    client.request("POST", f"/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers", body=scaler)
    assert delivery.observe(make(files={"d.yaml": DEPLOYMENT}, status=status)).non_modified


def test_values_from_the_cluster_reach_the_chart_and_a_missing_one_is_named(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    files = {
        "Chart.yaml": "apiVersion: v2\nname: c\nversion: 0.1.0\n",
        "templates/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  key: {{ .Values.greeting | quote }}\n",
    }
    helm = HelmOptions(values={"greeting": "base"}, values_from=(ValuesFrom(config_map_key_ref=LocalObjectReference(name="given")),))
    missing = delivery.deploy(make(files=files, helm=helm))
    assert conditions(missing)["Deployed"] == "False"
    assert f"ConfigMap {namespace}/given does not exist" in message(missing, "Deployed")
    client.request("POST", NAMESPACES.path(), body={"metadata": {"name": namespace}})
    body = {"metadata": {"name": "given"}, "data": {"values.yaml": "greeting: from the cluster"}}
    client.request("POST", CONFIG_MAPS.path(namespace), body=body)
    assert delivery.deploy(make(files=files, helm=helm)).ready
    found = client.get(CONFIG_MAPS, namespace, "a")
    assert found is not None and found["data"] == {"key": "from the cluster"}


def test_the_patch_of_a_secret_shows_no_value(delivery: KubernetesDelivery, client: Client, make: Make, namespace: str) -> None:
    text = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\nstringData:\n  password: canary-7f3a\n"
    status = delivery.deploy(make(files={"s.yaml": text}))
    assert status.non_modified
    change(client, f"/api/v1/namespaces/{namespace}/secrets/s", stringData={"password": "other"})
    status = delivery.observe(make(files={"s.yaml": text}, status=status))
    assert [m.name for m in status.modified_status] == ["s"]
    assert "canary" not in str(status) and "Y2FuYXJ5" not in str(status)


def changed_by(status: BundleDeploymentStatus) -> list[tuple[str, str, str, str]]:
    return [(one.path, one.wanted, one.found, one.manager) for m in status.modified_status for one in m.changes]


def test_a_change_names_the_field_both_values_and_who_made_it(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    files = {"d.yaml": DEPLOYMENT}
    status = delivery.deploy(make(files=files))
    by = {"fieldManager": "kubectl-edit"}
    image = [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "example.org/web:2"}]
    path = DEPLOYMENTS.path(namespace, "web")
    client.request("PATCH", path, body=image, query=by, content_type="application/json-patch+json")
    client.request("PATCH", f"{path}/scale", body={"spec": {"replicas": 5}}, query={"fieldManager": "scaler"}, content_type=MERGE)
    status = delivery.observe(make(files=files, status=status))
    assert changed_by(status) == [
        ("/spec/replicas", "1", "5", "scaler"),
        ("/spec/template/spec/containers/0/image", '"example.org/web:1"', '"example.org/web:2"', "kubectl-edit"),
    ]
    [one] = status.modified_status
    assert [bool(change.time) for change in one.changes] == [False, True], "the API server notes no time for the subresource scale"
    assert modified_text(one).startswith(f"deployment.apps {namespace}/web modified: spec.replicas is 5, deployed 1, changed by scaler and")


def test_who_took_a_field_away_or_is_one_of_many_is_not_guessed(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    status = delivery.deploy(make())
    change(client, CONFIG_MAPS.path(namespace, "a"), data={"key": None, "more": "x"})
    assert changed_by(delivery.observe(make(status=status))) == [("/data/key", '"one"', "", "")]


def test_an_object_that_another_bundle_took_says_whose_it_is(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    status = delivery.deploy(make())
    other = msgspec.structs.replace(make(helm=HelmOptions(take_ownership=True)), name=f"other-{namespace}")
    assert delivery.deploy(other).ready
    [found] = delivery.observe(make(status=status)).modified_status
    mark = "metadata.annotations[objectset.rio.cattle.io/id]"
    assert modified_text(found).startswith(
        f'configmap.v1 {namespace}/a is not owned by us: {mark} is "default-other-{namespace}", deployed "default-bundle-{namespace}"'
    )


@pytest.mark.parametrize("system", ["windows", "linux"])
def test_a_workload_for_windows_or_linux_nodes_arrives_as_it_is_written(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str, system: str
) -> None:
    place = f"""      nodeSelector: {{kubernetes.io/os: {system}}}
      tolerations: [{{key: cattle.io/os, value: {system}, effect: NoSchedule}}]
"""
    status = delivery.deploy(make(files={"d.yaml": DEPLOYMENT + place}))
    found = client.get(DEPLOYMENTS, namespace, "web")
    assert found is not None and status.non_modified
    spec = found["spec"]["template"]["spec"]
    assert spec["nodeSelector"] == {"kubernetes.io/os": system}
    assert spec["tolerations"] == [{"key": "cattle.io/os", "value": system, "effect": "NoSchedule"}]
