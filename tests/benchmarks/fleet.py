"""A fleet of any size in a store, and the engine's own parts to work on it, without threads: what is timed is what is called.

The registered fleet is kept, by its size and the store's tables, since most benchmarks begin with it; each works on a copy.
Nothing else is simulated here but the agents: who reports, and when, is said there.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from pyroaring import FrozenBitMap

from extension.engine.bundles import BundleReconciler
from extension.engine.policies import Policies
from extension.objects.base import Condition, Key, ObjectMeta
from extension.objects.kinds import (
    Bundle,
    BundleDeploymentStatus,
    BundleResource,
    BundleSpec,
    BundleTarget,
    Cluster,
    FleetWorkspace,
    GitTarget,
    RolloutStrategy,
)
from extension.objects.options import HelmOptions
from extension.objects.selectors import LabelSelector
from extension.objects.status import ResourceCounts
from extension.rendering.gotemplate import GoTemplates
from extension.rendering.pool import Pool
from extension.store.labels import LabelIndex
from extension.store.protocol import Report
from extension.store.schema import metadata
from tests.benchmarks.places import Place, copy, opened

WORKSPACE = "fleet-default"
AT_ONCE = 10_000
REPORTS_AT_ONCE = 1000
ENVIRONMENTS = ("prod", "staging", "dev", "test")


def cluster(number: int) -> Cluster:
    """A cluster with ten labels, one of them its own."""
    labels = {
        "env": ENVIRONMENTS[number % 4],
        "region": f"r{number % 20}",
        "tier": f"t{number % 7}",
        "country": f"c{number % 50}",
        "site": f"s{number % 1000}",
        "team": f"team{number % 30}",
        "os": "windows" if number % 10 == 0 else "linux",
        "ring": f"ring{number % 10}",
        "model": f"m{number % 13}",
        "management.cattle.io/cluster-display-name": f"store-{number:07d}",
    }
    return Cluster(metadata=ObjectMeta(name=f"c-{number:07d}", namespace=WORKSPACE, labels=labels))


def register(where: Place, count: int) -> float:
    """Registers a fleet in a new store; the seconds it took."""
    store = opened(where)
    store.create(FleetWorkspace(metadata=ObjectMeta(name=WORKSPACE)))
    start = time.perf_counter()
    for at in range(0, count, AT_ONCE):
        store.register([cluster(number) for number in range(at, min(count, at + AT_ONCE))])
    taken = time.perf_counter() - start
    store.close()
    return taken


def prepared(count: int) -> AbstractContextManager[Place]:
    """A copy of a store with a registered fleet."""
    tables = hashlib.sha256(
        repr([(t.name, [str(c.type) for c in t.c], sorted(i.name or "" for i in t.indexes)) for t in metadata.sorted_tables]).encode()
    )
    return copy(f"rancher-cd-bench-{count}-{tables.hexdigest()[:12]}", lambda where: register(where, count))


class Fleet:
    """A store with a fleet, and what plans and rolls out."""

    def __init__(self, where: Place, templates: GoTemplates) -> None:
        self.where = where
        self.store = opened(where)
        self.index = LabelIndex(self.store)
        self.version = self.index.refresh()
        self.reconcile = BundleReconciler(self.store, self.index, templates, Policies(self.store))

    def look(self, key: Key) -> None:
        """What the engine's queue does with a bundle: again as long as it asks for it."""
        while self.reconcile(key) == 0.0:
            pass

    def catch_up(self) -> list[Key]:
        """What the engine does when clusters changed; the bundles it looked at."""
        before, self.version = self.version, self.index.refresh()
        keys = self.reconcile.affected(before) if self.version != before else []
        for key in keys:
            self.look(key)
        return keys

    def bundle(self, name: str, selector: LabelSelector | None = None, *, content: str = "kind: ConfigMap", **spec: object) -> Key:
        made = Bundle(metadata=ObjectMeta(name=name, namespace=WORKSPACE), spec=bundle_spec(selector or LabelSelector(), content, **spec))
        return self.store.create(made).key

    def report(self, key: Key) -> int:
        """Every agent that was told of something reports that it is Ready; how many did."""
        progress = self.store.progress(key)
        number, told = self.store.object_id(key), 0
        for deployment_id, clusters in progress.deployed.items():
            waiting = clusters - progress.applied.get(deployment_id, FrozenBitMap())
            status = ready(deployment_id)
            for at in range(0, len(waiting), REPORTS_AT_ONCE):
                self.store.report([Report(number, one, status) for one in waiting[at : at + REPORTS_AT_ONCE]])
            told += len(waiting)
        return told

    def report_failures(self, key: Key) -> None:
        """Every agent says of a bundle that is new that it could not be deployed, for one of five reasons, and names what is its own."""
        self.look(key)
        number = self.store.object_id(key)
        clusters = list(self.store.progress(key).existing)
        for at in range(0, len(clusters), REPORTS_AT_ONCE):
            self.store.report([Report(number, one, failed(one)) for one in clusters[at : at + REPORTS_AT_ONCE]])


def failed(number: int) -> BundleDeploymentStatus:
    message = f"reason {'abcde'[number % 5]}: image registry.example.org/web:1.{number % 9} denied for 10.0.{number % 250}.1"
    return BundleDeploymentStatus(conditions=(Condition(type="Deployed", status="False", reason="Error", message=message),))


def bundle_spec(
    selector: LabelSelector, content: str, *, helm: HelmOptions | None = None, rollout: RolloutStrategy | None = None
) -> BundleSpec:
    return BundleSpec(
        resources=(BundleResource(name="a.yaml", content=content),),
        helm=helm,
        rollout_strategy=rollout,
        targets=(BundleTarget(name="all", cluster_selector=selector),),
        target_restrictions=(GitTarget(name="all", cluster_selector=selector),),
    )


def ready(deployment_id: str) -> BundleDeploymentStatus:
    """What an agent says of a release of one ConfigMap."""
    when = "2026-01-01T00:00:00Z"
    return BundleDeploymentStatus(
        applied_deployment_id=deployment_id,
        release="default/a:1",
        ready=True,
        non_modified=True,
        conditions=tuple(
            Condition(type=name, status="True", last_update_time=when) for name in ("Installed", "Deployed", "Ready", "Monitored")
        ),
        resource_counts=ResourceCounts(ready=1, desired_ready=1),
    )


@contextmanager
def fleet(count: int) -> Iterator[Fleet]:
    """A fleet of `count` clusters to work on; templates are evaluated by Go's own engine, in a process that is warm."""
    with prepared(count) as where:
        pool = Pool()
        templates = GoTemplates(pool.evaluate)
        templates.evaluate("${ .ClusterName }", {"ClusterName": "warm"})
        found = Fleet(where, templates)
        try:
            yield found
        finally:
            found.store.close()
            pool.close()


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
