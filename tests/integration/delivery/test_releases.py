"""Bundles as Helm releases on a real API server: applied, upgraded, pruned, taken over, removed."""

from __future__ import annotations

import pytest

from extension.delivery.client import Client
from extension.delivery.helm_records import HelmRecords
from extension.delivery.kubernetes import KubernetesDelivery
from extension.delivery.opening import open_kubernetes
from extension.delivery.protocol import Release
from extension.objects.errors import Invalid, Unavailable
from extension.objects.options import HelmOptions
from extension.rendering.helm import sdk
from extension.rendering.pool import Pool
from tests.integration.delivery.conftest import CONFIG_MAP, CONFIG_MAPS, NAMESPACES, Make, conditions, message, wait_for

pytestmark = pytest.mark.xdist_group("kube")


def config_map(client: Client, namespace: str, name: str = "a") -> dict[str, object] | None:
    return client.get(CONFIG_MAPS, namespace, name)


def test_a_bundle_is_a_release_that_helm_lists_with_fleets_annotations(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str, access: str
) -> None:
    status = delivery.deploy(make())
    assert (status.ready, status.non_modified, status.release) == (True, True, f"{namespace}/bundle-{namespace}:1")
    assert conditions(status) == {"Deployed": "True", "Installed": "True", "Monitored": "True", "Ready": "True"}
    with sdk().Config(kubeconfig_content=access, namespace=namespace) as helm:
        assert [(r["name"], r["status"]) for r in helm.list()] == [(f"bundle-{namespace}", "deployed")]
    assert [r.bundle for r in delivery.releases() if r.namespace == namespace] == [f"bundle-{namespace}"]
    found = config_map(client, namespace)
    assert found is not None and "objectset.rio.cattle.io/hash" in found["metadata"]["labels"]  # type: ignore[index]


def test_template_braces_in_manifests_arrive_as_they_are(delivery: KubernetesDelivery, client: Client, make: Make, namespace: str) -> None:
    delivery.deploy(make(files={"a.yaml": CONFIG_MAP.format(name="a", value="{{ .Values.x }} }} {{")}))
    assert config_map(client, namespace)["data"] == {"key": "{{ .Values.x }} }} {{"}  # type: ignore[index]


