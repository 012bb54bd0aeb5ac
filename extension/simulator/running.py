"""Shards of agents that live for a time, each with a thread and a door of its own, and the figures of what they met."""

from __future__ import annotations

import threading
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import msgspec

from extension.objects.agents import DeploymentReport, RegistrationRequest, Work
from extension.simulator.agents import Agents, Turn
from extension.simulator.behaviour import Behaviour
from extension.simulator.doors import Away, Door

NAP = 0.05
"""Seconds a shard sleeps at most, so that it ends when it is told to."""
ATTEMPTS = 30
PERCENTILES = (50, 99, 100)


Told = TypeVar("Told")


class Difference(msgspec.Struct, frozen=True):
    """Something the hub acknowledged and does not know."""

    cluster: str
    bundle_id: int
    told: str
    known: str


class Figures:
    """Answers by what was asked, in seconds, and refusals by status. `late` is by how much the simulator itself was behind."""

    def __init__(self) -> None:
        self.seconds: dict[str, array[float]] = {}
        self.refused: Counter[str] = Counter()
        self.told: Counter[str] = Counter()
        self.late = 0.0

    def add(self, what: str, seconds: float, *, many: int = 1) -> None:
        self.seconds.setdefault(what, array("d")).append(seconds)
        self.told[what] += many

    def merged(self, other: Figures) -> Figures:
        made = Figures()
        for one in (self, other):
            made.refused.update(one.refused)
            made.told.update(one.told)
            made.late = max(made.late, one.late)
            for what, seconds in one.seconds.items():
                made.seconds.setdefault(what, array("d")).extend(seconds)
        return made

    def percentiles(self, what: str) -> dict[str, float]:
        """Milliseconds."""
        ordered = sorted(self.seconds.get(what, ()))
        places = {f"p{p}": min(len(ordered) - 1, len(ordered) * p // 100) for p in PERCENTILES}
        return {name: round(1000 * ordered[place], 2) for name, place in places.items()} if ordered else {}


class Shard:
    """Some agents, and what they meet. `speed` is how many seconds of theirs are one of ours."""

    def __init__(
        self, door: Door, behaviour: Behaviour, seed: int, speed: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.agents = Agents(behaviour, seed)
        self.figures = Figures()
        self._door = door
        self._speed = speed
        self._clock = clock
        self._began = clock()

    def now(self) -> float:
        return (self._clock() - self._began) * self._speed

    def register(self, secret: str, requests: Sequence[RegistrationRequest], at_once: int) -> None:
        """Every cluster of `requests`, so many with a request; tries again as long as the hub is away."""
        for at in range(0, len(requests), at_once):
            part = requests[at : at + at_once]
            start = self._clock()
            found = self._patiently("register", lambda part=part: self._door.register(secret, part))  # type: ignore[misc]
            self.figures.add("register", self._clock() - start, many=len(part))
            self.agents.joined(found, self.now())

    def run(self, until: float, stopped: threading.Event) -> None:
        """Lives until its own time is `until`, or `stopped` is set, or no agent has anything to do any more."""
        while not stopped.is_set() and (now := self.now()) < until:
            turn = self.agents.due(now)
            if turn is None:
                at = self.agents.next()
                if at is None:
                    return
                stopped.wait(min(NAP, max(0.0, min(at, until) - now) / self._speed))
                continue
            self.figures.late = max(self.figures.late, (now - turn.at) / self._speed)
            self.turn(turn)

    def turn(self, turn: Turn) -> None:
        key, start = self.agents.keys[turn.number], self._clock()
        what = "report" if turn.reports else "check-in"
        try:
            if turn.reports:
                answer = self._door.report(key, turn.reports)
                self.agents.acknowledged(turn.number, turn.reports, answer.gone)
            else:
                work, after = self._door.check_in(key, self.agents.since[turn.number])
                what = what if work is None else "work"
                self.agents.told(turn.number, work, after, self.now())
        except Away as away:
            self._refused(what, away)
            self.agents.again(turn, away.after, self.now())
        else:
            self.figures.add(what, self._clock() - start, many=len(turn.reports) or 1)

    def say(self, number: int, reports: tuple[DeploymentReport, ...]) -> None:
        """Reports of an agent, besides those that it makes by itself, until they are acknowledged. Raises Away."""
        start = self._clock()
        self._acknowledged(number, reports)
        self.figures.add("report", self._clock() - start, many=len(reports))

    def settle(self) -> None:
        """Ends all that is under way: nothing goes wrong any more, and every agent asks and reports until it has all it was told."""
        for turn in self.agents.calm():
            self._acknowledged(turn.number, turn.reports)
        for number in range(len(self.agents)):
            work, after = self._checked_in(number, self.agents.since[number])
            self.agents.told(number, work, after, 0.0)
        for turn in self.agents.calm():
            self._acknowledged(turn.number, turn.reports)

    def compared(self) -> Iterator[Difference]:
        """Asks the hub for all it knows of every agent's cluster and compares it with what it acknowledged."""
        for number, name in enumerate(self.agents.names):
            work, _ = self._checked_in(number, "")
            items = {item.bundle_id: item for item in work.items} if work else {}
            for bundle, known in self.agents.known.get(number, {}).items():
                status = items[bundle].status if bundle in items else None
                there = f"{status.applied_deployment_id} ready={status.ready}" if status else "nothing"
                if there != (told := f"{known.deployment_id} ready={known.ready}"):
                    yield Difference(name, bundle, told, there)

    def _checked_in(self, number: int, since: str) -> tuple[Work | None, float]:
        return self._patiently("check-in", lambda: self._door.check_in(self.agents.keys[number], since))

    def _acknowledged(self, number: int, reports: tuple[DeploymentReport, ...]) -> None:
        answer = self._patiently("report", lambda: self._door.report(self.agents.keys[number], reports))
        self.agents.acknowledged(number, reports, answer.gone)

    def _patiently(self, what: str, ask: Callable[[], Told]) -> Told:
        """Asks until it is answered. Raises Away when the hub is away for too long."""
        for left in reversed(range(ATTEMPTS)):
            try:
                return ask()
            except Away as away:
                self._refused(what, away)
                if not left:
                    raise
                time.sleep(away.after / self._speed)
        raise AssertionError

    def _refused(self, what: str, away: Away) -> None:
        self.figures.refused[f"{what}: {away.why}"] += 1


def at_once(shards: Sequence[Shard], work: Callable[[Shard], None]) -> None:
    """Does the work of all shards, a thread each."""
    threads = [threading.Thread(target=work, args=(shard,), daemon=True) for shard in shards]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def join(shards: Sequence[Shard], secret: str, prefix: str, count: int, many: int) -> None:
    """Registers so many clusters, a part of them with each shard, `many` with a request."""
    wanted = list(clusters(prefix, count))
    parts = {id(shard): wanted[at :: len(shards)] for at, shard in enumerate(shards)}
    at_once(shards, lambda shard: shard.register(secret, parts[id(shard)], many))


def total(shards: Sequence[Shard]) -> Figures:
    made = Figures()
    for shard in shards:
        made = made.merged(shard.figures)
    return made


def clusters(prefix: str, count: int) -> Iterator[RegistrationRequest]:
    """Clusters with ten labels each, one of them its own."""
    for number in range(count):
        labels = {name: f"{name}{number % many}" for name, many in LABELS}
        yield RegistrationRequest(f"{prefix}-{number:07d}", {**labels, "cluster": f"{prefix}-{number:07d}"})


LABELS = (("env", 4), ("region", 20), ("tier", 7), ("country", 50), ("site", 1000), ("team", 30), ("os", 10), ("ring", 10), ("model", 13))
"""Keys of the labels that simulated clusters have, and how many values each has."""
