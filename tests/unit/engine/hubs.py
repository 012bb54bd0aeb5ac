"""A hub over a store, with bundles rolled out to clusters that have registered, and agents that know what they were told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from extension.engine.hub import Hub
from extension.engine.registrationtokens import RegistrationTokenReconciler
from extension.engine.reports import Reports
from extension.objects import yaml
from extension.objects.agents import DeploymentReport, RegistrationRequest, ReportBatch, WorkItem
from extension.objects.base import Key, ObjectMeta
from extension.objects.kinds import (
    BundleDeploymentStatus,
    ClusterRegistrationToken,
    ClusterRegistrationTokenSpec,
    FleetWorkspace,
    Secret,
)
from extension.settings import Settings
from extension.store.sql import SqlStore
from tests.fakes.waiting import wait_for
from tests.unit.engine.rollouts import Rollouts
from tests.unit.engine.samples import NS

PAUSE = 0.02


def one(client: str = "a", **labels: str) -> list[RegistrationRequest]:
    """The request of a cluster that wants in."""
    return [RegistrationRequest(client, labels)]


def token(name: str = "join", ttl: str | None = None, namespace: str = NS) -> ClusterRegistrationToken:
    return ClusterRegistrationToken(metadata=ObjectMeta(name=name, namespace=namespace), spec=ClusterRegistrationTokenSpec(ttl=ttl))


class Agent:
    """What an agent of one cluster remembers."""

    def __init__(self, hub: Hub, client: str, registration: Any) -> None:
        self.hub, self.client, self.key = hub, client, registration.key
        self.cluster = Key("Cluster", registration.cluster_namespace, registration.cluster_name)
        self.since, self.sequence = "", 0
        self.items: dict[str, WorkItem] = {}

    def check_in(self) -> set[str]:
        """The bundles it is told of."""
        work = self.hub.check_in(self.key, self.since).work
        if work is None:
            return set()
        self.since, self.sequence = work.since, max(self.sequence, work.sequence)
        self.key = work.key or self.key
        if work.complete:
            self.items.clear()
        self.items.update({item.bundle_name: item for item in work.items})
        return {item.bundle_name for item in work.items}

    def said(self, bundle: str, ready: bool = True, **given: Any) -> DeploymentReport:
        self.sequence += 1
        item = self.items[bundle]
        status = BundleDeploymentStatus(applied_deployment_id=item.deployment_id, ready=ready, non_modified=True)
        return DeploymentReport(
            **{"bundle_id": item.bundle_id, "sequence": self.sequence, "revision": item.revision, "status": status} | given
        )

    def report(self, *reports: DeploymentReport) -> Any:
        return self.hub.report(self.key, ReportBatch(reports))


class World:
    def __init__(self, store: SqlStore, settings: Settings = Settings()) -> None:
        self.store, self.settings, self.rollouts = store, settings, Rollouts(store)
        store.create(FleetWorkspace(metadata=ObjectMeta(name=NS)))
        self.reports = Reports(store)
        self.hub = Hub(store, self.reports, settings, pause=PAUSE)
        self.reports.start()
        store.asking.begin(1)
        self.hub.start(1)
        self.caught_up()

    def restarted(self) -> Hub:
        """Another process over the same store."""
        self.hub.stop()
        self.store.asking.begin(1)
        self.hub = Hub(self.store, self.reports, self.settings, pause=PAUSE)
        self.hub.start(1)
        self.caught_up()
        return self.hub

    def stop(self) -> None:
        self.hub.stop()
        self.reports.stop()

    def token(self, name: str = "join", ttl: str | None = None, namespace: str = NS) -> str:
        """The secret of a registration token."""
        made = self.store.create(token(name, ttl, namespace))
        RegistrationTokenReconciler(self.store, self.hub.keys, self.settings)(made.key)
        values = yaml.load(self.store.get(Secret, namespace, name).data["values"])
        return str(values["token"])

    def agents(self, *clients: str, **labels: str) -> list[Agent]:
        secret = self.token(f"join-{clients[0]}")
        found = self.hub.register(secret, [RegistrationRequest(client, labels) for client in clients])
        return [Agent(self.hub, client, one) for client, one in zip(clients, found, strict=True)]

    def caught_up(self) -> None:
        """Waits until the hub has heard of all that was written."""
        wait_for(lambda: self.hub._newest._began and self.hub._feed.position >= self.store.revision())


@pytest.fixture
def world(store: SqlStore) -> Iterator[World]:
    made = World(store)
    yield made
    made.stop()
