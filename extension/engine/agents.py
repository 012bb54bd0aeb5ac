"""The agents of the clusters this process serves itself: directories, and Kubernetes APIs named by a kubeconfig.

The store says what they should have, and is told how they are. Of a cluster that can't be reached the reason is on the Cluster.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from extension.delivery.protocol import Delivery, Deployment
from extension.engine.agent import Agent
from extension.engine.contents import Contents
from extension.engine.leaving import leave
from extension.engine.loop import CLUSTER, Loop
from extension.engine.reports import Reports
from extension.engine.stored import imported, redeployed
from extension.objects.base import Key
from extension.objects.errors import Conflict, Unavailable, UserError
from extension.objects.kinds import Cluster
from extension.objects.moving import LEAVING
from extension.store.protocol import Assigned, Report, Store

Opened = tuple[str, Callable[[], Delivery]]
HOLD_SECONDS = 30.0


class StoreOrders:
    """See `loop.Orders`. `reports` gathers what is reported."""

    def __init__(self, store: Store, contents: Contents, reports: Reports) -> None:
        self._store, self._contents, self._reports = store, contents, reports

    def assigned(self, cluster: Key, since: int) -> Sequence[Assigned]:
        return self._store.assigned(cluster, since)

    def deployment(self, item: Assigned) -> Deployment:
        return self._contents.deployment(item)

    def report(self, report: Report) -> None:
        self._reports.add(report)

    def leave(self, agent: Agent) -> bool:
        return leave(self._store, agent)

    def imported(self, cluster: Key, status: str, message: str) -> None:
        imported(self._store, cluster, status, message)


class Agents(Loop):
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
        self.reports = Reports(store)
        orders = StoreOrders(store, contents or Contents(store), self.reports)
        super().__init__(orders, workers=workers, drift_interval=drift_interval, clock=clock)
        self._store = store
        self._open = open_delivery
        self._held: set[Key] = set()

    def start(self) -> None:
        self.reports.start()
        super().start()

    def stop(self) -> None:
        super().stop()
        self.reports.stop()

    def cluster_changed(self, key: Key) -> None:
        """Opens, reopens or closes the agent of a cluster after its object changed."""
        cluster = self._store.find(Cluster, key.namespace, key.name)
        forced = cluster is not None and cluster.spec.redeploy_agent_generation != (cluster.status.agent_deployed_generation or 0)
        if forced:
            self._placed(key, None, None)
        try:
            agent = self._placed(key, cluster, self._open(cluster) if cluster else None)
        except UserError as error:
            self._placed(key, None, None)
            self._orders.imported(key, "False", str(error))
            return
        if agent and cluster:
            self.sync(key)
            if forced:  # its agent is a part of this process, and was made anew
                redeployed(self._store, cluster, cluster.spec.redeploy_agent_generation)
            if agent.generation != cluster.metadata.generation:  # its spec changed, or somebody forces an update
                agent.generation = cluster.metadata.generation
                self._wake(agent, agent.items)
            if agent.doubted or LEAVING in cluster.metadata.annotations:
                self.queue.add((key, CLUSTER))

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
                known = Agent(cluster, found[1](), found[0])
                self._take(known)
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
