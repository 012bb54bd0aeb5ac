"""The agents of the clusters this process serves itself: directories, and Kubernetes APIs named by a kubeconfig.

Each does what Fleet's agent does (`fleet-semantics.md` 4.1): learns from the store what its cluster should have,
deploys it when its dependencies allow, looks again for readiness and drift, reports, and removes what is not wanted
any more. Work is keyed by (cluster, bundle), so a slow bundle holds up only itself. A cluster that can't be reached
is left alone for a while, with the reason on the Cluster; its deployments keep their last state.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
import structlog

from extension.delivery.protocol import Delivery, Deployment, Release
from extension.delivery.status import is_failed
from extension.engine.agent import Agent
from extension.engine.queue import FIRST_BACK_OFF, LONGEST_BACK_OFF, Queue
from extension.engine.reports import Reports
from extension.engine.stored import now
from extension.objects.base import Condition, Key
from extension.objects.errors import Unavailable, UserError
from extension.objects.kinds import BundleDeploymentStatus, Cluster
from extension.objects.states import condition, with_conditions
from extension.store.protocol import Assigned, Report, Store
from extension.targeting import unmet

log = structlog.get_logger()

Work = tuple[Key, Key]

SOON = 1.0
HOLD_SECONDS = 30.0
LEAVING = "continuous-delivery.cattle.io/leaving"
"""Annotation of a cluster that was moved: the bundles, comma-separated, that are still to be removed from it."""
_LEFT = Key("Left", "", "")


class Agents:
    """All clusters served in this process. `open_delivery` gives a cluster's delivery, or None for one served elsewhere."""

    def __init__(
        self,
        store: Store,
        open_delivery: Callable[[Cluster], tuple[str, Callable[[], Delivery]] | None],
        *,
        workers: int,
        drift_interval: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
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
            found = self._open(cluster) if cluster else None
        except UserError as error:
            self._imported(key, "False", str(error))
            found = None
        with self._lock:
            if key in self._held:
                return
            known = self._agents.get(key)
            if known and (found is None or cluster is None or known.fingerprint != found[0]):
                del self._agents[key]
                known.delivery.close()
                known = None
            if found and cluster and known is None:
                self._agents[key] = Agent(cluster, found[1](), found[0])
        if found and cluster:
            self.sync(key)
            if LEAVING in cluster.metadata.annotations:
                self.queue.add((key, _LEFT))

    @contextmanager
    def held(self, key: Key) -> Iterator[None]:
        """While this lasts nothing is done on the cluster: its agent is closed, once its running work has ended.

        Raises Unavailable when that takes longer than HOLD_SECONDS.
        """
        with self._lock:
            self._held.add(key)
            agent = self._agents.pop(key, None)
            if agent and not self._idle.wait_for(lambda: agent.busy == 0, HOLD_SECONDS):
                self._held.discard(key)
                raise Unavailable("the cluster is busy", where=str(key), hint="try again when its deployments are done")
        try:
            yield
        finally:
            with self._lock:
                self._held.discard(key)
            self.cluster_changed(key)

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
        if bundle == _LEFT:
            self._leave(agent)
            return None
        item = agent.items.get(bundle)
        if item is None or (item.paused and not item.deleting):
            return None
        if agent.down_until > self._clock():
            return agent.down_until - self._clock() + FIRST_BACK_OFF
        try:
            if item.deleting:
                self._remove(agent, item)
            again = None if item.deleting else self._deploy(agent, item)
        except Unavailable as error:
            return self._down(agent, error)
        self._reached.add(agent.key)
        if agent.failures:
            self._up(agent)
        return again

    def reached(self) -> set[Key]:
        """The clusters that answered since the last call, and those that have nothing to do but could be opened."""
        reached, self._reached = self._reached, set()
        return reached | {agent.key for agent in tuple(self._agents.values()) if not agent.items}

    def _remove(self, agent: Agent, item: Assigned) -> None:
        for release in _releases(agent, item):
            keep = release.keep_resources or item.options.keep_resources
            wanted = msgspec.structs.replace(release, keep_resources=keep, delete_namespace=item.options.delete_namespace and not keep)
            agent.delivery.remove(wanted)
        with agent.lock:
            agent.items.pop(item.bundle, None)
            agent.waiting.discard(item.bundle)
        self.reports.add(Report(item.bundle_id, item.cluster_id, removed=True))

    def _leave(self, agent: Agent) -> None:
        """Removes what a cluster that was moved brought along from its old workspace and is not wanted in the new one."""
        cluster = self._store.find(Cluster, agent.key.namespace, agent.key.name)
        names = cluster.metadata.annotations.get(LEAVING, "") if cluster else ""
        if cluster is None or not names:
            return
        wanted = {bundle.name for bundle in agent.items}
        for release in agent.delivery.releases():
            if release.bundle in set(names.split(",")) - wanted:
                agent.delivery.remove(release)
        annotations = {key: value for key, value in cluster.metadata.annotations.items() if key != LEAVING}
        meta = msgspec.structs.replace(cluster.metadata, annotations=annotations)
        self._store.update(msgspec.structs.replace(cluster, metadata=meta))

    def _deploy(self, agent: Agent, item: Assigned) -> float:
        done = item.status.applied_deployment_id == item.deployment_id
        reasons = () if done else unmet(item.depends_on, item.bundle.namespace, agent.others(item))
        if reasons:
            agent.waiting.add(item.bundle)
            status = _waiting(item, "; ".join(reasons))
        else:
            agent.waiting.discard(item.bundle)
            wanted = self._deployment(item)
            status = agent.delivery.observe(wanted) if done else agent.delivery.deploy(wanted)
        if agent.settle(item, status):
            self.reports.add(Report(item.bundle_id, item.cluster_id, status))
            self._wake_dependents(agent)
        return self._again(agent, item, status, bool(reasons))

    def _again(self, agent: Agent, item: Assigned, status: BundleDeploymentStatus, waits: bool) -> float:
        """Seconds until the next look: soon while it gets ready, later and later while it fails, else when drift is due."""
        if is_failed(status):
            agent.attempts[item.bundle] = attempts = agent.attempts.get(item.bundle, 0) + 1
            return min(LONGEST_BACK_OFF, FIRST_BACK_OFF * 2.0 ** min(attempts, 8))
        agent.attempts.pop(item.bundle, None)
        settled = status.ready and status.applied_deployment_id == item.deployment_id
        return self._drift_interval if settled or waits else min(SOON, self._drift_interval)

    def _deployment(self, item: Assigned) -> Deployment:
        return Deployment(
            name=item.bundle.name,
            namespace=item.bundle.namespace,
            deployment_id=item.deployment_id,
            options=item.options,
            resources=lambda: self._store.content(item.content_sha256),
            commit=item.commit,
            status=item.status,
        )

    def _wake_dependents(self, agent: Agent) -> None:
        for bundle in tuple(agent.waiting):
            self.queue.add((agent.key, bundle))

    def _down(self, agent: Agent, error: Unavailable) -> float:
        agent.failures += 1
        pause = min(LONGEST_BACK_OFF, FIRST_BACK_OFF * 2.0 ** min(agent.failures, 8))
        agent.down_until = self._clock() + pause
        if agent.failures == 1:
            log.warning("cluster can't be reached", cluster=str(agent.key), error=str(error))
        self._imported(agent.key, "False", str(error))
        return pause

    def _up(self, agent: Agent) -> None:
        agent.failures = 0
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


def _releases(agent: Agent, item: Assigned) -> list[Release]:
    """The bundle's releases on the cluster: the one its status names, else what the cluster says."""
    namespace, _, rest = item.status.release.partition("/")
    if rest:
        return [Release(rest.rpartition(":")[0], namespace, item.bundle.name, item.deployment_id)]
    return [release for release in agent.delivery.releases() if release.bundle == item.bundle.name]


def _waiting(item: Assigned, message: str) -> BundleDeploymentStatus:
    before: tuple[Condition, ...] = item.status.conditions
    told = condition("Deployed", "Unknown", now(), before, message=message, reason="Waiting")
    return msgspec.structs.replace(item.status, conditions=with_conditions(before, told))
