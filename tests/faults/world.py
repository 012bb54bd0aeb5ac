"""A service with simulated agents that live while something goes wrong, and the audit of it all afterwards."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import requests

from extension.client import ApiClient
from extension.commands.simulate import registration
from extension.simulator.behaviour import Behaviour
from extension.simulator.comparing import Comparison, Count, Mismatch, Row
from extension.simulator.doors import Away, HttpDoor
from extension.simulator.running import Shard, at_once, join
from tests.faults import disk
from tests.faults.trouble import Trouble
from tests.integration.postgres.server import Server
from tests.integration.service.running import start

WORKSPACE = "fleet-default"
BUNDLES = "/v1/fleet.cattle.io.bundles"
PLACE = f"{BUNDLES}/{WORKSPACE}"
AT_ONCE = 500
PAGE = 1000
START = 240.0
"""Seconds a service may take to start: machines can be slow."""
ROUGH = Behaviour(
    deploy_seconds=2, failing=0.1, offline=0.02, offline_seconds=20, restarting=0.05, duplicated=0.1, delayed=0.1, skewed=5, interval=5
)
RINGS = 10
"""How many of the simulator's label `ring` there are: a change is one ring's, so that a large fleet's load stays modest."""
Say = Callable[[str], None]


class Door(HttpDoor):
    def close(self) -> None:
        self._connection.close()


