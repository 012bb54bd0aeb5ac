"""Watches on a real API server: who changes an object has it looked at at once, and a delivery's own changes ask for nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from extension.delivery.client import Client
from extension.delivery.kubeconfig import inlined
from extension.delivery.kubernetes import KubernetesDelivery
from extension.delivery.watching import APART, DELAY
from extension.objects.kinds import BundleDeploymentStatus
from extension.rendering.pool import Pool
from extension.rendering.postrender import HASH_LABEL
from tests.fakes.clock import Clock
from tests.fakes.ways import Way, way_to
from tests.integration.delivery.conftest import CONFIG_MAP, CONFIG_MAPS, Make, wait_for
from tests.integration.delivery.test_watching import change

pytestmark = pytest.mark.xdist_group("kube")

BOTH = {"a.yaml": CONFIG_MAP.format(name="a", value="one"), "b.yaml": CONFIG_MAP.format(name="b", value="one")}


class Watched:
    """A delivery that watches, what it told, and a bundle on it."""

    def __init__(self, delivery: KubernetesDelivery, clock: Clock, make: Make) -> None:
        self.delivery, self.clock, self._make = delivery, clock, make
        self.told: list[str] = []
        self.status = make().status
        delivery.watch(self.told.append)

    @property
    def name(self) -> str:
        return self._make().name

    def deployed(self, number: int = 1, files: dict[str, str] = BOTH) -> BundleDeploymentStatus:
        self.status = self.delivery.deploy(self._make(number, files, self.status))
        wait_for(lambda: self.delivery.watched(self.name), "the watch")
        return self.status

    def later(self) -> None:
        self.clock.pass_(APART)

    def tells(self) -> None:
        wait_for(lambda: self.told == [self.name], f"{self.name} to be told, {self.told}")
        self.told.clear()

    def rests(self) -> None:
        """Nothing that came until now is told."""
        time.sleep(3 * DELAY)
        assert self.told == []


@pytest.fixture
def watched(delivery: KubernetesDelivery, clock: Clock, make: Make) -> Watched:
    return Watched(delivery, clock, make)


def test_what_a_delivery_changes_itself_asks_for_no_look(watched: Watched) -> None:
    watched.deployed()
    watched.deployed(2, {name: text.replace("one", "two") for name, text in BOTH.items()})
    watched.later()
    watched.rests()


def test_a_bundle_that_was_looked_at_just_now_waits_and_then_is_told_once(watched: Watched, client: Client, namespace: str) -> None:
    watched.deployed()
    for value in ("x", "y", "z"):
        change(client, CONFIG_MAPS.path(namespace, "a"), data={"key": value})
    watched.rests()
    watched.later()
    watched.tells()
    watched.rests()


@pytest.mark.parametrize(
    "happens",
    [
        lambda client, namespace: change(client, CONFIG_MAPS.path(namespace, "a"), data={"key": "x"}),
        lambda client, namespace: client.delete(CONFIG_MAPS, namespace, "b"),
        lambda client, namespace: change(client, CONFIG_MAPS.path(namespace, "a"), metadata={"labels": {HASH_LABEL: None}}),
        lambda client, namespace: change(client, CONFIG_MAPS.path(namespace, "a"), metadata={"labels": {HASH_LABEL: "anothers"}}),
    ],
    ids=["changed", "deleted", "let go", "taken by another"],
)
def test_what_somebody_does_to_an_object_is_told(
    watched: Watched, client: Client, namespace: str, happens: Callable[[Client, str], None]
) -> None:
    watched.deployed()
    watched.later()
    happens(client, namespace)
    watched.tells()
    assert not watched.delivery.observe(watched._make(1, BOTH, watched.status)).non_modified


def test_objects_of_others_and_of_bundles_that_went_are_nothing(watched: Watched, client: Client, namespace: str) -> None:
    watched.deployed()
    watched.later()
    body = {"metadata": {"name": "other", "labels": {HASH_LABEL: "anothers"}}}
    client.request("POST", CONFIG_MAPS.path(namespace), body=body)
    [release] = [one for one in watched.delivery.releases() if one.bundle == watched.name]
    watched.delivery.remove(release)
    watched.rests()
    assert not watched.delivery.watched(watched.name)


@pytest.fixture
def way(kubeconfig: Path, tmp_path: Path) -> Iterator[tuple[Way, Path]]:
    with way_to(kubeconfig, tmp_path) as found:
        yield found


@pytest.fixture
def cut_off(way: tuple[Way, Path], pools: tuple[Pool, Pool], clock: Clock, make: Make) -> Iterator[Watched]:
    """A bundle that was deployed and told of when the API server went away."""
    access = inlined(way[1].read_text(), str(way[1]), way[1].parent)
    with closing(KubernetesDelivery(access, *pools, clock=clock)) as delivery:
        watched = Watched(delivery, clock, make)
        watched.deployed()
        way[0].close()
        watched.tells()
        yield watched


def test_an_api_server_that_was_away_is_watched_again_and_what_happened_meanwhile_is_told(
    cut_off: Watched, way: tuple[Way, Path], client: Client, namespace: str
) -> None:
    assert not cut_off.delivery.watched(cut_off.name)
    client.delete(CONFIG_MAPS, namespace, "b")
    cut_off.later()
    way[0].open()
    cut_off.tells()
    wait_for(lambda: cut_off.delivery.watched(cut_off.name), "the watch")


@pytest.fixture
def others() -> set[threading.Thread]:
    """Threads that were there before the test."""
    return set(threading.enumerate())


def test_a_delivery_is_closed_while_its_watches_are_cut_off_and_not_there_again(others: set[threading.Thread], cut_off: Watched) -> None:
    watching = [one for one in set(threading.enumerate()) - others if one.name.startswith("watch")]
    assert sorted(one.name for one in watching) == ["watch-configmaps", "watches"]
    cut_off.delivery.close()
    wait_for(lambda: not any(one.is_alive() for one in watching), "the watches to end")


def test_who_may_not_watch_is_not_told_and_says_so(access: str, pools: tuple[Pool, Pool], make: Make) -> None:
    delivery = KubernetesDelivery(access, *pools)
    delivery._watches._client = delivery._client.acting_as("nobody-in-particular")
    told: list[str] = []
    delivery.watch(told.append)
    assert delivery.deploy(make()).ready
    time.sleep(DELAY)
    assert not delivery.watched(make().name)
    delivery.close()
