"""The agents of the clusters this process serves itself: directories, and Kubernetes APIs named by a kubeconfig.

Each does what Fleet's agent does (`fleet-semantics.md` 4.1): learns from the store what its cluster should have,
deploys it when its dependencies allow, looks again for readiness and drift, reports, and removes what is not wanted
any more. Work is keyed by (cluster, bundle), so a slow bundle holds up only itself. A cluster that can't be reached
is left alone for a while, with the reason on the Cluster; its deployments keep their last state.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import msgspec
import structlog

from extension.delivery.protocol import Delivery
from extension.delivery.status import failed, is_failed, is_recorded, lacking, waiting
from extension.engine.agent import Agent, copied
from extension.engine.contents import Contents
from extension.engine.leaving import leave
from extension.engine.queue import FIRST_BACK_OFF, LONGEST_BACK_OFF, Queue
from extension.engine.reports import Reports
from extension.engine.stored import now
from extension.objects.base import Key
from extension.objects.errors import Conflict, Invalid, Unavailable, UserError
from extension.objects.kinds import BundleDeploymentStatus, Cluster
from extension.objects.moving import LEAVING
from extension.objects.states import condition, with_conditions
from extension.store.protocol import Assigned, Report, Store
from extension.targeting import unmet

log = structlog.get_logger()

Work = tuple[Key, Key]
Opened = tuple[str, Callable[[], Delivery]]

SOON = 1.0
HOLD_SECONDS = 30.0
_CLUSTER = Key("Cluster", "", "")
"""In the place of a bundle: the cluster as a whole."""


class Agents:
    """All clusters served in this process. `open_delivery` gives a cluster's delivery, or None for one served elsewhere."""

    def __init__(
        self,
        store: Store,
        open_delivery: Callable[[Cluster], Opened | None],
        *,
        workers: int,
        drift_interval: float,
        contents: Contents | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._contents = contents or Contents(store)
        self._open = open_delivery
        self._drift_interval = drift_interval
        self._clock = clock
        self._agents: dict[Key, Agent] = {}
        self._reached: set[Key] = set()
        self._held: set[Key] = set()
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self.reports = Reports(store)
        self.queue: Queue[Work] = Queue("agent", self.work, workers)

    def start(self) -> None:
        self.reports.start()
        self.queue.start()

    def stop(self) -> None:
        self.queue.stop()
        self.reports.stop()
        for agent in self._agents.values():
            agent.delivery.close()

    def cluster_changed(self, key: Key) -> None:
        """Opens, reopens or closes the agent of a cluster after its object changed."""
        cluster = self._store.find(Cluster, key.namespace, key.name)
        try:
            agent = self._placed(key, cluster, self._open(cluster) if cluster else None)
        except UserError as error:
            self._placed(key, None, None)
            self._imported(key, "False", str(error))
            return
        if agent and cluster:
            self.sync(key)
            if agent.generation != cluster.metadata.generation:  # its spec changed, or somebody forces an update
                agent.generation = cluster.metadata.generation
                self._wake(agent, agent.items)
            if agent.doubted or LEAVING in cluster.metadata.annotations:
                self.queue.add((key, _CLUSTER))

    def _placed(self, key: Key, cluster: Cluster | None, found: Opened | None) -> Agent | None:
        """The agent of a cluster that is reached this way, made anew when it was reached in another; None when none is to be."""
        with self._lock:
            if key in self._held:
                return None
            known = self._agents.get(key)
            if known and (found is None or known.fingerprint != found[0]):
                del self._agents[key]
                known.delivery.close()
                known = None
            if found and cluster and known is None:
                known = self._agents[key] = Agent(cluster, found[1](), found[0])
            return known

    @contextmanager
    def held(self, key: Key, seconds: float = HOLD_SECONDS) -> Iterator[None]:
        """While this lasts nothing is done on the cluster: its agent is closed, once its running work has ended.

        Raises Unavailable when that takes longer than `seconds`, Conflict when somebody else holds the cluster.
        """
        with self._lock:
            if key in self._held:
                raise Conflict("the cluster is being moved", where=str(key))
            self._held.add(key)
            agent = self._agents.pop(key, None)
            if agent and not self._idle.wait_for(lambda: agent.busy == 0, seconds):
                self._agents[key] = agent
        try:
            if key in self._agents:
                raise Unavailable("the cluster is busy", where=str(key), hint="try again when its deployments are done")
            if agent:
                agent.delivery.close()
            yield
        finally:
            with self._lock:
                self._held.discard(key)
            self.cluster_changed(key)
            if agent:
                self._wake(agent, agent.items)  # what was due meanwhile was dropped

    def served(self) -> list[Key]:
        """The clusters that have an agent here."""
        return list(self._agents)

    def serves(self, cluster: Key) -> bool:
        return cluster in self._agents

    def sync_all(self) -> None:
        for key in list(self._agents):
            self.sync(key)

    def sync(self, key: Key) -> None:
        """Asks the store what the cluster should have now and queues what changed."""
        agent = self._agents.get(key)
        if agent is None:
            return
        for bundle in agent.learn(self._store.assigned(key, agent.since)):
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
        if bundle != _CLUSTER and (item is None or (item.paused and not item.deleting)):
            return None
        pause = agent.down_until - self._clock()
        if pause > 0:
            return pause + FIRST_BACK_OFF
        try:
            if item is None:
                agent.leaving = True  # what gets ready from here on wakes this
                agent.leaving = not leave(self._store, agent)
                self._answered(agent)
                return self._drift_interval if agent.leaving else None
            if not item.deleting:
                return self._deploy(agent, item)
            self._remove(agent, item)
        except Unavailable as error:
            return self._down(agent, error)
        return None

    def reached(self) -> set[Key]:
        """The clusters that answered since the last call, and those with nothing to be asked for that were not found to be down."""
        reached, self._reached = self._reached, set()
        return reached | {agent.key for agent in tuple(self._agents.values()) if agent.rests()}

    def _remove(self, agent: Agent, item: Assigned) -> None:
        for release in agent.releases(item):
            keep = release.keep_resources or item.options.keep_resources
            wanted = msgspec.structs.replace(release, keep_resources=keep, delete_namespace=item.options.delete_namespace and not keep)
            agent.delivery.remove(wanted)
        if copied(item) and not item.options.keep_resources:
            agent.delivery.withdraw(item.bundle.name)
        self._answered(agent)
        with agent.lock:
            agent.items.pop(item.bundle, None)
            agent.waiting.discard(item.bundle)
        self.reports.add(Report(item.bundle_id, item.cluster_id, removed=True))
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
            self.reports.add(Report(item.bundle_id, item.cluster_id, status))
            self._wake(agent, [*agent.waiting, *([_CLUSTER] if agent.leaving else [])])
        return self._again(agent, item, status)

    def _delivered(self, agent: Agent, item: Assigned, done: bool) -> BundleDeploymentStatus:
        try:
            wanted = self._contents.deployment(item)
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
        """Seconds until the next look: soon while it gets ready, later and later while it fails, else when drift is due. What
        trying again does not mend waits for a new version."""
        if is_failed(status):
            agent.attempts[item.bundle] = attempts = agent.attempts.get(item.bundle, 0) + 1
            return min(LONGEST_BACK_OFF, FIRST_BACK_OFF * 2.0 ** min(attempts, 8))
        agent.attempts.pop(item.bundle, None)
        if is_recorded(status, item.deployment_id):
            return None
        settled = status.ready and status.applied_deployment_id == item.deployment_id
        waits = item.bundle in agent.waiting
        return self._drift_interval if settled or waits else min(SOON, self._drift_interval)

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
        self._imported(agent.key, "False", str(error))
        return pause

    def _answered(self, agent: Agent) -> None:
        self._reached.add(agent.key)
        agent.failures = 0
        if agent.doubted:
            agent.doubted = False
            self._imported(agent.key, "True", "")

    def _imported(self, key: Key, status: str, message: str) -> None:
        """Says on the Cluster whether it can be reached."""
        cluster = self._store.find(Cluster, key.namespace, key.name)
        if cluster is not None:
            new = condition("Imported", status, now(), cluster.status.conditions, message=message)
            conditions = with_conditions(cluster.status.conditions, new)
            self._store.update_status(
                msgspec.structs.replace(cluster, status=msgspec.structs.replace(cluster.status, conditions=conditions))
            )