def test_an_upgrade_changes_what_changed_and_prunes_what_left(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    both = {f"{n}.yaml": CONFIG_MAP.format(name=n, value="one") for n in "ab"}
    status = delivery.deploy(make(files=both))
    status = delivery.deploy(make(2, {"a.yaml": CONFIG_MAP.format(name="a", value="two")}, status))
    assert status.release.endswith(":2") and status.ready and status.non_modified
    assert config_map(client, namespace)["data"] == {"key": "two"}  # type: ignore[index]
    assert config_map(client, namespace, "b") is None


def test_deploying_what_is_deployed_writes_nothing(delivery: KubernetesDelivery, client: Client, make: Make, namespace: str) -> None:
    status = delivery.deploy(make())
    before = config_map(client, namespace)
    assert delivery.deploy(make(status=status)) == status
    assert config_map(client, namespace) == before


def test_history_is_kept_to_two_revisions(delivery: KubernetesDelivery, client: Client, make: Make, namespace: str) -> None:
    status = delivery.deploy(make())
    for number in range(2, 5):
        status = delivery.deploy(make(number, {"a.yaml": CONFIG_MAP.format(name="a", value=number)}, status))
    assert [r.number for r in HelmRecords(client).revisions(namespace, f"bundle-{namespace}")] == [3, 4]


def test_objects_of_somebody_else_are_refused_unless_ownership_is_taken(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    client.request("POST", NAMESPACES.path(), body={"metadata": {"name": namespace}})
    client.request("POST", CONFIG_MAPS.path(namespace), body={"metadata": {"name": "a"}, "data": {"key": "theirs"}})
    status = delivery.deploy(make())
    assert (conditions(status)["Installed"], status.ready) == ("False", False)
    assert "ownership" in message(status, "Installed")
    assert config_map(client, namespace)["data"] == {"key": "theirs"}  # type: ignore[index]
    assert delivery.deploy(make(helm=HelmOptions(take_ownership=True))).ready
    assert config_map(client, namespace)["data"] == {"key": "one"}  # type: ignore[index]


def test_a_wrong_object_is_an_error_with_its_place_and_the_next_commit_mends_it(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    status = delivery.deploy(make(files={"a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  key: 1\n"}))
    assert conditions(status)["Deployed"] == "False"
    assert ".data.key" in message(status, "Deployed")
    assert delivery.deploy(make(2, status=status)).ready


def test_removing_uninstalls_and_keep_resources_leaves_the_objects(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    status = delivery.deploy(make())
    name = status.release.partition("/")[2].partition(":")[0]
    delivery.remove(Release(name, namespace, name, "", keep_resources=True))
    assert config_map(client, namespace) is not None
    assert HelmRecords(client).revisions(namespace, name) == []
    delivery.deploy(make())
    delivery.remove(Release(name, namespace, name, ""))
    assert config_map(client, namespace) is None
    delivery.remove(Release(name, namespace, name, ""))


def test_delete_namespace_really_removes_the_namespace(delivery: KubernetesDelivery, client: Client, make: Make, namespace: str) -> None:
    delivery.deploy(make())
    delivery.remove(Release(f"bundle-{namespace}", namespace, "b", "", delete_namespace=True))
    wait_for(lambda: client.get(NAMESPACES, "", namespace) is None, "the namespace to go")


def test_another_namespace_moves_the_release(delivery: KubernetesDelivery, client: Client, make: Make, namespace: str) -> None:
    status = delivery.deploy(make())
    status = delivery.deploy(make(2, status=status, default_namespace=f"{namespace}-b"))
    assert status.release.startswith(f"{namespace}-b/")
    assert config_map(client, namespace) is None and config_map(client, f"{namespace}-b") is not None


def test_hooks_run_and_crds_are_installed_before_what_needs_them(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    group = f"{namespace}.example.org"
    crd = f"""apiVersion: apiextensions.k8s.io/v1
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
    schema: {{openAPIV3Schema: {{type: object, x-kubernetes-preserve-unknown-fields: true}}}}
"""
    files = {
        "Chart.yaml": "apiVersion: v2\nname: c\nversion: 0.1.0\n",
        "crds/thing.yaml": crd,
        "templates/hook.yaml": CONFIG_MAP.format(name="hook\n  annotations: {helm.sh/hook: pre-install}", value="ran"),
        "templates/a.yaml": f"apiVersion: {group}/v1\nkind: Thing\nmetadata:\n  name: a\n",
    }
    status = delivery.deploy(make(files=files))
    assert conditions(status)["Deployed"] == "True", status.conditions
    assert config_map(client, namespace, "hook") is not None
    assert [r.kind for r in status.resources] == ["Thing"]


def test_namespace_labels_are_set_but_never_pod_security(delivery: KubernetesDelivery, client: Client, make: Make, namespace: str) -> None:
    labels = {"team": "core", "pod-security.kubernetes.io/enforce": "privileged"}
    delivery.deploy(make(namespace_labels=labels))
    found = client.get(NAMESPACES, "", namespace)
    assert found is not None
    assert found["metadata"]["labels"] == {"kubernetes.io/metadata.name": namespace, "team": "core"}


def test_a_service_account_limits_what_a_bundle_may_do(delivery: KubernetesDelivery, client: Client, make: Make, namespace: str) -> None:
    missing = delivery.deploy(make(service_account="nobody-here"))
    assert "does not exist" in message(missing, "Deployed")
    if client.get(NAMESPACES, "", "cattle-fleet-system") is None:
        client.request("POST", NAMESPACES.path(), body={"metadata": {"name": "cattle-fleet-system"}})
    client.request("POST", "/api/v1/namespaces/cattle-fleet-system/serviceaccounts", body={"metadata": {"name": namespace}})
    status = delivery.deploy(make(service_account=namespace))
    assert conditions(status)["Deployed"] == "False"
    assert "forbidden" in message(status, "Deployed")
    assert config_map(client, namespace) is None


def test_a_cluster_that_cant_be_reached_is_unavailable_and_says_where(make: Make, pools: tuple[Pool, Pool]) -> None:
    contexts = "contexts: [{name: c, context: {cluster: c}}]\ncurrent-context: c\n"
    text = "clusters: [{name: c, cluster: {server: 'https://127.0.0.1:9'}}]\n" + contexts
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:9"):
        open_kubernetes(text, *pools).deploy(make())


@pytest.mark.parametrize("plugin", ["exec: {command: id}", "auth-provider: {name: gcp}"])
def test_kubeconfigs_that_run_programs_are_refused(plugin: str, pools: tuple[Pool, Pool]) -> None:
    text = (
        "clusters: [{name: c, cluster: {server: 'https://x'}}]\ncontexts: [{name: c, context: {cluster: c, user: u}}]\n"
        f"users: [{{name: u, user: {{{plugin}}}}}]\ncurrent-context: c\n"
    )
    with pytest.raises(Invalid, match="refused"):
        open_kubernetes(text, *pools)
