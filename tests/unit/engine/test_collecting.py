"""What nothing names any more is dropped: contents, variants of options, deployment IDs, reports, counters."""

from __future__ import annotations

import random

import pytest

from extension.objects.kinds import Bundle, BundleResource, BundleTarget, Cluster, RolloutStrategy
from extension.objects.options import HelmOptions
from extension.objects.selectors import LabelSelector
from extension.store.protocol import Query
from tests.unit.engine.rollouts import Rollouts
from tests.unit.engine.samples import NS, bundle_key, changed, cluster, config_map, marked
from tests.unit.store.samples import rows

STEPS = 80
ORPHANS = {
    "content": "SELECT sha256 FROM content WHERE sha256 NOT IN (SELECT content FROM object WHERE kind = 'Bundle')"
    " AND sha256 NOT IN (SELECT content FROM variant)",
    "variant": "SELECT id FROM variant WHERE id NOT IN (SELECT staged FROM deployment)"
    " AND id NOT IN (SELECT live FROM deployment WHERE live IS NOT NULL)",
    "deployment_id": "SELECT id FROM deployment_id WHERE id NOT IN (SELECT deployment_id FROM variant)"
    " AND id NOT IN (SELECT staged_id FROM deployment UNION SELECT live_id FROM deployment UNION SELECT applied_id FROM deployment)",
    "report": "SELECT bundle_id, cluster_id FROM report EXCEPT SELECT bundle_id, cluster_id FROM deployment",
    "tally": "SELECT object_id FROM tally WHERE object_id NOT IN (SELECT id FROM object)",
    "seen": "SELECT cluster_id FROM seen WHERE cluster_id NOT IN (SELECT id FROM object)",
    "tag": "SELECT object_id FROM tag WHERE object_id NOT IN (SELECT id FROM object)",
    "deployment": "SELECT bundle_id FROM deployment WHERE bundle_id NOT IN (SELECT id FROM object)"
    " OR cluster_id NOT IN (SELECT id FROM object)",
}
LIMITED = RolloutStrategy(max_unavailable="50%")


def orphans(path):
    return {table: found for table, query in ORPHANS.items() if (found := rows(path, query))}


class History:
    """Random changes of a small fleet, and reports of a few of its agents."""

    def __init__(self, store, seed):
        self.world, self.store, self.random = Rollouts(store), store, random.Random(seed)
        self.number = 0

    def names(self, cls):
        return [one.metadata.name for one in self.store.list(cls, Query(namespaces=(NS,))).items]

    def one_of(self, cls):
        return self.random.choice(self.names(cls) or [""])

    def step(self):
        self.number += 1
        self.random.choices(
            [self.new_bundle, self.new_cluster, self.change, self.relabel, self.drop_bundle, self.drop_cluster, self.reports],
            [2, 3, 5, 3, 1, 1, 8],
        )[0]()
        for name in self.names(Bundle):
            if self.random.random() < 0.7:
                self.world.look(name)

    def options(self):
        blue = LabelSelector(match_labels={"color": "blue"})
        values = {"number": self.random.randrange(4), "name": "${ .ClusterName }"}
        target = BundleTarget(name="b", cluster_selector=blue, helm=HelmOptions(values=values))
        rest = BundleTarget(name="rest", cluster_selector=LabelSelector())
        content = BundleResource(name="a.yaml", content=config_map("a", str(self.random.randrange(5))))
        return {
            "targets": (target, rest), "resources": (content,), "rollout_strategy": self.random.choice([None, LIMITED]),
            "default_namespace": self.random.choice(["web", "shop"]), "paused": self.random.random() < 0.1,
        }  # fmt: skip

    def new_bundle(self):
        given = self.options()
        self.world.add(f"b{self.number}", *given.pop("targets"), **given)

    def new_cluster(self):
        self.store.create(cluster(f"c{self.number}", labels={"color": self.random.choice(["blue", "red"])}))

    def change(self):
        if name := self.one_of(Bundle):
            self.store.update(changed(self.store.get(Bundle, NS, name), **self.options()))

    def relabel(self):
        if name := self.one_of(Cluster):
            there = self.store.get(Cluster, NS, name)
            self.store.update(marked(there, labels={"color": self.random.choice(["blue", "red"])}, resource_version=""))

    def drop_bundle(self):
        if name := self.one_of(Bundle):
            self.store.delete(Bundle, NS, name)

    def drop_cluster(self):
        if name := self.one_of(Cluster):
            self.store.delete(Cluster, NS, name)

    def reports(self, share=0.3):
        """Some agents say that they did what they were told."""
        for name in self.names(Bundle):
            for one in self.store.deployments(Query(limit=500), bundle=bundle_key(name)).items:
                if self.random.random() < share:
                    on = one.metadata.labels["fleet.cattle.io/cluster"]
                    if one.status.display.state == "":
                        self.world.removed(name, on)
                    elif one.spec.deployment_id:
                        self.world.report(name, on)

    def settle(self):
        """All agents report and all bundles are looked at until nothing changes any more."""
        for name in self.names(Bundle):
            self.store.update(changed(self.store.get(Bundle, NS, name), paused=False))
        before = -1
        while before != self.store.revision():
            before = self.store.revision()
            for name in self.names(Bundle):
                self.world.look(name)
            self.quiet_reports()

    def quiet_reports(self):
        """As `reports`, by those that have something new to say."""
        for name in self.names(Bundle):
            for one in self.store.deployments(Query(limit=500), bundle=bundle_key(name)).items:
                on = one.metadata.labels["fleet.cattle.io/cluster"]
                if one.status.display.state == "":
                    self.world.removed(name, on)
                elif one.spec.deployment_id and one.status.applied_deployment_id != one.spec.deployment_id:
                    self.world.report(name, on)


@pytest.mark.parametrize("seed", range(2))
def test_a_long_random_history_leaves_nothing_that_nothing_names(store, tmp_path, seed):
    history = History(store, seed)
    for _ in range(STEPS):
        history.step()
    history.settle()
    assert history.names(Bundle) and history.names(Cluster)
    assert orphans(tmp_path / "store.db") == {}
    assert list(store.audit()) == []


def test_a_fleet_that_goes_leaves_nothing_at_all(store, tmp_path):
    history = History(store, 7)
    for _ in range(25):
        history.step()
    for cls in (Bundle, Cluster):
        for name in history.names(cls):
            history.store.delete(cls, NS, name)
        history.settle()
    path = tmp_path / "store.db"
    left = {table: rows(path, f"SELECT count(*) FROM {table}")[0][0] for table in ORPHANS}
    assert left == dict.fromkeys(ORPHANS, 0)
