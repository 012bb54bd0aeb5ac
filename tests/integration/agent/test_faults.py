"""What goes wrong between an agent, its hub and its cluster: each ends with what was wanted, and nobody has to do anything."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from extension.delivery.client import Client
from extension.delivery.helm_records import HelmRecords
from tests.fakes.ways import Way, way_to
from tests.faults.kinds import AGREES
from tests.integration.agent.conftest import BUNDLES, WORKSPACE, Agent, World, audited
from tests.integration.agent.test_kubernetes import CONFIG_MAPS, SECRETS, client
from tests.integration.service.running import wait_for

__all__ = ["client"]

OWN = "faults-agent"
KUBE = pytest.mark.xdist_group("kube")


def settled(world: World, agent: Agent, text: Callable[[str], str], value: str) -> None:
    wanted = dict.fromkeys("abc", "Ready")
    wait_for(lambda: world.deployments() == wanted and {text(name) for name in wanted} == {value}, f"{value}\n{agent.log.read_text()}")


class Trouble:
    """What a door does to so many of the requests: loses them, loses their answers, holds them, answers something else."""

    def __init__(self, share: float) -> None:
        self.share, self._chance = share, random.Random(11)
        self.did: dict[str, int] = {}

    def __call__(self) -> str:
        if self._chance.random() > self.share:
            return ""
        what = self._chance.choice(("lose", "lose the answer", "hold", "fail", "a page", "twice"))
        self.did[what] = self.did.get(what, 0) + 1
        return what


@pytest.mark.parametrize("share", [0.1, 0.6], ids=["a tenth", "more than half"])
def test_a_hub_that_answers_late_twice_with_errors_or_not_at_all(
    world: World, agents: Callable[..., Agent], tmp_path: Path, share: float
) -> None:
    there = tmp_path / "cluster"
    agent = agents("one", "--directory", str(there), "--drift-interval", "0.5")
    trouble = world.door.trouble = Trouble(share)
    world.door.after = "0.1"

    def text(name: str) -> str:
        found = list(there.glob(f"default/*/configmap_{name}.yaml"))
        return found[0].read_text().partition("value: ")[2].split()[0].strip("'\"") if found else ""

    agent.start()
    for number in range(30):  # how often an agent asks meanwhile is a matter of the machine
        for name in "abc":
            world.bundle(name, f"v{number}")
        settled(world, agent, text, f"v{number}")
        if number > 1 and sum(trouble.did.values()) >= (3 if share < 0.5 else 10):
            break
    world.door.trouble = lambda: ""
    assert sum(trouble.did.values()) >= 3, trouble.did
    assert agent.process is not None and agent.process.poll() is None
    assert "Traceback" not in agent.log.read_text()
    assert audited(world) == AGREES


def value(client: Client, name: str) -> str:
    found = client.get(CONFIG_MAPS, "faults", name)
    return str(found["data"]["value"]) if found else ""


@pytest.fixture
def secret(client: Client) -> Iterator[None]:
    yield
    client.delete(SECRETS, OWN, "continuous-delivery-agent")


@KUBE
def test_two_agents_with_one_key_end_with_what_was_wanted_and_come_to_rest(
    world: World, agents: Callable[..., Agent], client: Client, kubeconfig: Path, secret: None
) -> None:
    world.door.after = "0.5"
    arguments = ("--kubeconfig", str(kubeconfig), "--namespace", OWN, "--drift-interval", "2")
    first, second = agents("first", *arguments), agents("second", *arguments)
    first.start()
    wait_for(world.clusters, "the cluster")
    second.start()
    for number in range(3):
        for name in "abc":
            world.bundle(name, f"v{number}", defaultNamespace="faults")
        settled(world, second, lambda name: value(client, name), f"v{number}")
    records = HelmRecords(client)

    def rest() -> bool:
        """Whether nobody changes anything for two looks of each."""
        before = [records.revisions("faults", name) for name in "abc"]
        time.sleep(4)
        whole = all([one.status for one in found].count("deployed") == 1 and found[-1].status == "deployed" for found in before)
        return whole and before == [records.revisions("faults", name) for name in "abc"]

    wait_for(rest, "the end of it")
    assert len(world.clusters()) == 1
    assert (first.stop(), second.stop()) == (0, 0)
    for name in "abc":
        world.call("DELETE", f"{BUNDLES}/{WORKSPACE}/{name}")
    first.start()
    wait_for(lambda: not world.deployments() and not any(value(client, name) for name in "abc"), "the removal")


@pytest.fixture
def way(kubeconfig: Path, tmp_path: Path) -> Iterator[tuple[Way, Path]]:
    with way_to(kubeconfig, tmp_path) as found:
        yield found


def imported(world: World) -> str:
    """Why the one cluster there is can't be reached, as the hub was told."""
    [cluster] = world.clusters()
    return next((one["message"] for one in cluster["status"]["conditions"] if one["type"] == "Imported" and one["status"] == "False"), "")


@KUBE
def test_an_api_server_that_is_away_for_a_while_is_waited_for(
    world: World, agents: Callable[..., Agent], client: Client, way: tuple[Way, Path], secret: None
) -> None:
    """Once for seconds and once for a whole minute. Changes and removals come meanwhile, one in the middle of a deployment; the last states
    stand, and the hub knows why they don't change."""
    world.door.after = "0.5"
    agent = agents("kube", "--kubeconfig", str(way[1]), "--namespace", OWN, "--drift-interval", "2")
    for name in "abc":
        world.bundle(name, "v0", defaultNamespace="faults")
    agent.start()
    settled(world, agent, lambda name: value(client, name), "v0")
    world.bundle("gone", "v0", defaultNamespace="faults")
    wait_for(lambda: value(client, "gone"), "the fourth")
    for number in (1, 2):
        for name in "abc":
            world.bundle(name, f"v{number}", defaultNamespace="faults")
        wait_for(lambda: any(value(client, name) != f"v{number - 1}" for name in "abc"), "the first of the changes")  # noqa: B023
        way[0].close()
        if number == 2:
            world.call("DELETE", f"{BUNDLES}/{WORKSPACE}/gone")
        time.sleep(60 if number == 2 else 2)
        assert "can't be reached" in imported(world)
        told = world.get("/v1/fleet.cattle.io.bundledeployments")["data"]
        wrong = [one["status"]["conditions"] for one in told if one["status"].get("display", {}).get("state") == "ErrApplied"]
        assert wrong == [], "nobody is told an error of the deployments"
        way[0].open()
        settled_at = {f"v{number}"}
        wait_for(lambda: {value(client, name) for name in "abc"} == settled_at, f"the changes\n{agent.log.read_text()}")  # noqa: B023
    wait_for(lambda: not value(client, "gone"), f"the removal\n{agent.log.read_text()}")
    settled(world, agent, lambda name: value(client, name), "v2")
    wait_for(lambda: imported(world) == "", "the hub to know that it is back")
    assert "can't be reached" in agent.log.read_text() and "Traceback" not in agent.log.read_text()
    for name in "abc":
        world.call("DELETE", f"{BUNDLES}/{WORKSPACE}/{name}")
    wait_for(lambda: not world.deployments(), "the removal")
    assert agent.stop(signal.SIGTERM) == 0
