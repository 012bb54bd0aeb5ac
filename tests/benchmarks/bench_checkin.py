"""SIZE simulated agents (default 5,000) of a running service: registered over HTTP, and then asking for work all the time.

Told: registrations a second one by one and in bulk, check-ins without news that a second holds (each agent asks every
SIZE/2500 seconds, whatever the hub says) with the time to the answer, and reports a second with the counters right behind each.
"""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from extension.client import ApiClient
from extension.commands.simulate import registration
from extension.simulator.behaviour import Behaviour
from extension.simulator.doors import HttpDoor
from extension.simulator.running import Shard, at_once, join, total
from tests.benchmarks.common import figure, size
from tests.benchmarks.fleet import timed
from tests.benchmarks.service import Service, served, waiting

WORKSPACE = "fleet-default"
RATE = 2500
SECONDS = 20.0
CONNECTIONS = 16
SINGLY = 2000
ALL = {"clusterSelector": {}, "name": "all"}
SIMULATED = "simulated agents on this machine, in one process, over 16 kept connections"


def registered(made: list[Shard], word: str, prefix: str, count: int, many: int) -> float:
    """Seconds it took to register `count` clusters, so many with a request."""
    return timed(lambda: join(made, word, prefix, count, many))


def lived(made: list[Shard], seconds: float) -> float:
    stopped, start = threading.Event(), time.perf_counter()
    at_once(made, lambda shard: shard.run(shard.now() + seconds, stopped))
    return time.perf_counter() - start


def bundle(number: int) -> dict[str, Any]:
    spec = {"resources": [{"name": "a.yaml", "content": f"kind: ConfigMap # {number}"}], "targets": [ALL], "targetRestrictions": [ALL]}
    return {"metadata": {"name": f"b{number}", "namespace": WORKSPACE}, "spec": spec}


def main() -> None:
    count = size(5_000, most=100_000)
    behaviour = Behaviour(deploy_seconds=0, interval=count / RATE)
    with tempfile.TemporaryDirectory() as scratch, served(Path(scratch)) as service:
        _, word = registration(ApiClient(service.url, service.token), WORKSPACE, "bench")
        alone = [Shard(HttpDoor(service.url), behaviour, seed) for seed in range(CONNECTIONS)]
        taken = registered(alone, word, "single", min(SINGLY, count), 1)
        figure("register", min(SINGLY, count), min(SINGLY, count) / taken, "clusters/s", what=f"one by one over HTTP, {SIMULATED}")
        made = [Shard(HttpDoor(service.url), behaviour, seed) for seed in range(CONNECTIONS)]
        taken = registered(made, word, "many", count, 1000)
        figure("register", count, count / taken, "clusters/s", what=f"1,000 a request over HTTP, {SIMULATED}")
        lived(made, 2 * count / RATE)  # all have asked for everything once
        told(service, made, count)
        reported(service, made, count)


def told(service: Service, made: list[Shard], count: int) -> None:
    before, used = total(made).told["check-in"], service.cpu()
    for shard in made:
        shard.figures.seconds.clear()
        shard.figures.late = 0.0
    taken = lived(made, SECONDS)
    figures = total(made)
    asked = figures.told["check-in"] - before
    figure("checkin", count, asked / taken, "check-ins/s", rss_mib=service.mib(), what=f"with nothing to do, {SIMULATED}",
           milliseconds=figures.percentiles("check-in"), refused=dict(figures.refused), simulator_late_seconds=round(figures.late, 3),
           server_cpu=round((service.cpu() - used) / taken, 2))  # fmt: skip


def reported(service: Service, made: list[Shard], count: int) -> None:
    """A bundle for all of them: each asks for its work and says that it is done."""
    before = total(made).told["report"]
    service.post("/v1/fleet.cattle.io.bundles", bundle(1))
    stopped, start = threading.Event(), time.perf_counter()
    living = threading.Thread(target=lambda: at_once(made, lambda shard: shard.run(shard.now() + 600, stopped)), daemon=True)
    living.start()
    want = f"{count}/"
    for _ in waiting("every deployment to be ready", 600, 0.1):
        shown = service.get(f"/v1/fleet.cattle.io.bundles/{WORKSPACE}/b1").get("status", {}).get("display", {}).get("readyClusters", "")
        if shown.startswith(want):
            break
    taken = time.perf_counter() - start
    stopped.set()
    living.join()
    figures = total(made)
    figure("report", count, (figures.told["report"] - before) / taken, "reports/s", rss_mib=service.mib(),
           what=f"from the bundle's creation until the last one is counted, each after a check-in with its work, {SIMULATED}",
           milliseconds=figures.percentiles("report"), work=figures.percentiles("work"), refused=dict(figures.refused))  # fmt: skip


if __name__ == "__main__":
    main()
