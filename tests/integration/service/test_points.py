"""A service that is killed at named points of what it does with a commit: each time the next one ends with what was wanted, its store
agrees with itself, and nothing was ever gone that only moved."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from extension.delivery.client import Client, Kind
from extension.delivery.helm_records import HelmRecords
from extension.delivery.kubeconfig import read
from tests.faults.kinds import AGREES
from tests.faults.points import HUB, armed, under
from tests.integration.service.running import SECONDS, Service, start, wait_for

pytestmark = pytest.mark.xdist_group("kube")

CONFIG_MAPS = Kind("v1", "ConfigMap", "configmaps", True)
NAMESPACE = "hub-points"


class Rounds:
    """Round after round a commit upgrades a bundle, renames the release of another, brings one, takes one, and moves a ConfigMap."""

    client: Client
    """A test's own."""
    token: str
    """Shown at the first start only."""

    def __init__(self, folder: Path, kubeconfig: Path) -> None:
        self._folder, self._kubeconfig, self._repository = folder, kubeconfig, folder / "repository"
        self.armed, self.number = folder / "armed", 0
        self.seen: set[str] = set()
        self._git("init", "--quiet", "--initial-branch=main")
        self.begin()

    def begin(self) -> None:
        command = under(self.armed, ["serve", "--port", "0"])
        arguments = ("--kubeconfig", str(self._kubeconfig), "--allow-file-repos", "--polling-interval", "1", "--drift-interval", "2")
        self.service: Service = start(self._folder / "state", *arguments, command=command)

    def next(self) -> None:
        self.number += 1
        for name in (0, 1):
            self._write(f"half-{name}", **{f"half-{name}": self.number, **({"moved": self.number} if name == self.number % 2 else {})})
        self._write("renamed", f"helm: {{releaseName: hub-renamed-{self.number}}}\n", renamed=self.number)
        self._write(f"comes-{self.number}", comes=self.number)
        self._git("add", ".")
        self._git("commit", "--quiet", "-m", str(self.number))

    def _write(self, folder: str, more: str = "", **maps: int) -> None:
        there = self._repository / folder
        for old in self._repository.glob("comes-*/*") if folder.startswith("comes") else there.glob("*"):
            old.unlink()
        there.mkdir(exist_ok=True)
        (there / "fleet.yaml").write_text(f"defaultNamespace: {NAMESPACE}\n{more}")
        for name, number in maps.items():
            text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{number: '{number}'}}\n"
            (there / f"{name}.yaml").write_text(text)

    def _git(self, *words: str) -> None:
        self._repository.mkdir(exist_ok=True)
        identity = ("-c", "user.name=test", "-c", "user.email=test@example.com")
        subprocess.run(["git", *identity, *words], cwd=self._repository, check=True)

    @property
    def spec(self) -> dict[str, Any]:
        return {"repo": f"file://{self._repository}", "branch": "main", "paths": ["half-0", "half-1", "renamed", "comes-*"]}

    def look(self) -> None:
        found = self.client.get(CONFIG_MAPS, NAMESPACE, "moved")
        self.seen.add(str(found["metadata"]["uid"]) if found else "gone")

    def wait(self) -> None:
        """Until the end of the round, and looks all the time at what moves."""
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=self._repository, check=True, capture_output=True, text=True).stdout.strip()
        wait_for(self.service.ready, "readiness")
        end = time.monotonic() + SECONDS
        bundles = {"points-half-0": "", "points-half-1": "", "points-renamed": "", f"points-comes-{self.number}": ""}
        maps = dict.fromkeys(("half-0", "half-1", "moved", "renamed", "comes"), str(self.number))
        while (found := (self.commit(), self.bundles(), self.maps())) != (head, bundles, maps):
            assert time.monotonic() < end, f"{found}\n{self.service.log.read_text()[-3000:]}"
            self.look()
            time.sleep(0.05)

    def call(self, method: str, path: str, **more: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = requests.request(method, f"{self.service.url}{path}", headers=headers, timeout=10, **more)
        assert answer.ok, answer.text
        return answer.json()

    def commit(self) -> str:
        status = self.call("GET", "/v1/fleet.cattle.io.gitrepos/fleet-local/points")["status"]
        return str(status.get("commit") if status.get("gitJobStatus") == "Current" else "")

    def bundles(self) -> dict[str, str]:
        """The states of all there are, empty for one that is Ready everywhere."""
        found = self.call("GET", "/v1/fleet.cattle.io.bundles/fleet-local")["data"]
        return {one["metadata"]["name"]: one["status"].get("display", {}).get("state") or "" for one in found}

    def maps(self) -> dict[str, str]:
        found = self.client.list(CONFIG_MAPS, NAMESPACE)
        return {one["metadata"]["name"]: one["data"]["number"] for one in found if one["metadata"]["name"] != "kube-root-ca.crt"}

    def releases(self) -> dict[str, list[str]]:
        """The states of the revisions of each release there is, oldest first."""
        records = HelmRecords(self.client)
        found = {one.name for one, _ in records.deployed() if one.namespace == NAMESPACE}
        return {name: [one.status for one in records.revisions(NAMESPACE, name)] for name in found}

    def audited(self) -> str:
        command = [*under(self.armed, ["doctor"]), "--audit", "--state-dir", str(self.service.state)]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


@pytest.fixture(scope="module")
def rounds(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rounds]:
    made = Rounds(tmp_path_factory.mktemp("points"), kubeconfig)
    try:
        wait_for(made.service.ready, "readiness")
        made.token = made.service.line("token: ")
        made.next()
        made.call(
            "POST", "/v1/fleet.cattle.io.gitrepos", json={"metadata": {"name": "points", "namespace": "fleet-local"}, "spec": made.spec}
        )
        states = dict.fromkeys(("points-half-0", "points-half-1", "points-renamed", "points-comes-1"), "")
        wait_for(lambda: made.commit() and made.bundles() == states, "the first round")
        yield made
    finally:
        made.service.stop(signal.SIGKILL)


@pytest.fixture
def client(kubeconfig: Path) -> Iterator[Client]:
    made = Client(read(kubeconfig.read_text()))
    yield made
    made.close()


@pytest.mark.parametrize("name", HUB)
def test_killed_at_any_point_it_ends_with_what_was_wanted(rounds: Rounds, client: Client, name: str) -> None:
    rounds.client = client
    rounds.seen.clear()
    rounds.look()
    fired = armed(rounds.armed, f"hub {name}")
    rounds.next()
    wait_for(fired.exists, f"the point to be reached\n{rounds.service.log.read_text()[-3000:]}")
    assert rounds.service.process.wait(10) == -signal.SIGKILL
    rounds.begin()
    rounds.wait()
    number = str(rounds.number)
    releases = rounds.releases()
    assert releases.keys() == {"points-half-0", "points-half-1", f"hub-renamed-{number}", f"points-comes-{number}"}
    for states in releases.values():
        assert (states[-1], states.count("deployed")) == ("deployed", 1) and not any(one.startswith("pending") for one in states)
    rounds.look()
    assert len(rounds.seen) == 1 and "gone" not in rounds.seen
    assert rounds.audited() == AGREES
