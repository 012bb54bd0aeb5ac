"""Drift that is undone, what becomes of an attempt that fails, and namespaces that are not for everybody."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from extension.delivery.client import Client
from extension.delivery.corrections import MOST
from extension.delivery.kubernetes import KubernetesDelivery
from extension.delivery.rollback import FIRST, LONGEST
from extension.objects.kinds import BundleDeploymentStatus
from extension.objects.options import CorrectDrift, HelmOptions, OverwrittenResource
from extension.objects.selectors import LabelSelector, Requirement
from extension.objects.states import STOPPED_HINT
from tests.fakes.clock import Clock
from tests.integration.delivery.conftest import CONFIG_MAP, CONFIG_MAPS, NAMESPACES, Make, conditions, message
from tests.integration.delivery.test_watching import DEPLOYMENT, DEPLOYMENTS, MERGE, change

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
    delivery: KubernetesDelivery, clock: Clock, client: Client, make: Make, namespace: str, keep: bool
) -> None:
    options = {"files": FILES, "correct_drift": CorrectDrift(enabled=True, keep_fail_history=keep)}
    status = delivery.deploy(make(**options))
    another(client, namespace)
    for _ in range(3):
        status = delivery.observe(make(status=status, **options))
        assert "immutable" in message(status, "Ready")
        assert (conditions(status)["Ready"], status.non_modified, status.release[-2:]) == ("False", False, ":1")
        clock.pass_(LONGEST)
    revisions = [one.number for one in delivery._records.revisions(namespace, f"bundle-{namespace}")]
    assert revisions == ([1, 3, 4] if keep else [1])
    client.delete(DEPLOYMENTS, namespace, "web")
    status = delivery.observe(make(status=status, **options))
    assert status.non_modified and client.get(DEPLOYMENTS, namespace, "web") is not None


def test_a_correction_that_fails_is_tried_again_later_and_at_once_when_something_else_is_to_be_done(
    delivery: KubernetesDelivery, clock: Clock, client: Client, make: Make, namespace: str
) -> None:
    options = {"files": FILES, "correct_drift": CorrectDrift(enabled=True, keep_fail_history=True), "helm": HelmOptions(max_history=9)}
    status = delivery.deploy(make(**options))
    another(client, namespace)
    tried = []
    for passed in (0.0, FIRST - 1, 1.0, 0.0):
        clock.pass_(passed)
        status = delivery.observe(make(status=status, **options))
        assert "immutable" in message(status, "Ready")
        tried.append(len(delivery._records.revisions(namespace, f"bundle-{namespace}")) - 1)
    assert tried == [1, 1, 2, 2]
    client.delete(DEPLOYMENTS, namespace, "web")
    assert delivery.observe(make(status=status, **options)).non_modified


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


def release(status: BundleDeploymentStatus) -> int:
    return int(status.release.rpartition(":")[2])


def set_by(client: Client, namespace: str, manager: str, value: str | None, name: str = "a") -> None:
    """Has a manager change a ConfigMap, or delete it."""
    if value is None:
        client.delete(CONFIG_MAPS, namespace, name)
        return
    path, query = CONFIG_MAPS.path(namespace, name), {"fieldManager": manager}
    client.request("PATCH", path, body={"data": {"key": value}}, query=query, content_type=MERGE)


Opened = Callable[[], KubernetesDelivery]
FIGHT = {"files": {f"{name}.yaml": CONFIG_MAP.format(name=name, value="one") for name in "ab"}, "correct_drift": CorrectDrift(enabled=True)}


def fought(client: Client, namespace: str, make: Make, opened: Opened, value: str | None) -> BundleDeploymentStatus:
    """The status after MOST repairs that somebody undoes each time, with an agent that starts anew in between."""
    status = opened().deploy(make(**FIGHT))
    for number in range(MOST):
        set_by(client, namespace, "operator", value and f"{value}{number}")
        status = opened().observe(make(status=status, **FIGHT))
        assert (status.non_modified, release(status)) == (True, number + 2)
    set_by(client, namespace, "operator", value)
    return opened().observe(make(status=status, **FIGHT))


@pytest.mark.parametrize(
    ("value", "told"),
    [("two", 'modified: data.key is "two", deployed "one", changed by operator'), (None, "missing")],
    ids=["changed", "deleted"],
)
def test_who_undoes_each_repair_is_told_and_left_alone_until_a_forced_update(
    opened: Opened, client: Client, make: Make, namespace: str, value: str | None, told: str
) -> None:
    status = fought(client, namespace, make, opened, value)
    assert (status.non_modified, release(status), [m.repairs for m in status.modified_status]) == (False, MOST + 1, [MOST])
    stopped = f"configmap.v1 {namespace}/a {told} (correction stopped after {MOST} repairs): {STOPPED_HINT}"
    assert (conditions(status)["Ready"], message(status, "Ready")) == ("False", stopped)
    assert opened().observe(make(status=status, **FIGHT)) == status, "and it is not looked upon as news"
    forced = opened().deploy(make(2, status=status, force_sync_generation=1, **FIGHT))
    assert (forced.non_modified, forced.corrections) == (True, ())
    set_by(client, namespace, "operator", value)
    assert opened().observe(make(2, status=forced, force_sync_generation=1, **FIGHT)).non_modified


def test_what_else_drifts_is_corrected_beside_an_object_that_is_left_alone(
    opened: Opened, client: Client, make: Make, namespace: str
) -> None:
    status = fought(client, namespace, make, opened, "two")
    set_by(client, namespace, "somebody", "three", name="b")
    status = opened().observe(make(status=status, **FIGHT))
    found = client.get(CONFIG_MAPS, namespace, "b")
    assert found is not None and found["data"] == {"key": "one"}
    set_by(client, namespace, "operator", "two")
    status = opened().observe(make(status=status, **FIGHT))
    assert [(m.name, m.repairs) for m in status.modified_status] == [("a", MOST + 1)]


def test_correction_that_is_turned_off_and_on_tries_again(opened: Opened, client: Client, make: Make, namespace: str) -> None:
    status = fought(client, namespace, make, opened, "two")
    off = {**FIGHT, "correct_drift": CorrectDrift()}
    status = opened().observe(make(status=status, **off))
    assert [(m.name, m.repairs) for m in status.modified_status] == [("a", 0)]
    assert opened().observe(make(status=status, **FIGHT)).non_modified


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