class World:
    """`server` is the database server, where there is one; `trouble` is in the processes of the service, or of that server."""

    def __init__(
        self, folder: Path, *, count: int, bundles: int = 3, behaviour: Behaviour = ROUGH, connections: int = 8, threads: int = 32,
        server: Server | None = None, trouble: Trouble | None = None, megabytes: int = 0, say: Say = lambda _text: None,
    ) -> None:  # fmt: skip
        self.folder, self.count, self.server, self.trouble, self.say = folder, count, server, trouble, say
        self.state = folder / "state"
        self._url = server.empty() if server else ""
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._arguments = ("--port", str(port), "--processes", "2", "--threads", str(threads))
        self._prefix = (*disk.small(megabytes), str(self.state)) if megabytes else ()
        self.bundles = [f"b{number}" for number in range(bundles)]
        self._doors: list[Door] = []
        self.shards = [Shard(self.door(), behaviour, seed) for seed in range(connections)]
        self.start()

    def peopled(self) -> None:
        """The bundles, and clusters that have registered."""
        self.token = self.service.line("token: ")
        for number, name in enumerate(self.bundles):
            self.asked("POST", BUNDLES, json=_bundle(name, 0, number))
        _, self.secret = registration(ApiClient(self.url, self.token), WORKSPACE, "faults")
        join(self.shards, self.secret, "fault", self.count, AT_ONCE)
        self.say(f"{self.count} clusters have registered")

    # the service

    def start(self) -> None:
        """The trouble of a database server is its own: what is slow there is not slow in the service."""
        environment = {"RANCHER_CD_DATABASE_URL": self._url} if self.server else dict(self.trouble.environment if self.trouble else {})
        self.service = start(self.state, *self._arguments, prefix=self._prefix, **environment)

    def answers(self) -> None:
        """Waits until the service does."""
        for _ in waiting("the service to answer", START):
            assert self.service.process.poll() is None, self.service.log.read_text()
            with suppress(requests.RequestException):
                if requests.get(f"{self.url}/readyz", timeout=5).ok:
                    return

    def stop(self) -> None:
        if self.service.process.poll() is None:
            self.service.process.send_signal(signal.SIGTERM)
            self.service.process.wait(60)

    def close(self) -> None:
        self.stop()
        for door in self._doors:
            door.close()

    def door(self) -> Door:
        """A connection of an agent, which ends with the world."""
        self._doors.append(Door(self.url))
        return self._doors[-1]

    def log(self) -> str:
        """What all starts of the service said."""
        return "".join(path.read_text() for path in sorted(self.folder.glob("*.log")))

    def workers(self) -> list[int]:
        parent = self.service.process.pid
        return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]

    def engine(self) -> int | None:
        """The process that works as the engine; None while there is none."""
        found = re.findall(r"works as the engine\s.*pid=(\d+)", self.service.log.read_text())
        return int(found[-1]) if found and int(found[-1]) in self.workers() else None

    def killed(self, which: str) -> int:
        """Kills the engine's process, or one that only answers. Its number."""
        for _ in waiting(f"a process that is killed as {which}", START):
            engine = self.engine()
            chosen = [pid for pid in self.workers() if (pid == engine) == (which == "engine")]
            if engine is not None and chosen:
                os.kill(chosen[0], signal.SIGKILL)
                return chosen[0]
        raise AssertionError

    def once(self, method: str, path: str, *, headers: Mapping[str, str] = {}, **body: Any) -> requests.Response:
        said = {"Authorization": f"Bearer {self.token}", **headers}
        return requests.request(method, f"{self.url}{path}", headers=said, timeout=60, **body)

    def asked(self, method: str, path: str, **body: Any) -> Any:
        """The answer, of whoever answers, once somebody does."""
        for _ in waiting(f"an answer to {method} {path}", START, 0.1):
            try:
                answer = self.once(method, path, **body)
            except requests.RequestException:
                continue
            if answer.status_code < 500 and answer.status_code != 429:
                assert answer.ok or answer.status_code == 409, answer.text
                return answer.json()
        raise AssertionError

    def changed(self, number: int) -> None:
        """One bundle goes with another namespace to the clusters of one ring."""
        name = self.bundles[number % len(self.bundles)]
        self.asked("PUT", f"{PLACE}/{name}", json=_bundle(name, number, number % RINGS), headers={"If-Match": "*"})

    # the agents

    @contextmanager
    def living(self) -> Iterator[None]:
        """While this lasts the agents ask and report."""
        stopped = threading.Event()
        thread = threading.Thread(target=lambda: at_once(self.shards, lambda shard: shard.run(float("inf"), stopped)), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            thread.join()

    def settled(self, seconds: float = START) -> float:
        """Nothing goes wrong any more: the seconds until every bundle is counted Ready on every cluster."""
        began = time.monotonic()
        for name in self.bundles:
            for _ in waiting(f"{name} to be planned", seconds, 0.2):
                found = self.asked("GET", f"{PLACE}/{name}")
                if found["status"].get("observedGeneration") == found["metadata"]["generation"] and self.engine():
                    break
        for _ in waiting("all deployments to be counted", seconds + self.count / 50, 0.5):
            at_once(self.shards, Shard.settle)
            shown = [self.asked("GET", f"{PLACE}/{name}")["status"]["display"]["readyClusters"] for name in self.bundles]
            self.say(f"settled: {', '.join(shown)}")
            if shown == [f"{self.count}/{self.count}"] * len(self.bundles):
                return time.monotonic() - began
        raise AssertionError

    # the audit

    def compared(self) -> list[Mismatch]:
        """Every row and every counter, as the API shows them, that is not what the agents know."""
        self.say("every row is compared")
        client = ApiClient(self.url, self.token)
        made = Comparison([shard.agents for shard in self.shards], self._names())
        found: list[Mismatch] = []
        for name in self.bundles:
            of = {"bundle": f"{WORKSPACE}/{name}", "limit": str(PAGE)}
            found += made.rows(map(_row, client.list("/v1/fleet.cattle.io.bundledeployments", **of)))
        found += made.missing()
        fields = {"limit": str(PAGE), "exclude": ["spec", "links", "actions"]}
        found += made.clusters(map(_count, client.list("/v1/fleet.cattle.io.clusters", **fields)))
        found += made.bundles(_count(client.get(f"{PLACE}/{name}"), short=True) for name in self.bundles)
        wanted = self.count * len(self.bundles)
        if made.rows_compared != wanted:
            found.append(Mismatch("all rows", str(wanted), str(made.rows_compared)))
        return found

    def _names(self) -> dict[int, str]:
        """The bundles by the number that agents report them with, as one of them is told."""
        work, _ = self.door().check_in(self.shards[0].agents.keys[0], "")
        return {} if work is None else {item.bundle_id: item.bundle_name for item in work.items}

    def audited(self) -> str:
        """What `rancher-cd doctor --audit` says, beside the running service."""
        self.say("the store is audited")
        command = [sys.executable, "-c", "from extension.cli import main; main()", "doctor", "--audit"]
        state = disk.seen(self.service) if self._prefix else self.state
        variables = {**os.environ, **({"RANCHER_CD_DATABASE_URL": self._url} if self.server else {})}
        done = subprocess.run([*command, "--state-dir", str(state)], capture_output=True, text=True, check=False, env=variables)
        return (done.stdout + done.stderr).strip()

    def acknowledged(self) -> int:
        return sum(len(of) for shard in self.shards for of in shard.agents.known.values())


def outcome(ask: Callable[[], Any]) -> str:
    """`done`, or why a hub sent an agent away."""
    try:
        ask()
    except Away as away:
        return away.why
    return "done"


def waiting(what: str, seconds: float = 60.0, pause: float = 0.1) -> Iterator[None]:
    """Turns until somebody is satisfied. Fails naming `what`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(pause)
    raise AssertionError(f"waited {seconds:g} s for {what}")


def _bundle(name: str, number: int, ring: int) -> dict[str, Any]:
    targets = [
        {"name": "ring", "clusterSelector": {"matchLabels": {"ring": f"ring{ring}"}}, "namespace": f"n{number}"},
        {"name": "all", "clusterSelector": {}},
    ]
    content = f"kind: ConfigMap\napiVersion: v1\nmetadata: {{name: {name}}}\n"
    restrictions = [{"name": one["name"], "clusterSelector": one["clusterSelector"]} for one in targets]
    spec = {"resources": [{"name": "a.yaml", "content": content}], "targets": targets, "targetRestrictions": restrictions}
    return {"metadata": {"name": name, "namespace": WORKSPACE}, "spec": spec}


def _row(shown: dict[str, Any]) -> Row:
    labels, spec, status = shown["metadata"]["labels"], shown["spec"], shown.get("status", {})
    cluster = f"{labels['fleet.cattle.io/cluster-namespace']}/{labels['fleet.cattle.io/cluster']}"
    return Row(
        cluster, labels["fleet.cattle.io/bundle-name"], spec.get("deploymentID", ""), status.get("appliedDeploymentID", ""),
        bool(status.get("ready")), status.get("display", {}).get("state", ""),
    )  # fmt: skip


def _count(shown: dict[str, Any], short: bool = False) -> Count:
    meta, summary = shown["metadata"], shown.get("status", {}).get("summary", {})
    name = meta["name"] if short else f"{meta['namespace']}/{meta['name']}"
    return Count(name, int(summary.get("desiredReady", 0)), int(summary.get("ready", 0)))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
