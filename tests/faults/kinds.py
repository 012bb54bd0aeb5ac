"""The faults by name: what a world needs for each, and what goes wrong while its agents live.

A fault gives what there is to tell of it, and asserts what has to hold while it lasts; what has to hold afterwards is the same for all
(`passed`).
"""

from __future__ import annotations

import dataclasses
import random
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from extension.simulator.behaviour import Behaviour
from extension.simulator.running import Shard, join, total
from tests.faults import disk, trouble
from tests.faults.world import ROUGH, START, WORKSPACE, Say, World, outcome, waiting
from tests.integration.postgres import server

AGREES = "all that the store has twice agrees"
Told = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Times:
    """How often something goes wrong, and the seconds in between."""

    count: int
    least: float
    most: float

    def each(self, chance: random.Random) -> Iterator[int]:
        for number in range(self.count):
            time.sleep(chance.uniform(self.least, self.most))
            yield number


@dataclasses.dataclass(frozen=True)
class Fault:
    """`happens` is called while the agents live, or, where it says so, when it lets them (`alone`)."""

    happens: Callable[[World, random.Random, Times], Told]
    behaviour: Behaviour = ROUGH
    database: bool = False
    troubled: bool = False
    small_disk: bool = False
    alone: bool = False
    connections: int = 8
    threads: int = 32


def killed(which: str) -> Callable[[World, random.Random, Times], Told]:
    """A process of the service, again and again."""

    def happens(world: World, chance: random.Random, times: Times) -> Told:
        for number in times.each(chance):
            world.killed(which)
            _changed_now_and_then(world, number)
        return {"kills": times.count}

    return happens


def database_killed(world: World, chance: random.Random, times: Times) -> Told:
    """All processes of the database server; it comes back after a while."""
    assert world.server is not None
    for number in times.each(chance):
        world.server.kill()
        time.sleep(chance.uniform(0.0, 1.0))
        world.server.start()
        _changed_now_and_then(world, number)
    return {"kills": times.count}


def disk_full(world: World, chance: random.Random, times: Times) -> Told:
    """Writes are refused and say so, reads go on, and the log does not run over; then there is room again."""
    refused: dict[int, int] = {}
    taken, before = set(), len(world.log())
    for round_ in times.each(chance):
        with disk.full(world.service):
            began = time.monotonic()
            for number in range(400):
                name = f"team-{round_}-{number}"
                answer = world.once("POST", "/v1/management.cattle.io.fleetworkspaces", json={"metadata": {"name": name}})
                taken |= {name} if answer.status_code == 201 else set()
                refused[answer.status_code] = refused.get(answer.status_code, 0) + 1
                if answer.status_code == 503:
                    clear = answer.json()
                    assert "full" in clear["message"] and "free disk space" in clear["detail"], clear
                    if time.monotonic() - began > times.most:
                        break
                    time.sleep(0.1)
            assert world.once("GET", f"/v1/fleet.cattle.io.bundles/{WORKSPACE}/{world.bundles[0]}").ok, "reading goes on"
    assert "SIGBUS" not in world.log(), "a process was killed by the full disk"
    assert refused.get(503), f"no write was refused: {refused}"
    shown = {one["metadata"]["name"] for one in world.asked("GET", "/v1/management.cattle.io.fleetworkspaces?limit=-1")["data"]}
    assert taken <= shown, "what was acknowledged on a full disk is there"
    return {"answers": {str(status): count for status, count in refused.items()}, "log_bytes": len(world.log()) - before}


SLOW = 1000


def disk_slow(world: World, chance: random.Random, times: Times) -> Told:
    """Every flush takes a second longer: whoever asks and has nothing to be told waits for no write, who reports is told when to come.
    It begins when there are some who have nothing to be told."""
    assert world.trouble is not None
    for _ in waiting("agents that have everything", START + world.count / 50):
        if total(world.shards).told["check-in"] >= world.count / 10:
            break
    for shard in world.shards:
        shard.figures.seconds.clear()
    world.trouble.flush(SLOW)
    try:
        for number in times.each(chance):
            world.changed(number)
    finally:
        world.trouble.flush(0)
    figures = total(world.shards)
    asked = figures.percentiles("check-in")
    assert asked and asked["p50"] < SLOW, f"check-ins without news wait for writes: {asked}"
    return {"flush_ms": SLOW, "check_in_ms": asked, "report_ms": figures.percentiles("report")}


def storm(world: World, chance: random.Random, times: Times) -> Told:
    """The service was away, and all agents come at once when it is back; every other one remembers nothing."""
    told: Told = {}
    for number in range(times.count):
        with world.living():
            time.sleep(times.least)
        world.stop()
        before = _epochs(world) | {""}
        time.sleep(ROUGH.interval)
        for shard in world.shards:
            shard.agents.since[::2] = [""] * len(shard.agents.since[::2])
            shard.figures.seconds.clear()
        world.start()
        world.answers()
        began = time.monotonic()
        with world.living():
            world.changed(number)
            for _ in waiting("the storm to be over", START + world.count / 20):
                if not _epochs(world) & before:
                    break
        figures = total(world.shards)
        told = {
            "seconds": round(time.monotonic() - began, 1),
            "answered_ms": {what: figures.percentiles(what) for what in ("check-in", "work", "report")},
        }
    return told


def _epochs(world: World) -> set[str]:
    """Of what the agents were told last: who was told anything since another engine began is in its epoch."""
    return {since.partition(".")[0] for shard in world.shards for since in shard.agents.since}


def network(world: World, chance: random.Random, times: Times) -> Told:
    """Reports come twice, late and in another order, while bundles change."""
    for number in times.each(chance):
        world.changed(number)
    return {"changes": times.count}


