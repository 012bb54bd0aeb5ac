"""The agent of a folder: a real program, a real service, TLS between them."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

from tests.integration.agent.conftest import CLUSTERS, WORKSPACE, Agent, World
from tests.integration.service.running import wait_for

Make = Callable[..., Agent]


def folder(agents: Make, tmp_path: Path, name: str = "one") -> tuple[Agent, Path]:
    there = tmp_path / name / "cluster"
    return agents(name, "--directory", str(there), "--drift-interval", "0.5"), there


def text(there: Path, name: str) -> str:
    found = list(there.glob(f"default/*/configmap_{name}.yaml"))
    return found[0].read_text() if found else ""


def test_it_installs_upgrades_corrects_and_removes(world: World, agents: Make, tmp_path: Path) -> None:
    agent, there = folder(agents, tmp_path)
    world.bundle("web", correctDrift={"enabled": True})
    agent.start()
    wait_for(lambda: world.deployments().get("web") == "Ready", f"the deployment\n{agent.log.read_text()}")
    wait_for(lambda: world.clusters()[0]["status"]["agent"].get("lastSeen"), "the cluster to have been seen")
    world.bundle("web", "two", correctDrift={"enabled": True})
    wait_for(lambda: "two" in text(there, "web"), "the other content")
    (file,) = there.glob("default/*/configmap_web.yaml")
    file.write_text(file.read_text().replace("two", "tampered"))
    wait_for(lambda: "two" in text(there, "web"), "the correction")
    assert world.call("DELETE", f"/v1/fleet.cattle.io.bundles/{WORKSPACE}/web").ok
    wait_for(lambda: not text(there, "web") and not world.deployments(), "the removal")
    assert agent.stop() == 0
    secret = world.values.read_text().split("token: ")[1].split()[0]
    assert secret not in agent.log.read_text()


def test_while_the_service_is_away_it_corrects_and_afterwards_it_catches_up(world: World, agents: Make, tmp_path: Path) -> None:
    agent, there = folder(agents, tmp_path)
    world.bundle("web", correctDrift={"enabled": True})
    agent.start()
    wait_for(lambda: world.deployments().get("web") == "Ready", "the deployment")
    world.bundle("new")
    world.service.stop()
    (file,) = there.glob("default/*/configmap_web.yaml")
    file.write_text(file.read_text().replace("one", "tampered"))
    wait_for(lambda: "one" in text(there, "web"), "the correction without a hub")
    world.begin()
    wait_for(lambda: world.deployments() == {"web": "Ready", "new": "Ready"}, "what came meanwhile")


def test_a_key_that_is_rotated_and_an_agent_that_is_killed_meanwhile_lose_nothing(world: World, agents: Make, tmp_path: Path) -> None:
    agent, there = folder(agents, tmp_path)
    agent.start()
    (cluster,) = wait_for(world.clusters, "the cluster")
    kept = tmp_path / "one" / "state" / "identity.json"
    before = wait_for(lambda: kept.exists() and "key" in kept.read_text() and kept.read_text(), "the identity")
    assert kept.stat().st_mode & 0o077 == 0
    world.post(f"{CLUSTERS}/{cluster['id']}?action=rotateAgentKey", {})
    wait_for(lambda: kept.read_text() != before, "the other key")
    agent.stop(signal.SIGKILL)
    world.bundle("web")
    agent.start()
    wait_for(lambda: world.deployments().get("web") == "Ready", "the deployment")
    world.post(f"{CLUSTERS}/{cluster['id']}?action=revokeAgentKey", {})
    world.bundle("web", "two")
    wait_for(lambda: "two" in text(there, "web"), "the agent to have registered again")
    assert [one["id"] for one in world.clusters()] == [cluster["id"]]


def test_it_follows_its_cluster_into_another_workspace(world: World, agents: Make, tmp_path: Path) -> None:
    agent, there = folder(agents, tmp_path)
    for name in ("both", "leaves"):
        world.bundle(name)
    agent.start()
    wait_for(lambda: world.deployments() == {"both": "Ready", "leaves": "Ready"}, "the deployments")
    (file,) = there.glob("default/*/configmap_both.yaml")
    before = file.stat().st_mtime_ns
    world.post("/v1/management.cattle.io.fleetworkspaces", {"metadata": {"name": "edge"}})
    for name in ("both", "comes"):
        made = world.get("/v1/fleet.cattle.io.bundles/fleet-default/both")
        content = made["spec"]["resources"][0]["content"].replace("both", name)
        spec = {**made["spec"], "resources": [{"name": "a.yaml", "content": content}]}
        world.post("/v1/fleet.cattle.io.bundles", {"metadata": {"name": name, "namespace": "edge"}, "spec": spec})
    (cluster,) = world.clusters()
    asked = {"kind": "move", "ids": [cluster["id"]], "workspace": "edge"}
    made = world.post("/v1/operations", asked)
    wait_for(lambda: text(there, "comes") and not text(there, "leaves"), f"the move\n{agent.log.read_text()}")
    wait_for(lambda: world.get(f"/v1/operations/{made['id']}")["state"] == "done", f"the end\n{agent.log.read_text()}")
    wait_for(lambda: world.deployments() == {"both": "Ready", "comes": "Ready"}, "the deployments of the new workspace")
    assert file.stat().st_mtime_ns == before, "what both have is not touched"


def test_killed_at_any_moment_of_a_deployment_it_ends_whole(world: World, agents: Make, tmp_path: Path) -> None:
    agent, there = folder(agents, tmp_path)
    chance = random.Random(7)
    for number in range(6):
        for name in "abc":
            world.bundle(name, f"version {number}")
        agent.start()
        time.sleep(chance.uniform(0.5, 4.0))
        agent.stop(signal.SIGKILL)
    agent.start()
    wait_for(lambda: world.deployments() == dict.fromkeys("abc", "Ready"), f"the deployments\n{agent.log.read_text()}")
    wait_for(lambda: all("version 5" in text(there, name) for name in "abc"), "the last version")


def test_a_forced_update_of_the_agent_ends(world: World, agents: Make, tmp_path: Path) -> None:
    agent, _ = folder(agents, tmp_path)
    agent.start()
    (cluster,) = wait_for(world.clusters, "the cluster")
    asked = {"kind": "forceUpdate", "type": "fleet.cattle.io.clusters", "ids": [cluster["id"]]}
    made = world.post("/v1/operations", asked)
    assert made["state"] == "running"
    wait_for(lambda: world.get(f"/v1/operations/{made['id']}")["state"] == "done", f"the end\n{agent.log.read_text()}")


def test_what_can_not_be_is_said_and_ends_it(world: World, agents: Make, tmp_path: Path) -> None:
    agent = agents("bad", "--directory", str(tmp_path / "x"), "--server-url", "ftp://nowhere")
    agent.start()
    assert agent.process is not None and agent.process.wait(30) == 1
    assert "is not an http:// or https:// URL" in agent.log.read_text()


def test_a_cluster_that_is_deleted_takes_everything_with_it_and_does_not_come_back(world: World, agents: Make, tmp_path: Path) -> None:
    agent, there = folder(agents, tmp_path)
    for name in ("web", "db"):
        world.bundle(name)
    agent.start()
    wait_for(lambda: world.deployments() == {"web": "Ready", "db": "Ready"}, "the deployments")
    wait_for(lambda: world.clusters()[0]["status"]["agent"].get("lastSeen"), "the cluster to have been seen")
    (cluster,) = world.clusters()
    place, name = f"{CLUSTERS}/{cluster['id']}", cluster["metadata"]["name"]
    refused = world.call("DELETE", place)
    assert refused.status_code == 409 and "has 2 deployments: db, web" in refused.text
    assert world.call("DELETE", f"{place}?confirm={name}").ok
    wait_for(lambda: not world.clusters(), f"the cluster to be gone\n{agent.log.read_text()}")
    assert not text(there, "web") and not text(there, "db") and world.deployments() == {}
    agent.stop()
    agent.start()
    wait_for(lambda: agent.log.read_text().count("was deleted at the hub") == 2, "the agent that started again to know")
    assert world.clusters() == []
