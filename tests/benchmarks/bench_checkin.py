"""SIZE simulated agents (default 5,000) of a running service: registered over HTTP, and then asking for work all the time.

Told: registrations a second one by one and in bulk, check-ins without news that a second holds (each agent asks every
SIZE/2500 seconds, whatever the hub says) with the time to the answer; a bundle's way to all of them, each asking for it and
reporting; and reports alone, of agents whose deployment is Ready and NotReady by turns, with the counters after each of some.
With each figure are the microseconds of processor time that service and simulator took for one of it, which say what it would
be where nothing else runs. A second argument is how many processes the service has.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from extension.client import ApiClient
from extension.commands.simulate import registration
from extension.objects.agents import DeploymentReport
from extension.simulator.behaviour import Behaviour
from extension.simulator.doors import HttpDoor
from extension.simulator.running import Shard, at_once, join, total
from tests.benchmarks.common import figure, size
from tests.benchmarks.fleet import ready, timed
from tests.benchmarks.service import Service, served, waiting

WORKSPACE = "fleet-default"
RATE = 2500
SECONDS = 20.0
CONNECTIONS = 16
SINGLY = 2000
LOOKED_AT = 100
"""Each of so many reports is followed by a look at the counters."""
ALL = {"clusterSelector": {}, "name": "all"}
SIMULATED = "simulated agents on this machine, in one process, over 16 kept connections"


class Used:
    """Processor time of service and simulator since this was made."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._before = (service.cpu(), time.process_time())

    def for_each(self, count: float) -> dict[str, int]:
        """Microseconds."""
        used = zip((self._service.cpu(), time.process_time()), self._before, strict=True)
        server, simulator = (round(1e6 * (now - before) / max(1, count)) for now, before in used)
        return {"service_us": server, "simulator_us": simulator}


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
    processes = sys.argv[2] if len(sys.argv) > 2 else "1"
    with tempfile.TemporaryDirectory() as scratch, served(Path(scratch), "--processes", processes) as service:
        _, word = registration(ApiClient(service.url, service.token), WORKSPACE, "bench")
        alone = [Shard(HttpDoor(service.url), behaviour, seed) for seed in range(CONNECTIONS)]
        used, singly = Used(service), min(SINGLY, count)
        taken = registered(alone, word, "single", singly, 1)
        figure("register", singly, singly / taken, "clusters/s", what=f"one by one over HTTP, {SIMULATED}", **used.for_each(singly))
        made = [Shard(HttpDoor(service.url), behaviour, seed) for seed in range(CONNECTIONS)]
        taken = registered(made, word, "many", count, 1000)
        figure("register", count, count / taken, "clusters/s", what=f"1,000 a request over HTTP, {SIMULATED}")
        for _ in waiting("every agent to have asked for everything once", 600, 0):
            lived(made, count / RATE)
            if all(all(shard.agents.since) for shard in made):
                break
        told(service, made, count)
        deployed(service, made, count)
        reported(service, made)


def told(service: Service, made: list[Shard], count: int) -> None:
    before, used = total(made).told["check-in"], Used(service)
    for shard in made:
        shard.figures.seconds.clear()
        shard.figures.late = 0.0
    taken = lived(made, SECONDS)
    figures = total(made)
    asked = figures.told["check-in"] - before
    figure("checkin", count, asked / taken, "check-ins/s", rss_mib=service.mib(), what=f"with nothing to do, {SIMULATED}",
           milliseconds=figures.percentiles("check-in"), refused=dict(figures.refused), simulator_late_seconds=round(figures.late, 3),
           **used.for_each(asked))  # fmt: skip


def deployed(service: Service, made: list[Shard], count: int) -> None:
    """A bundle for all of them: each asks for its work and says that it is done."""
    before, used, start = total(made).told["report"], Used(service), time.perf_counter()
    service.post("/v1/fleet.cattle.io.bundles", bundle(1))
    with living(made):
        for _ in waiting("every deployment to be ready", 600, 0.1):
            if ready_of(service) == count:
                break
        taken = time.perf_counter() - start
    figures = total(made)
    told = figures.told["report"] - before
    figure("report", count, told / taken, "reports/s", rss_mib=service.mib(),
           what=f"from the bundle's creation until the last one is counted, each after a check-in with its work, {SIMULATED}",
           milliseconds=figures.percentiles("report"), work=figures.percentiles("work"), refused=dict(figures.refused),
           **used.for_each(told))  # fmt: skip


@contextmanager
def living(made: list[Shard]) -> Iterator[None]:
    """The agents live beside this for as long as it lasts."""
    stopped = threading.Event()
    thread = threading.Thread(target=lambda: at_once(made, lambda shard: shard.run(shard.now() + 600, stopped)), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def reported(service: Service, made: list[Shard]) -> None:
    """Agents that have their work report that it is not ready any more, and then that it is. No more is in between: who reports goes
    on with the answer. After some answers the counters are looked at, and must be those of all that was answered."""
    for shard in made:
        shard.figures.seconds.clear()
    used, began = Used(service), time.perf_counter()
    reports = sum(alternating(service, made, is_ready) for is_ready in (False, True))
    taken = time.perf_counter() - began
    figures = total(made)
    figure("report", reports // 2, reports / taken, "reports/s", rss_mib=service.mib(),
           what=f"of a state that changed, one a request, the counters looked at and right after each {LOOKED_AT}th, {SIMULATED}",
           milliseconds=figures.percentiles("report"), **used.for_each(reports))  # fmt: skip


def alternating(service: Service, made: list[Shard], is_ready: bool) -> int:
    """Every agent reports once; how many did. Raises RuntimeError when a counter does not say what was answered."""
    guard, started, answered = threading.Lock(), [0], [0]
    every = sum(len(shard.agents) for shard in made)

    def told(shard: Shard) -> None:
        for number in range(len(shard.agents)):
            ((bundle_id, known),) = shard.agents.known[number].items()
            status = msgspec.structs.replace(ready(known.deployment_id), ready=is_ready)
            with guard:
                started[0] += 1
            shard.say(number, (DeploymentReport(bundle_id, known.sequence + 1, status=status),))
            with guard:
                answered[0] += 1
                least, look = answered[0], not answered[0] % LOOKED_AT
            if look:
                shown = ready_of(service)
                changed = shown if is_ready else every - shown
                if not least <= changed <= started[0]:
                    raise RuntimeError(f"{changed} counted, {least} answered of {started[0]}")

    at_once(made, told)
    if answered[0] != every:
        raise RuntimeError(f"{answered[0]} of {every} reports were answered, or a counter was wrong")
    return every


def ready_of(service: Service) -> int:
    """How many deployments of the bundle are counted as Ready."""
    shown = service.get(f"/v1/fleet.cattle.io.bundles/{WORKSPACE}/b1").get("status", {}).get("display", {}).get("readyClusters", "")
    return int(shown.partition("/")[0] or 0)


if __name__ == "__main__":
    main()
