"""Values of the cluster (`valuesFrom`, `fleet-semantics.md` 2.8): what is said where there are none, when they are read, and by whom."""

from __future__ import annotations

import pytest

from extension.delivery.client import Client, Kind
from extension.delivery.kubernetes import KubernetesDelivery
from extension.objects.options import HelmOptions, LocalObjectReference, ValuesFrom
from tests.integration.delivery.conftest import CONFIG_MAP, CONFIG_MAPS, NAMESPACES, SECRETS, Make, conditions, message
from tests.integration.delivery.test_watching import change

pytestmark = pytest.mark.xdist_group("kube")

CANARY = "canary-4b1d"
FILES = {
    "Chart.yaml": "apiVersion: v2\nname: c\nversion: 0.1.0\n",
    "templates/a.yaml": CONFIG_MAP.format(name="a", value="{{ .Values.color }}"),
}
ROLES = Kind("rbac.authorization.k8s.io/v1", "Role", "roles", True)
BINDINGS = Kind("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings", True)
ACCOUNTS = Kind("v1", "ServiceAccount", "serviceaccounts", True)
AGENT = "cattle-fleet-system"


def from_secret(key: str = "") -> HelmOptions:
    return HelmOptions(values_from=(ValuesFrom(secret_key_ref=LocalObjectReference("given", key=key)),))


def give(client: Client, namespace: str, **data: str) -> None:
    if client.get(NAMESPACES, "", namespace) is None:
        client.request("POST", NAMESPACES.path(), body={"metadata": {"name": namespace}})
    client.request("POST", SECRETS.path(namespace), body={"metadata": {"name": "given"}, "stringData": data})


def color(client: Client, namespace: str) -> str | None:
    found = client.get(CONFIG_MAPS, namespace, "a")
    return found["data"]["key"] if found else None


def test_a_secret_that_is_not_there_is_named_and_counts_as_soon_as_it_is(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    status = delivery.deploy(make(files=FILES, helm=from_secret()))
    told = message(status, "Deployed")
    assert f"valuesFrom: Secret {namespace}/given does not exist" in told and "create it on the cluster" in told
    give(client, namespace, **{"values.yaml": "color: blue"})
    assert delivery.deploy(make(files=FILES, helm=from_secret(), status=status)).ready
    assert color(client, namespace) == "blue"


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        (f"color: {CANARY}", "other.yaml", "key other.yaml is missing in Secret {place} (it has values.yaml)"),
        (f"color: [{CANARY}", "", "key values.yaml in Secret {place} is no YAML"),
        (f"- {CANARY}", "", "key values.yaml in Secret {place} holds no map of values"),
    ],
    ids=["no key", "no YAML", "no map"],
)
def test_what_can_not_be_used_is_told_by_place_and_key_and_never_shown(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str, text: str, key: str, said: str
) -> None:
    give(client, namespace, **{"values.yaml": text})
    status = delivery.deploy(make(files=FILES, helm=from_secret(key)))
    assert conditions(status)["Deployed"] == "False"
    assert said.format(place=f"{namespace}/given") in message(status, "Deployed")
    assert CANARY not in str(status)


def test_a_source_that_changes_counts_with_the_next_deployment_and_not_before(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    give(client, namespace, **{"values.yaml": "color: blue"})
    status = delivery.deploy(make(files=FILES, helm=from_secret()))
    change(client, SECRETS.path(namespace, "given"), stringData={"values.yaml": "color: red"})
    assert delivery.observe(make(files=FILES, helm=from_secret(), status=status)) == status
    assert color(client, namespace) == "blue"
    delivery.deploy(make(2, FILES, status, helm=from_secret(), force_sync_generation=1))
    assert color(client, namespace) == "red"


def test_a_service_account_reads_no_more_than_it_may(delivery: KubernetesDelivery, client: Client, make: Make, namespace: str) -> None:
    give(client, namespace, **{"values.yaml": f"color: {CANARY}"})
    if client.get(NAMESPACES, "", AGENT) is None:
        client.request("POST", NAMESPACES.path(), body={"metadata": {"name": AGENT}})
    client.request("POST", ACCOUNTS.path(AGENT), body={"metadata": {"name": namespace}})
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["*"]}]
    client.request("POST", ROLES.path(namespace), body={"metadata": {"name": "maps"}, "rules": rules})
    subject = {"kind": "ServiceAccount", "name": namespace, "namespace": AGENT}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "maps"}
    client.request("POST", BINDINGS.path(namespace), body={"metadata": {"name": "maps"}, "roleRef": role, "subjects": [subject]})
    status = delivery.deploy(make(files=FILES, helm=from_secret(), service_account=namespace))
    assert 'cannot get resource "secrets"' in message(status, "Deployed")
    assert color(client, namespace) is None and CANARY not in str(status)
