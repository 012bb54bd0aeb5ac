"""Clusters served by this process: a real store, plans rolled out to it, and clusters in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from extension.delivery.protocol import Delivery
from extension.engine.agents import Agents
from extension.objects.errors import UserError
from extension.objects.kinds import Bundle, BundleResource, Cluster
from extension.store.sql import SqlStore
from tests.fakes.clock import Clock
from tests.fakes.delivery import MemoryDelivery
from tests.fakes.waiting import wait_for
from tests.unit.engine.rollouts import Rollouts
from tests.unit.engine.samples import NS, bundle_key, changed, cluster, cluster_key, config_map

DRIFT = 15.0


class Served:
    """`deliveries` by cluster name; `fingerprints` and `refused` say how `open` answers. Without `start` nothing runs but what
    `look` does in the caller's thread, and what is reported."""

    def __init__(self, store: SqlStore, clock: Clock) -> None:
        self.store, self.clock, self.rollouts = store, clock, Rollouts(store)
        self.deliveries: dict[str, MemoryDelivery] = {}
        self.opened: list[str] = []
        self.fingerprints: dict[str, str] = {}
        self.refused: dict[str, UserError] = {}
        self.broken: dict[str, UserError] = {}
        self.agents = self.restarted()

    def restarted(self) -> Agents:
        self.agents = Agents(self.store, self._open, workers=4, drift_interval=DRIFT, clock=self.clock)
        return self.agents

    def _open(self, one: Cluster) -> tuple[str, Callable[[], Delivery]] | None:
        name = one.metadata.name
        if name in self.refused:
            raise self.refused[name]
        fingerprint = self.fingerprints.get(name, "memory")
        return (fingerprint, lambda: self._opened(name)) if fingerprint else None

    def _opened(self, name: str) -> MemoryDelivery:
        if name in self.broken:
            raise self.broken[name]
        self.opened.append(name)
        return self.deliveries.setdefault(name, MemoryDelivery())

    def cluster(self, *names: str, **given: Any) -> MemoryDelivery:
        """Clusters, and the agents of them; the first one's delivery."""
        for name in names:
            self.deliveries.setdefault(name, MemoryDelivery())
            self.store.create(cluster(name, **given))
            self.agents.cluster_changed(cluster_key(name))
        return self.deliveries[names[0]]

    def bundle(self, name: str, *targets: Any, **given: Any) -> None:
        self.rollouts.add(name, *targets, **given)
        self.agents.sync_all()

    def change(self, name: str, **spec: Any) -> None:
        self.store.update(changed(self.store.get(Bundle, NS, name), **spec))
        self.rollouts.look(name)
        self.agents.sync_all()

    def commit(self, name: str, value: str) -> None:
        """Another content."""
        self.change(name, resources=(BundleResource(name="a.yaml", content=config_map(name, value)),))

    def look(self, bundle: str, on: str = "a") -> float | None:
        return self.agents.work((cluster_key(on), bundle_key(bundle)))

    def state(self, bundle: str, on: str = "a") -> str | None:
        return self.rollouts.states(bundle).get(on)

    def reaches(self, bundle: str, state: str | None, on: str = "a") -> None:
        """Waits until what was reported is stored."""
        wait_for(lambda: self.state(bundle, on) == state)

    def found(self, name: str = "a") -> Cluster:
        return self.store.get(Cluster, NS, name)

    def message(self, bundle: str, on: str = "a") -> str:
        status = self.store.deployment(bundle_key(bundle), cluster_key(on)).status
        return next((c.message for c in status.conditions if c.type == "Deployed"), "")
