"""SIZE simulated agents (default 2,000) of a service of two processes, of which one is killed with -9 again and again, at random moments,
while bundles change. At the end everything acknowledged must be known, all must converge, and the store must agree with itself.

The second argument is how many kills there are (default 50). Told: what was lost, and how long it took to converge.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import requests

from extension.client import ApiClient
from extension.commands.simulate import registration
from extension.simulator.behaviour import Behaviour
from extension.simulator.doors import HttpDoor
from extension.simulator.running import Shard, at_once, join, total
from tests.benchmarks.bench_checkin import WORKSPACE, bundle
from tests.benchmarks.common import figure, size
from tests.benchmarks.service import Service, served, waiting

BUNDLES = 3
CONNECTIONS = 8
ROUGH = Behaviour(
    deploy_seconds=2, failing=0.1, offline=0.02, offline_seconds=20, restarting=0.05, duplicated=0.1, delayed=0.1, skewed=5, interval=5
)
PLACE = f"/v1/fleet.cattle.io.bundles/{WORKSPACE}"


def main() -> None:
    count = size(2_000, most=100_000)
    kills = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    chance = random.Random(count)
    with tempfile.TemporaryDirectory() as scratch, served(Path(scratch), "--processes", "2") as service:
        _, word = registration(ApiClient(service.url, service.token), WORKSPACE, "bench")
        made = [Shard(HttpDoor(service.url), ROUGH, seed) for seed in range(CONNECTIONS)]
        join(made, word, "fault", count, 500)
        for number in range(BUNDLES):
            service.post("/v1/fleet.cattle.io.bundles", bundle(number))
        stopped = threading.Event()
        living = threading.Thread(target=lambda: at_once(made, lambda shard: shard.run(shard.now() + 3600, stopped)), daemon=True)
        living.start()
        for number in range(kills):
            time.sleep(chance.uniform(0.2, 2.0))
            killed(service, chance)
            changed(service, chance, number)
        stopped.set()
        living.join()
        start = time.perf_counter()
        at_once(made, Shard.settle)
        for number in range(BUNDLES):
            for _ in waiting(f"all deployments of b{number}", 300, 0.2):
                at_once(made, Shard.settle)
                if asked(service, f"{PLACE}/b{number}")["status"]["display"]["readyClusters"].startswith(f"{count}/"):
                    break
        converged = time.perf_counter() - start
        told(service, Path(scratch), made, count, kills, converged)


def told(service: Service, scratch: Path, made: list[Shard], count: int, kills: int, converged: float) -> None:
    different = [one for shard in made for one in shard.compared()]
    program = str(Path(sys.executable).parent / "rancher-cd")
    audit = subprocess.run(
        [program, "doctor", "--audit", "--state-dir", str(scratch / "state")], capture_output=True, text=True, check=False
    )
    known = sum(len(of) for shard in made for of in shard.agents.known.values())
    figures = total(made)
    what = f"deployments the hub acknowledged and forgot; {ROUGH}"
    figure("faults", count, len(different), "deployments", rss_mib=service.mib(), what=what, kills=kills, acknowledged=known,
           reports=figures.told["report"], refused=dict(figures.refused), audit=audit.stdout.strip() or audit.stderr.strip())  # fmt: skip
    figure("faults", count, converged, "s", rss_mib=service.mib(), what="from the last kill until all deployments are counted Ready")


def killed(service: Service, chance: random.Random) -> None:
    workers = Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children").read_text().split()
    if workers:
        os.kill(int(chance.choice(workers)), signal.SIGKILL)


def changed(service: Service, chance: random.Random, number: int) -> None:
    """Another content for one of the bundles, every few kills, by whoever answers."""
    if number % 5:
        return
    name = f"b{chance.randrange(BUNDLES)}"
    body = bundle(1000 + number)
    body["metadata"]["name"] = name
    for _ in waiting("the change to be taken"):
        try:
            answer = requests.put(f"{service.url}{PLACE}/{name}", json=body, headers={**service.headers, "If-Match": "*"}, timeout=10)
        except requests.RequestException:
            continue
        if answer.ok:
            return


def asked(service: Service, path: str) -> Any:
    for _ in waiting("an answer"):
        try:
            return service.get(path)
        except requests.RequestException:
            continue
    raise AssertionError


if __name__ == "__main__":
    main()
