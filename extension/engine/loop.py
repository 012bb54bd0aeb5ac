"""The work on clusters: what their deployments are is deployed when dependencies allow, looked at again, reported, and removed.

This is all of Fleet's agent (`fleet-semantics.md` 4.1), for one cluster in a program of its own or for many in the service; who says what a
cluster should have is behind `Orders`. Work is keyed by (cluster, bundle), so a slow bundle holds up only itself. A cluster that can't be
reached is left alone for a while; its deployments keep their last state.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import msgspec
import structlog

from extension.delivery.protocol import Deployment
from extension.delivery.status import failed, is_failed, is_recorded, lacking, remaining, waiting
from extension.engine.agent import Agent, copied, is_left_alone
from extension.engine.queue import FIRST_BACK_OFF, LONGEST_BACK_OFF, Queue
from extension.engine.stored import now
from extension.objects.base import Key
from extension.objects.errors import Invalid, Unavailable, UserError
from extension.objects.kinds import BundleDeploymentStatus
from extension.store.protocol import Assigned, Report
from extension.targeting import unmet

log = structlog.get_logger()

Work = tuple[Key, Key]

SOON, LATER = 1.0, 15.0
"""Seconds between looks at what is not ready: the first ones, and the longest."""
RARELY = 3600.0
"""Seconds between looks at what is watched: for what a cluster might have failed to tell."""
CLUSTER = Key("Cluster", "", "")
"""In the place of a bundle: the cluster as a whole."""


class Orders(Protocol):
    """What is to be done on clusters, and who is told of it. Called from many threads."""

    def assigned(self, cluster: Key, since: int) -> Sequence[Assigned]:
        """What changed for the cluster after a revision."""

    def deployment(self, item: Assigned) -> Deployment:
        """What the item is made of. Raises Invalid when something that is to be copied beside it is not there."""

    def report(self, report: Report) -> None: ...
    def imported(self, cluster: Key, status: str, message: str) -> None:
        """Whether the cluster can be reached (`True`, `False`), and why not."""

    def leave(self, agent: Agent) -> bool:
        """Removes what the cluster brought along from elsewhere; whether nothing of it is left. Raises Unavailable."""


class Loop:
    """The agents of clusters by their keys. Nothing is done before `start`."""

    def __init__(self, orders: Orders, *, workers: int, drift_interval: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._orders = orders
        self._drift_interval = drift_interval
        self._clock = clock
        self._agents: dict[Key, Agent] = {}
        self._reached: set[Key] = set()
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self.queue: Queue[Work] = Queue("agent", self.work, workers)

    def start(self) -> None:
        self.queue.start()

    def stop(self) -> None:
        self.queue.stop()
        for agent in self._agents.values():
            agent.delivery.close()

    def serve(self, agent: Agent) -> None:
        """Takes an agent that stays."""
        with self._lock:
            self._take(agent)

    def _take(self, agent: Agent) -> None:
        self._agents[agent.key] = agent
        agent.delivery.watch(lambda name: self._wake(agent, agent.concerned(name)))

    def sync_all(self) -> None:
        for key in list(self._agents):
            self.sync(key)

    def sync(self, key: Key) -> None:
        """Asks the store what the cluster should have now and queues what changed."""
        agent = self._agents.get(key)
        if agent is None:
            return
        for bundle in agent.learn(self._orders.assigned(key, agent.since)):
            self.queue.add((key, bundle))

    def source_changed(self, kind: str, namespace: str, name: str) -> None:
        """Looks again at the deployments beside which this Secret or ConfigMap is copied."""
        for agent in list(self._agents.values()):
            self._wake(agent, agent.naming(kind, namespace, name))

    def work(self, work: Work) -> float | None:
        """One look at one deployment; the seconds until the next one."""
        with self._lock:
            agent = self._agents.get(work[0])
            if agent is None:
                return None
            agent.busy += 1
        try:
            return self._on(agent, work[1])
        finally:
            with self._lock:
                agent.busy -= 1
                self._idle.notify_all()

    def _on(self, agent: Agent, bundle: Key) -> float | None:
        item = agent.items.get(bundle)
        if bundle != CLUSTER and (item is None or is_left_alone(item)):
            return None
        pause = agent.down_until - self._clock()
        if pause > 0:
            return pause + FIRST_BACK_OFF
        try:
            if item is None:
                agent.leaving = True  # what gets ready from here on wakes this
                agent.leaving = not self._orders.leave(agent)
                self._answered(agent)
                return self._drift_interval if agent.leaving else None
            if not item.deleting:
                return self._deploy(agent, item)
            return self._remove(agent, item)
        except Unavailable as error:
            return self._down(agent, error)

    def reached(self) -> set[Key]:
        """The clusters that answered since the last call, and those with nothing to be asked for that were not found to be down."""
        reached, self._reached = self._reached, set()
        return reached | {agent.key for agent in tuple(self._agents.values()) if agent.rests()}

    def _remove(self, agent: Agent, item: Assigned) -> float | None:
        try:
            self._removed(agent, item)
        except Unavailable:
            raise
        except UserError as error:
            status = remaining(item.status, error, now())
            if agent.settle(item, status):
                self._orders.report(Report(item.bundle_id, item.cluster_id, status))
            return self._again(agent, item, status)
        return None

    def _removed(self, agent: Agent, item: Assigned) -> None:
        for release in agent.releases(item):
            keep = release.keep_resources or item.options.keep_resources
            deletes = item.options.delete_namespace and not keep
            wanted = msgspec.structs.replace(release, keep_resources=keep, delete_namespace=deletes, passed=agent.passed(item))
            agent.delivery.remove(wanted)
        if copied(item) and not item.options.keep_resources:
            agent.delivery.withdraw(item.bundle.name)
        self._answered(agent)
        with agent.lock:
            agent.items.pop(item.bundle, None)
            agent.waiting.discard(item.bundle)
        self._orders.report(Report(item.bundle_id, item.cluster_id, removed=True))
        self._wake(agent, agent.copying(item))

    def _deploy(self, agent: Agent, item: Assigned) -> float | None:
        done = item.status.applied_deployment_id == item.deployment_id
        status = self._blocked(agent, item) if item.depends_on and not done else None
        if status is None:
            agent.waiting.discard(item.bundle)
            status = self._delivered(agent, item, done)
        if not done and status.applied_deployment_id == item.deployment_id:
            self._wake(agent, agent.copying(item))
        if agent.settle(item, status):
            self._orders.report(Report(item.bundle_id, item.cluster_id, status))
            self._wake(agent, [*agent.waiting, *([CLUSTER] if agent.leaving else [])])
            agent.pauses.pop(item.bundle, None)
        return self._again(agent, item, status)

    def _delivered(self, agent: Agent, item: Assigned, done: bool) -> BundleDeploymentStatus:
        try:
            wanted = msgspec.structs.replace(self._orders.deployment(item), passed=agent.passed(item))
        except Invalid as error:
            return lacking(item.status, item.deployment_id, error, now())
        status = agent.delivery.observe(wanted) if done else agent.delivery.deploy(wanted)
        self._answered(agent)
        return status

    def _blocked(self, agent: Agent, item: Assigned) -> BundleDeploymentStatus | None:
        """The status of a deployment that may not start: what it waits for, or why that can't be told."""
        agent.waiting.add(item.bundle)  # before the others are asked: one that gets ready meanwhile wakes this one
        try:
            reasons = unmet(item.depends_on, item.bundle.namespace, agent.others(item))
        except Invalid as error:
            agent.waiting.discard(item.bundle)
            return failed(item.status, item.deployment_id, error, now())
        if not reasons:
            return None
        return waiting(item.status, "; ".join(reasons), now())

    def _again(self, agent: Agent, item: Assigned, status: BundleDeploymentStatus) -> float | None:
        """Seconds until the next look: soon while it gets ready, later and later while it does not or fails, rarely where the cluster tells
        what happens, else when drift is due. What trying again does not mend waits for a new version."""
        if is_failed(status):
            agent.attempts[item.bundle] = attempts = agent.attempts.get(item.bundle, 0) + 1
            return min(LONGEST_BACK_OFF, FIRST_BACK_OFF * 2.0 ** min(attempts, 8))
        agent.attempts.pop(item.bundle, None)
        if is_recorded(status, item.deployment_id):
            return None
        settled = status.ready and status.applied_deployment_id == item.deployment_id
        if settled or item.bundle in agent.waiting:
            return max(RARELY, self._drift_interval) if agent.is_told(item, status) else self._drift_interval
        pause = agent.pauses.get(item.bundle, SOON)
        agent.pauses[item.bundle] = min(LATER, pause * 1.5)
        return min(pause, self._drift_interval)

    def _wake(self, agent: Agent, bundles: Iterable[Key]) -> None:
        for bundle in tuple(bundles):
            self.queue.add((agent.key, bundle))

    def _down(self, agent: Agent, error: Unavailable) -> float:
        """Leaves the cluster alone for a while; what fails while others do is no failure of its own."""
        with agent.lock:
            pause = agent.down_until - self._clock()
            if pause > 0:
                return pause + FIRST_BACK_OFF
            agent.failures += 1
            agent.doubted = True
            pause = min(LONGEST_BACK_OFF, FIRST_BACK_OFF * 2.0 ** min(agent.failures, 8))
            agent.down_until = self._clock() + pause
        if agent.failures == 1:
            log.warning("cluster can't be reached", cluster=str(agent.key), error=str(error))
        self._orders.imported(agent.key, "False", str(error))
        return pause

    def _answered(self, agent: Agent) -> None:
        self._reached.add(agent.key)
        agent.failures = 0
        if agent.doubted:
            agent.doubted = False
            self._orders.imported(agent.key, "True", "")