def clocks(world: World, chance: random.Random, times: Times) -> Told:
    """The service's own clock goes wrong by hours, forwards and backwards, and an engine is killed meanwhile; the agents' clocks are
    wrong as well."""
    assert world.trouble is not None
    wrong = [5.0, -7.0, 0.0]
    for number in times.each(chance):
        world.trouble.clock(wrong[number % len(wrong)])
        world.killed("engine")
        world.changed(number)
    world.trouble.clock(0.0)
    return {"steps": times.count, "hours": wrong}


def restored(world: World, chance: random.Random, times: Times) -> Told:
    """The store goes back to a backup that was made while the service ran, and its agents know more than it."""
    backup = world.folder / "backup.db"
    late = [Shard(world.door(), ROUGH, 99)]
    rotated = world.shards[0].agents.names[0]
    for number in range(times.count):
        with world.living():
            time.sleep(times.least)
            with closing(sqlite3.connect(world.state / "store.db")) as source, closing(sqlite3.connect(backup)) as copy:
                source.backup(copy)
            world.changed(number)
            world.asked("POST", f"/v1/fleet.cattle.io.clusters/{rotated}?action=rotateAgentKey", json={})
            join(late, world.secret, f"late-{number}", 1, 1)
            time.sleep(times.most)
        world.stop()
        for name in ("store.db-wal", "store.db-shm"):
            (world.state / name).unlink(missing_ok=True)
        shutil.copy(backup, world.state / "store.db")
        world.start()
        world.answers()
        said = _word(world, late[0].agents.keys[-1])
        assert said == "401", f"an agent that registered after the backup was told {said}"
    with world.living():
        time.sleep(times.most)
    world.say("those that registered after the last backup register again")
    late = [Shard(world.door(), ROUGH, 100)]
    join(late, world.secret, f"late-{times.count - 1}", 1, 1)
    world.shards += late
    world.count += 1
    return {"restores": times.count}


def _word(world: World, key: str) -> str:
    """What an agent is told in the end: a hub that has just started may have to send it away for a while."""
    for _ in waiting("a check-in to be answered"):
        said = outcome(lambda: world.door().check_in(key, ""))
        if said == "done" or (said.isdecimal() and said not in ("429", "503")):
            return said
        world.say(f"a check-in: {said}")
    raise AssertionError


def _changed_now_and_then(world: World, number: int) -> None:
    if number % 5 == 0:
        world.changed(number)


MANY, WIDE, THREADS = 10_000, 32, 64
"""From so many agents on there are at least so many connections, and threads that take half as many reports at once: kept connections
end up with the process that is never killed, and an agent that is sent away keeps all behind it on its connection waiting."""

FAULTS = {
    "engine": Fault(killed("engine")),
    "api": Fault(killed("api")),
    "postgres": Fault(database_killed, database=True),
    "full-disk": Fault(disk_full, small_disk=True),
    "slow-disk": Fault(disk_slow, troubled=True, connections=24, threads=8),
    "slow-database": Fault(disk_slow, database=True, troubled=True, connections=24, threads=8),
    "storm": Fault(storm, dataclasses.replace(ROUGH, restarting=0), alone=True, connections=32, threads=8),
    "network": Fault(network, dataclasses.replace(ROUGH, duplicated=0.6, delayed=0.6, restarting=0.3)),
    "clocks": Fault(clocks, dataclasses.replace(ROUGH, skewed=30), troubled=True),
    "restore": Fault(restored, alone=True),
}


def missing(fault: Fault, probe: Path) -> str:
    """What is needed for it and not here, if anything."""
    wants = (
        (fault.database, server.missing),
        (fault.troubled, trouble.missing),
        (fault.small_disk, lambda: disk.missing(probe)),
    )
    return next((reason for wanted, look in wants if wanted and (reason := look())), "")


@contextmanager
def world_of(fault: Fault, folder: Path, count: int, interval: float, say: Say = lambda _text: None) -> Iterator[World]:
    with ExitStack() as stack:
        made = stack.enter_context(trouble.prepared()) if fault.troubled else None
        database = stack.enter_context(server.running({}, made.environment if made else {})) if fault.database else None
        world = World(
            folder, count=count, behaviour=dataclasses.replace(fault.behaviour, interval=interval),
            connections=max(fault.connections, WIDE) if count >= MANY else fault.connections,
            threads=max(fault.threads, THREADS) if count >= MANY else fault.threads, server=database, trouble=made, say=say,
            megabytes=disk.SMALL + count // 50 if fault.small_disk else 0,
        )  # fmt: skip
        try:
            world.answers()
            world.peopled()
            yield world
        finally:
            world.close()


def passed(world: World, fault: Fault, chance: random.Random, times: Times) -> Told:
    """The fault, and the audit after it: what there is to tell, `different` first. Nothing may be in it."""
    began = time.monotonic()
    if fault.alone:
        told = fault.happens(world, chance, times)
    else:
        with world.living():
            told = fault.happens(world, chance, times)
    lasted, converged = time.monotonic() - began, world.settled()
    different = world.compared()
    figures = total(world.shards)
    return {
        "different": len(different), "examples": [str(one) for one in different[:5]], "audit": world.audited(),
        "lasted_seconds": round(lasted, 1), "converged_seconds": round(converged, 1), "rows": world.acknowledged(),
        "reports": figures.told["report"], "refused": dict(figures.refused), **told,
    }  # fmt: skip


__all__ = ["AGREES", "FAULTS", "Fault", "Times", "missing", "passed", "world_of"]
