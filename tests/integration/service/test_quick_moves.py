"""Clusters that change their workspace quickly, again and again, while others plan, deploy and report: none is left behind."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from extension.client import ApiClient
from extension.commands.simulate import registration
from extension.simulator.behaviour import Behaviour
from extension.simulator.running import Shard, join
from tests.faults.world import Door
from tests.integration.service.running import Service, start, wait_for
from tests.integration.service.test_processes import CLUSTERS, WORKSPACE, bundle, directory

pytestmark = [pytest.mark.xdist_group("moves"), pytest.mark.timeout(900)]

OTHER = "other"
WANTED = {WORKSPACE: {"shop", "web"}, OTHER: {"ours"}}
MOVES = 80
PAUSES = (0.0, 0.0, 0.0, 0.02, 0.1, 0.3)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    running = start(tmp_path / "state", "--processes", "3", "--drift-interval", "600")
    try:
        wait_for(running.ready, "the service")
        made = running.call("POST", "/v1/management.cattle.io.fleetworkspaces", json={"metadata": {"name": OTHER}})
        assert made.status_code == 201
        for workspace, names in WANTED.items():
            for name in names:
                bundle(running, name, "1", workspace)
        yield running
    finally:
        running.stop()
    assert "Traceback" not in running.log.read_text(), running.log.read_text()


def moved(service: Service, places: dict[str, str], chance: random.Random, count: int) -> None:
    """So many moves of some of the clusters, whose workspaces are brought up to date."""
    for _ in range(count):
        name = chance.choice(sorted(places))
        target = OTHER if places[name] == WORKSPACE else WORKSPACE
        answer = service.call("POST", f"{CLUSTERS}/{places[name]}/{name}?action=move", json={"workspace": target})
        assert answer.status_code == 200, answer.text
        places[name] = target
        time.sleep(chance.choice(PAUSES))


def test_directory_clusters_that_are_moved_to_and_fro_end_with_what_their_workspace_wants(service: Service) -> None:
    places = dict.fromkeys(("one", "two", "three"), WORKSPACE)
    for name in places:
        directory(service, name)

    def deployed(name: str) -> set[str]:
        found = service.deployed(places[name], name).rglob("configmap_*.yaml")
        return {path.stem.removeprefix("configmap_") for path in found} - {"kube-root-ca.crt"}

    chance = random.Random(1)
    for _ in range(MOVES // 8):
        moved(service, places, chance, 8)
        for name, workspace in places.items():
            wait_for(lambda name=name, workspace=workspace: deployed(name) == WANTED[workspace], f"{name} in {workspace}")


def test_agents_whose_clusters_are_moved_to_and_fro_end_with_what_their_workspace_wants(service: Service) -> None:
    _, secret = registration(ApiClient(service.url, service.line("token: ")), WORKSPACE, "join")
    door = Door(service.url)
    shard = Shard(door, Behaviour(deploy_seconds=0.1, interval=0.2, duplicated=0.2), 1)
    join([shard], secret, "moving", 5, 5)
    places = {name.partition("/")[2]: WORKSPACE for name in shard.agents.names}
    stopped = threading.Event()
    living = threading.Thread(target=lambda: shard.run(float("inf"), stopped), daemon=True)
    living.start()
    moved(service, places, random.Random(2), MOVES)
    stopped.set()
    living.join()

    def told() -> list[set[str]]:
        """By agent, the bundles that the hub wants on its cluster, and knows to be there and Ready."""
        shard.settle()
        asked = [door.check_in(key, "")[0] for key in shard.agents.keys]
        items = [work.items if work else () for work in asked]
        return [
            {i.bundle_name for i in of if i.status and i.status.ready and i.status.applied_deployment_id == i.deployment_id} for of in items
        ]

    wanted = [WANTED[places[name.partition("/")[2]]] for name in shard.agents.names]
    wait_for(lambda: told() == wanted, f"every agent to have what its workspace wants: {wanted}")
    assert list(shard.compared()) == []
    door.close()
