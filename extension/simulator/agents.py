"""A shard of simulated agents: a row each, and a queue of what they do next.

The hub is told what an agent's cluster has; that and nothing else is true here. What the hub acknowledged it must know for ever
(`audit.py`): of two reports of a deployment the one with the higher sequence counts, whenever they arrive.
"""

from __future__ import annotations

import heapq
import itertools
import random
from array import array
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from extension.objects.agents import DeploymentReport, Registration, Work, WorkItem
from extension.objects.base import Condition
from extension.objects.kinds import BundleDeploymentStatus
from extension.objects.status import ResourceCounts
from extension.simulator.behaviour import Behaviour

LATE = 60.0
"""Seconds a report is late at most."""
DONE = ("Installed", "Deployed", "Ready", "Monitored")


class Turn(msgspec.Struct, frozen=True):
    """What an agent does now: it reports, or it checks in when it has nothing to report."""

    at: float
    number: int
    reports: tuple[DeploymentReport, ...] = ()


class Known(msgspec.Struct, frozen=True):
    """What the hub acknowledged of a deployment."""

    sequence: int
    deployment_id: str
    ready: bool


class Agents:
    """Rows by number from 0 on. `now` is the agents' own time in seconds; every random choice is made from `seed`."""

    def __init__(self, behaviour: Behaviour, seed: int = 0) -> None:
        self._behaviour = behaviour
        self._random = random.Random(seed)  # noqa: S311 (a simulation)
        self._queue: list[tuple[float, int, int, tuple[DeploymentReport, ...]]] = []
        self._order = itertools.count()
        self._sequences = array("Q")
        self.keys: list[str] = []
        self.since: list[str] = []
        self.names: list[str] = []
        self.known: dict[int, dict[int, Known]] = {}
        """By agent and bundle, the newest of what the hub acknowledged."""
        self._said_last: dict[int, dict[int, Known]] = {}
        """The same of what is on its way to the hub."""

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def pending(self) -> int:
        """Reports that are still to be sent or to be acknowledged."""
        return sum(len(reports) for _, _, _, reports in self._queue)

    def joined(self, registrations: Sequence[Registration], now: float) -> None:
        """New agents, whose first check-ins are spread over what `interval` says, or follow at once."""
        for one in registrations:
            number = len(self.keys)
            self.keys.append(one.key)
            self.since.append("")
            self.names.append(f"{one.cluster_namespace}/{one.cluster_name}")
            self._sequences.append(0)
            self._plan(now + self._random.random() * self._behaviour.interval, number)

    def due(self, now: float) -> Turn | None:
        """The next thing an agent does, if its time has come."""
        if not self._queue or self._queue[0][0] > now:
            return None
        at, _, number, reports = heapq.heappop(self._queue)
        if not reports and self._random.random() < self._behaviour.restarting:
            self.since[number] = ""
        return Turn(at, number, reports)

    def calm(self) -> list[Turn]:
        """From now on nothing goes wrong and nothing takes time; the reports that were not sent yet, in their order."""
        self._behaviour = Behaviour(deploy_seconds=0)
        turns = [Turn(at, number, reports) for at, _, number, reports in sorted(self._queue) if reports]
        self._queue.clear()
        return turns

    def next(self) -> float | None:
        """When the next turn is."""
        return self._queue[0][0] if self._queue else None

    def told(self, number: int, work: Work | None, after: float, now: float) -> None:
        """What the hub answered to a check-in."""
        behaviour = self._behaviour
        wait = behaviour.interval or after
        if self._random.random() < behaviour.offline:
            wait = max(wait, behaviour.offline_seconds)
        self._plan(now + wait, number)
        if work is None:
            return
        self.since[number] = work.since
        self.keys[number] = work.key or self.keys[number]
        self._sequences[number] = max(self._sequences[number], work.sequence)
        if work.complete:
            named = {item.bundle_id for item in work.items}
            self.known[number] = {bundle: known for bundle, known in self.known.get(number, {}).items() if bundle in named}
        self._retell(number, work, now)
        wanted = [item for item in work.items if item.deleting or (item.deployment_id and not item.paused and not self._has(number, item))]
        done = self._done_at(now)
        failing = [item for item in wanted if not item.deleting and self._random.random() < behaviour.failing]
        if failing:
            self._tell(done, number, [self._said(number, item, failed=True) for item in failing])
            self._tell(self._done_at(done), number, [self._said(number, item) for item in failing])
        if rest := [item for item in wanted if item not in failing]:
            self._tell(done, number, [self._said(number, item) for item in rest])

    def acknowledged(self, number: int, reports: Sequence[DeploymentReport], gone: Sequence[int]) -> None:
        """The hub said that these reports are on disk, and which of their bundles it has no deployments of."""
        of_cluster, under_way = self.known.setdefault(number, {}), self._said_last.get(number, {})
        for one in reports:
            if one.bundle_id in under_way and under_way[one.bundle_id].sequence <= one.sequence:
                del under_way[one.bundle_id]
            known = of_cluster.get(one.bundle_id)
            if one.removed or one.bundle_id in gone:
                of_cluster.pop(one.bundle_id, None)
            elif known is None or known.sequence < one.sequence:
                of_cluster[one.bundle_id] = Known(one.sequence, one.status.applied_deployment_id, one.status.ready)

    def again(self, turn: Turn, after: float, now: float) -> None:
        """The hub did not answer, or sent the agent away: it tries once more."""
        self._plan(now + after * self._random.uniform(1.0, 1.5), turn.number, turn.reports)

    def _retell(self, number: int, work: Work, now: float) -> None:
        """Tells all anew that the hub acknowledged, if it has lost some of it: it was restored from a backup."""
        known = self.known.get(number, {})
        if work.reported == sum(one.sequence for one in known.values()):
            return
        other = {item.bundle_id for item in work.items if item.deleting} | self._said_last.get(number, {}).keys()
        again = tuple(self._told_again(number, bundle, one) for bundle, one in known.items() if bundle not in other)
        if again:
            self._plan(now, number, again)

    def _told_again(self, number: int, bundle: int, known: Known) -> DeploymentReport:
        self._sequences[number] += 1
        self._said_last.setdefault(number, {})[bundle] = Known(self._sequences[number], known.deployment_id, known.ready)
        status = _ready(known.deployment_id, self._when()) if known.ready else _failed(self._when())
        return DeploymentReport(bundle_id=bundle, sequence=self._sequences[number], status=status)

    def _has(self, number: int, item: WorkItem) -> bool:
        """Whether the cluster has this already, or soon, so that an agent which starts anew does nothing."""
        known = self._said_last.get(number, {}).get(item.bundle_id) or self.known.get(number, {}).get(item.bundle_id)
        return known is not None and known.ready and known.deployment_id == item.deployment_id

    def _done_at(self, now: float) -> float:
        return now + self._random.expovariate(1 / self._behaviour.deploy_seconds) if self._behaviour.deploy_seconds else now

    def _tell(self, at: float, number: int, reports: list[DeploymentReport]) -> None:
        told = tuple(reports)
        late = self._random.random() < self._behaviour.delayed
        self._plan(at + (self._random.random() * LATE if late else 0.0), number, told)
        if self._random.random() < self._behaviour.duplicated:
            self._plan(at + self._random.random() * LATE, number, told)

    def _plan(self, at: float, number: int, reports: tuple[DeploymentReport, ...] = ()) -> None:
        heapq.heappush(self._queue, (at, next(self._order), number, reports))

    def _said(self, number: int, item: WorkItem, *, failed: bool = False) -> DeploymentReport:
        self._sequences[number] += 1
        has = "" if failed or item.deleting else item.deployment_id
        self._said_last.setdefault(number, {})[item.bundle_id] = Known(self._sequences[number], has, bool(has))
        if item.deleting:
            return DeploymentReport(bundle_id=item.bundle_id, sequence=self._sequences[number], revision=item.revision, removed=True)
        status = _failed(self._when()) if failed else _ready(item.deployment_id, self._when())
        return DeploymentReport(bundle_id=item.bundle_id, sequence=self._sequences[number], revision=item.revision, status=status)

    def _when(self) -> str:
        """Now, by a clock that is wrong."""
        wrong = timedelta(hours=self._behaviour.skewed * self._random.uniform(-1, 1))
        return (datetime.now(UTC) + wrong).strftime("%Y-%m-%dT%H:%M:%SZ")


def _ready(deployment_id: str, when: str) -> BundleDeploymentStatus:
    return BundleDeploymentStatus(
        applied_deployment_id=deployment_id,
        ready=True,
        non_modified=True,
        conditions=tuple(Condition(type=name, status="True", last_update_time=when) for name in DONE),
        resource_counts=ResourceCounts(ready=1, desired_ready=1),
    )


def _failed(when: str) -> BundleDeploymentStatus:
    message = "simulated failure"
    return BundleDeploymentStatus(
        conditions=(Condition(type="Deployed", status="False", last_update_time=when, reason="Error", message=message),)
    )
