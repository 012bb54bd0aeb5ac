"""Objects that go from one release to another: they are never gone in between, whoever comes first (`fleet-semantics.md` 3.1, 4.4)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from extension.delivery.client import Client
from extension.delivery.helm_records import HelmRecords, owner_of
from extension.delivery.kubernetes import KubernetesDelivery
from extension.delivery.protocol import Deployment, Release
from extension.objects.kinds import BundleDeploymentStatus
from extension.objects.options import HelmOptions, OverwrittenResource
from tests.integration.delivery.conftest import CONFIG_MAP, CONFIG_MAPS, NAMESPACES, Make, conditions, message

pytestmark = pytest.mark.xdist_group("kube")

MOVED = OverwrittenResource("moved", "", "ConfigMap")


def maps(*names: str, value: str = "one") -> dict[str, str]:
    return {f"{name}.yaml": CONFIG_MAP.format(name=name, value=value) for name in names}


class Two:
    """Two bundles of one GitRepo, of which the first gives a ConfigMap to the second with version 2."""

    def __init__(self, delivery: KubernetesDelivery, client: Client, make: Make, namespace: str) -> None:
        self.delivery, self.client, self._make, self.namespace = delivery, client, make, namespace
        self.status = {name: BundleDeploymentStatus() for name in ("giver", "taker")}

    def deployed(self, name: str, number: int, files: dict[str, str], **options: Any) -> BundleDeploymentStatus:
        made = msgspec.structs.replace(self._make(number, files, self.status[name], **options), name=f"{name}-{self.namespace}")
        self.status[name] = self.delivery.deploy(self._passing(made) if name == "giver" and number > 1 else made)
        return self.status[name]

    def gone(self) -> None:
        self.delivery.remove(Release(f"giver-{self.namespace}", self.namespace, f"giver-{self.namespace}", "", passed=self._passed))

    def uid(self, name: str = "moved") -> str:
        found = self.client.get(CONFIG_MAPS, self.namespace, name)
        return str(found["metadata"]["uid"]) if found else ""

    def owner(self) -> str:
        return owner_of(self.client.get(CONFIG_MAPS, self.namespace, "moved") or {"metadata": {}})[1]

    @property
    def _passed(self) -> tuple[OverwrittenResource, ...]:
        return (msgspec.structs.replace(MOVED, namespace=self.namespace),)

    def _passing(self, made: Deployment) -> Deployment:
        return msgspec.structs.replace(made, passed=self._passed)


@pytest.fixture
def two(delivery: KubernetesDelivery, client: Client, make: Make, namespace: str) -> Two:
    return Two(delivery, client, make, namespace)


@pytest.mark.parametrize("there", [True, False], ids=["upgraded", "installed"])
@pytest.mark.parametrize("stays", [True, False], ids=["the giver stays", "the giver goes"])
@pytest.mark.parametrize("first", ["giver", "taker"])
def test_an_object_that_moves_to_another_bundle_is_never_gone(two: Two, first: str, stays: bool, there: bool) -> None:
    two.deployed("giver", 1, maps("moved", "stays"))
    if there:
        two.deployed("taker", 1, maps("own"))
    uid = two.uid()

    def give() -> None:
        if stays:
            assert two.deployed("giver", 2, maps("stays", value="two")).ready
        else:
            two.gone()

    def take() -> None:
        status = two.deployed("taker", 2, maps("own", "moved", value="two"), overwrites=(MOVED,))
        assert conditions(status)["Deployed"] == "True", message(status, "Deployed")
        assert (status.ready, status.non_modified, len(status.resources)) == (True, True, 2)

    for step in (give, take) if first == "giver" else (take, give):
        step()
        assert two.uid() == uid
    assert two.owner() == f"taker-{two.namespace}"
    assert bool(two.uid("stays")) == stays
    assert two.deployed("taker", 2, maps("own", "moved", value="two"), overwrites=(MOVED,)).non_modified
    if stays:
        assert two.deployed("giver", 2, maps("stays", value="two")).non_modified, "what was given is no drift"
    two.delivery.remove(Release(two.owner(), two.namespace, two.owner(), ""))
    assert two.uid() == "", "it goes with who has it now"


def test_what_another_bundle_has_by_now_is_not_brought_back_by_the_one_that_had_got_it(two: Two) -> None:
    two.deployed("giver", 1, maps("moved"), overwrites=(MOVED,))
    two.deployed("taker", 1, maps("moved", value="two"), overwrites=(MOVED,))
    status = two.deployed("giver", 1, maps("moved"), overwrites=(MOVED,))
    assert [(one.name, one.missing, one.exist) for one in status.modified_status] == [("moved", True, True)]
    assert two.owner() == f"taker-{two.namespace}"


def test_what_only_looks_alike_in_another_namespace_is_pruned(two: Two) -> None:
    two.deployed("giver", 1, maps("moved", "stays"))
    elsewhere = (msgspec.structs.replace(MOVED, namespace="elsewhere"),)
    made = msgspec.structs.replace(two._make(2, maps("stays"), two.status["giver"]), name=f"giver-{two.namespace}", passed=elsewhere)
    assert two.delivery.deploy(made).ready
    assert two.uid() == ""


def test_what_somebody_else_has_is_taken_from_nobody(two: Two) -> None:
    two.client.request("POST", NAMESPACES.path(), body={"metadata": {"name": two.namespace}})
    two.client.request("POST", CONFIG_MAPS.path(two.namespace), body={"metadata": {"name": "moved"}, "data": {"key": "theirs"}})
    status = two.deployed("taker", 1, maps("moved"), overwrites=(MOVED,))
    assert "ownership" in message(status, "Installed")
    assert (two.client.get(CONFIG_MAPS, two.namespace, "moved") or {})["data"] == {"key": "theirs"}


def test_what_is_given_up_is_taken_and_nothing_else_of_the_giver(two: Two) -> None:
    two.deployed("giver", 1, maps("moved", "stays"))
    status = two.deployed("taker", 1, maps("moved", "stays"), overwrites=(MOVED,))
    assert "ownership" in message(status, "Installed")
    assert two.owner() == f"giver-{two.namespace}"


@pytest.mark.parametrize("known", [True, False], ids=["known", "forgotten"])
def test_a_release_of_another_name_takes_all_along(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str, known: bool
) -> None:
    def uids() -> dict[str, str]:
        found = (one["metadata"] for one in client.list(CONFIG_MAPS, namespace))
        return {meta["name"]: meta["uid"] for meta in found if meta["name"] in "abc"}

    status = delivery.deploy(make(files=maps("a", "b"), helm=HelmOptions(release_name="first")))
    before = uids()
    status = status if known else BundleDeploymentStatus()
    status = delivery.deploy(make(2, maps("a", "c"), status, helm=HelmOptions(release_name="second")))
    assert conditions(status)["Deployed"] == "True", message(status, "Deployed")
    assert (status.release, status.ready, status.non_modified) == (f"{namespace}/second:1", True, True), status.modified_status
    if not known:  # as an agent removes what no order is for
        delivery.remove(Release("first", namespace, f"bundle-{namespace}", ""))
    assert uids() == {"a": before["a"], "c": uids()["c"]}
    assert HelmRecords(client).revisions(namespace, "first") == []
