"""An agent that is killed at named points of what it does: each time the next one ends with what was wanted, and nothing was ever gone
that only moved."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from extension.delivery.client import Client
from extension.delivery.helm_records import HelmRecords
from tests.faults.points import AGENT, BETWEEN, armed, under
from tests.integration.agent.conftest import BUNDLES, WORKSPACE, Agent, World, world_in
from tests.integration.agent.test_kubernetes import CONFIG_MAPS, SECRETS, client
from tests.integration.service.running import SECONDS, wait_for

pytestmark = pytest.mark.xdist_group("kube")

__all__ = ["client"]

NAMESPACE, OWN = "points", "points-agent"
EVERY = [{"clusterSelector": {}}]
MOVED = {"kind": "ConfigMap", "name": "moved"}


def config_map(name: str, number: int) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{number: '{number}'}}\n"


class Rounds:
    """Round after round a bundle is upgraded, one has its release renamed, one comes and one goes, and a ConfigMap moves between two."""

    client: Client
    """A test's own."""

    def __init__(self, world: World, agent: Agent, folder: Path) -> None:
        self.world, self.agent, self._folder = world, agent, folder
        self.number = 0
        self.seen: set[str] = set()

    def start(self) -> None:
        self.agent.start(under(self._folder, ["agent"]))

    def next(self) -> None:
        self.number += 1
        holder = self.number % 2
        for name in (holder, 1 - holder):  # one that has it comes first: an agent may ask between the two changes
            maps = [f"half-{name}", *(["moved"] if name == holder else [])]
            self._put(f"half-{name}", *maps, **({"overwrites": [MOVED]} if name == holder else {}))
        self._put("renamed", "renamed", helm={"releaseName": f"renamed-{self.number}"})
        self._put(f"comes-{self.number}", "comes")
        if self.number > 1:
            assert self.world.call("DELETE", f"{BUNDLES}/{WORKSPACE}/comes-{self.number - 1}").status_code < 500

    def _put(self, name: str, *maps: str, **spec: Any) -> None:
        namespace = f"{NAMESPACE}-{name}" if name.startswith("comes") else NAMESPACE
        files = [{"name": f"{one}.yaml", "content": config_map(one, self.number)} for one in maps]
        meta = {"name": name, "namespace": WORKSPACE, "labels": {"fleet.cattle.io/repo-name": "points"}}
        body = {"metadata": meta, "spec": {"resources": files, "targets": EVERY, "defaultNamespace": namespace, **spec}}
        if self.world.call("PUT", f"{BUNDLES}/{WORKSPACE}/{name}", json=body, headers={"If-Match": "*"}).status_code == 404:
            self.world.post(BUNDLES, body)

    def look(self) -> None:
        found = self.client.get(CONFIG_MAPS, NAMESPACE, "moved")
        self.seen.add(str(found["metadata"]["uid"]) if found else "gone")

    def wait(self) -> None:
        """Until the end of the round, and looks all the time at what moves."""
        end = time.monotonic() + SECONDS
        done = dict.fromkeys(("half-0", "half-1", "renamed", f"comes-{self.number}"), "Ready")
        while (states := self.world.deployments()) != done:
            assert time.monotonic() < end, f"{states}\n{self.agent.log.read_text()[-3000:]}"
            self.look()
            time.sleep(0.05)

    def maps(self) -> dict[str, str]:
        found = [*self.client.list(CONFIG_MAPS, NAMESPACE), *self.client.list(CONFIG_MAPS, f"{NAMESPACE}-comes-{self.number}")]
        return {one["metadata"]["name"]: one["data"]["number"] for one in found if one["metadata"]["name"] != "kube-root-ca.crt"}

    def releases(self) -> dict[str, list[str]]:
        """The states of the revisions of each release there is, oldest first."""
        records = HelmRecords(self.client)
        found = {(one.namespace, one.name) for one, _ in records.deployed() if one.namespace.startswith(NAMESPACE)}
        return {name: [one.status for one in records.revisions(namespace, name)] for namespace, name in found}


@pytest.fixture(scope="module")
def rounds(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rounds]:
    folder = tmp_path_factory.mktemp("points")
    with world_in(folder, under(folder / "armed", ["serve", "--port", "0"])) as world:
        world.door.after = "0.5"
        agent = Agent(world, folder / "agent", "--kubeconfig", str(kubeconfig), "--namespace", OWN, "--drift-interval", "2")
        made = Rounds(world, agent, folder / "armed")
        try:
            made.start()
            made.next()
            states = dict.fromkeys(("half-0", "half-1", "renamed", "comes-1"), "Ready")
            wait_for(lambda: world.deployments() == states, f"the first round\n{agent.log.read_text()}")
            yield made
        finally:
            agent.stop(signal.SIGKILL)


@pytest.mark.parametrize("name", AGENT)
def test_killed_at_any_point_it_ends_with_what_was_wanted(rounds: Rounds, client: Client, name: str) -> None:
    rounds.client = client
    rounds.seen.clear()
    rounds.look()
    fired = armed(rounds._folder, f"agent {name}")
    if "key" in name or "registers" in name:
        rounds.agent.stop()
        rounds.client.delete(SECRETS, OWN, "continuous-delivery-agent")
        rounds.start()
    rounds.next()
    wait_for(fired.exists, f"the point to be reached\n{rounds.agent.log.read_text()[-3000:]}")
    assert rounds.agent.process is not None and rounds.agent.process.wait(10) == -signal.SIGKILL
    rounds.start()
    ends_well(rounds)


@pytest.mark.parametrize("name", BETWEEN)
def test_a_hub_that_is_killed_while_an_agent_speaks_to_it_loses_nothing(rounds: Rounds, client: Client, name: str) -> None:
    rounds.client = client
    rounds.seen.clear()
    rounds.look()
    fired = armed(rounds._folder, f"hub {name}")

    def again() -> None:
        wait_for(fired.exists, f"the point to be reached\n{rounds.world.service.log.read_text()[-3000:]}")
        assert rounds.world.service.process.wait(10) == -signal.SIGKILL
        rounds.world.begin()

    try:
        rounds.next()
    except requests.RequestException:  # killed in the middle of the changes
        again()
        rounds.number -= 1
        rounds.next()
    else:
        again()
    ends_well(rounds)


def ends_well(rounds: Rounds) -> None:
    rounds.wait()
    number = str(rounds.number)
    assert rounds.maps() == dict.fromkeys(("half-0", "half-1", "moved", "renamed", "comes"), number)
    releases = rounds.releases()
    assert releases.keys() == {"half-0", "half-1", f"renamed-{number}", f"comes-{number}"}
    for states in releases.values():
        assert (states[-1], states.count("deployed")) == ("deployed", 1) and not any(one.startswith("pending") for one in states)
    rounds.look()
    assert len(rounds.seen) == 1 and "gone" not in rounds.seen
    assert len(rounds.world.clusters()) == 1
