"""Copies of a workspace's Secrets and ConfigMaps (`downstreamResources`) on a real API server."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest

from extension.delivery.client import Client
from extension.delivery.copies import BUNDLE, KINDS, copies_of
from extension.delivery.kubernetes import KubernetesDelivery
from extension.delivery.protocol import Deployment, Release
from extension.objects.base import ObjectMeta
from extension.objects.kinds import BundleDeploymentStatus, ConfigMap, Secret
from extension.objects.options import DownstreamResource, HelmOptions, LocalObjectReference, ValuesFrom
from tests.integration.delivery.conftest import CONFIG_MAPS, NAMESPACES, Make, conditions, message, wait_for

pytestmark = pytest.mark.xdist_group("kube")

SECRETS = KINDS["Secret"]
MERGE = "application/merge-patch+json"


def secret(value: str = "one", version: int = 5, workspace: str = "ws", **more: Any) -> Secret:
    meta = ObjectMeta(name="token", namespace=workspace, resource_version=str(version), labels={"app": "web"})
    return Secret(metadata=meta, data={"password": value.encode()}, **more)


def with_copies(deployment: Deployment, *sources: Secret | ConfigMap, bundle: str = "") -> Deployment:
    name = bundle or deployment.name
    return msgspec.structs.replace(deployment, name=name, copies=copies_of(sources, name))


def password(client: Client, namespace: str) -> str | None:
    found = client.get(SECRETS, namespace, "token")
    return None if found is None else base64.b64decode(found["data"]["password"]).decode()


def test_a_copy_is_there_before_the_release_marked_and_of_its_type(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    status = delivery.deploy(with_copies(make(), secret(type="example.org/token")))
    assert (status.ready, status.non_modified, status.downstream_resources_generation) == (True, True, 5)
    found = client.get(SECRETS, namespace, "token")
    assert found is not None
    assert (found["type"], found["metadata"]["labels"]) == ("example.org/token", {"app": "web", BUNDLE: f"bundle-{namespace}"})
    assert password(client, namespace) == "one"
    assert [one.name for one in status.resources] == ["a"]


def test_a_changed_source_changes_the_copy_and_deploys_again_and_an_unchanged_one_does_nothing(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    status = delivery.deploy(with_copies(make(), secret()))
    before = client.get(SECRETS, namespace, "token")
    assert delivery.observe(with_copies(make(status=status), secret())) == status
    assert client.get(SECRETS, namespace, "token") == before
    status = delivery.observe(with_copies(make(status=status), secret("two", 6)))
    assert (password(client, namespace), status.release.rpartition(":")[2]) == ("two", "2")


@pytest.mark.parametrize("more", [{"immutable": True}, {"type": "example.org/other"}])
def test_what_kubernetes_does_not_let_change_is_made_anew(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str, more: dict[str, Any]
) -> None:
    status = delivery.deploy(with_copies(make(), secret(**more)))
    status = delivery.observe(with_copies(make(status=status), secret("two", 6)))
    assert conditions(status)["Deployed"] == "True", message(status, "Deployed")
    assert password(client, namespace) == "two"


def test_a_copy_somebody_changed_or_deleted_is_brought_back(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    status = delivery.deploy(with_copies(make(), secret()))
    client.request("PATCH", SECRETS.path(namespace, "token"), body={"data": {"password": "eA==", "more": "eA=="}}, content_type=MERGE)
    assert delivery.observe(with_copies(make(status=status), secret())) == status
    found = client.get(SECRETS, namespace, "token")
    assert found is not None and found["data"] == {"password": "b25l"}
    client.delete(SECRETS, namespace, "token")
    assert delivery.observe(with_copies(make(status=status), secret())) == status
    assert password(client, namespace) == "one"


def test_labels_that_others_add_are_left_alone(delivery: KubernetesDelivery, client: Client, make: Make, namespace: str) -> None:
    status = delivery.deploy(with_copies(make(), secret()))
    client.request("PATCH", SECRETS.path(namespace, "token"), body={"metadata": {"labels": {"by": "somebody"}}}, content_type=MERGE)
    before = client.get(SECRETS, namespace, "token")
    delivery.observe(with_copies(make(status=status), secret()))
    assert client.get(SECRETS, namespace, "token") == before


def test_a_copy_that_is_named_no_more_goes_and_the_others_stay(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    settings = ConfigMap(metadata=ObjectMeta(name="settings", namespace="ws", resource_version="4"), data={"a": "b"})
    status = delivery.deploy(with_copies(make(), secret(), settings))
    status = delivery.deploy(with_copies(make(2, status=status), settings))
    assert password(client, namespace) is None
    assert client.get(CONFIG_MAPS, namespace, "settings") is not None
    status = delivery.deploy(make(3, status=status))
    assert client.get(CONFIG_MAPS, namespace, "settings") is None
    assert status.downstream_resources_generation == 0


def test_copies_of_a_deployment_that_failed_are_not_forgotten(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    broken = make(files={"a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: [1]\n"})
    status = delivery.deploy(with_copies(broken, secret()))
    assert status.applied_deployment_id != "" or conditions(status)["Deployed"] == "False"
    assert password(client, namespace) == "one"
    delivery.deploy(make(2, status=status))
    assert password(client, namespace) is None


def test_withdrawing_deletes_a_bundles_copies_wherever_they_are_and_no_others(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    delivery.deploy(with_copies(make(), secret()))
    delivery.remove(Release(f"bundle-{namespace}", namespace, f"bundle-{namespace}", ""))
    assert password(client, namespace) == "one"
    delivery.withdraw("another")
    assert password(client, namespace) == "one"
    delivery.withdraw(f"bundle-{namespace}")
    assert password(client, namespace) is None


def test_somebody_elses_secret_is_refused_by_name_unless_ownership_is_taken(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    client.request("POST", NAMESPACES.path(), body={"metadata": {"name": namespace}})
    client.request("POST", SECRETS.path(namespace), body={"metadata": {"name": "token"}, "data": {"password": "dGhlaXJz"}})
    status = delivery.deploy(with_copies(make(), secret("canary-77")))
    told = message(status, "Deployed")
    assert f"Secret {namespace}/token is on the cluster already and is not owned by us" in told and "takeOwnership" in told
    assert password(client, namespace) == "theirs" and "canary-77" not in str(status)
    delivery.deploy(with_copies(make(helm=HelmOptions(take_ownership=True)), secret()))
    assert password(client, namespace) == "one"


def test_two_bundles_share_a_copy_of_one_source_and_not_of_two(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    first, second = f"first-{namespace}", f"second-{namespace}"
    delivery.deploy(with_copies(make(), secret(), bundle=first))
    before = client.get(SECRETS, namespace, "token")
    one_file = {"b.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n"}
    status = delivery.deploy(with_copies(make(files=one_file), secret(), bundle=second))
    assert conditions(status)["Ready"] == "True"
    after = client.get(SECRETS, namespace, "token")
    assert before is not None and after is not None
    assert after["metadata"]["labels"] == before["metadata"]["labels"]
    status = delivery.deploy(with_copies(make(files=one_file), secret(workspace="other"), bundle=f"third-{namespace}"))
    assert f"is the copy of ws/token that bundle {first} has there" in message(status, "Deployed")


def test_values_are_read_from_the_copy_wherever_the_reference_points(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    files = {
        "Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
        "templates/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {key: '{{ .Values.color }}'}\n",
    }
    reference = LocalObjectReference("settings", "not-there", "values.yaml")
    options: dict[str, Any] = {
        "helm": HelmOptions(chart=".", values_from=(ValuesFrom(config_map_key_ref=reference),)),
        "downstream_resources": (DownstreamResource(kind="ConfigMap", name="settings"),),
    }

    def settings(color: str, version: int) -> ConfigMap:
        meta = ObjectMeta(name="settings", namespace="ws", resource_version=str(version))
        return ConfigMap(metadata=meta, data={"values.yaml": f"color: {color}\n"})

    status: BundleDeploymentStatus = delivery.deploy(with_copies(make(files=files, **options), settings("blue", 1)))
    assert (client.get(CONFIG_MAPS, namespace, "a") or {}).get("data") == {"key": "blue"}, status
    delivery.observe(with_copies(make(files=files, status=status, **options), settings("red", 2)))
    assert (client.get(CONFIG_MAPS, namespace, "a") or {}).get("data") == {"key": "red"}


def test_a_service_account_limits_what_may_be_copied_too(delivery: KubernetesDelivery, client: Client, make: Make, namespace: str) -> None:
    if client.get(NAMESPACES, "", "cattle-fleet-system") is None:
        client.request("POST", NAMESPACES.path(), body={"metadata": {"name": "cattle-fleet-system"}})
    client.request("POST", "/api/v1/namespaces/cattle-fleet-system/serviceaccounts", body={"metadata": {"name": namespace}})
    client.request("POST", NAMESPACES.path(), body={"metadata": {"name": namespace}})
    status = delivery.deploy(with_copies(make(service_account=namespace), secret()))
    assert "forbidden" in message(status, "Deployed")
    assert password(client, namespace) is None


def test_a_namespace_is_made_for_copies_only_where_that_is_allowed(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    status = delivery.deploy(with_copies(make(create_namespace=False), secret()))
    assert "not found" in message(status, "Deployed")
    assert client.get(NAMESPACES, "", namespace) is None
    status = delivery.deploy(with_copies(make(status=status), secret()))
    assert wait_for(lambda: password(client, namespace) == "one", "the copy") and status.ready
