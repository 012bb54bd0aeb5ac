"""The audit finds whatever was changed behind the store's back, and nothing else."""

from __future__ import annotations

import pytest

from extension.objects.base import ObjectMeta
from extension.objects.kinds import BundleDeploymentStatus, Cluster
from extension.objects.status import ResourceCounts
from extension.store.audit import _RULES
from extension.store.protocol import Report
from tests.unit.engine.rollouts import Rollouts


@pytest.fixture
def rolled_out(store):
    world = Rollouts(store)
    world.clusters("a", "b")
    store.create(Cluster(metadata=ObjectMeta(name="labelled", namespace="elsewhere", labels={"env": "prod"})))
    for name in ("web", "db"):
        world.add(name)
    world.report("web", "a", "b")
    world.look("web")
    world.says("db", "b", "image pull denied")
    return store


def test_a_store_that_only_the_service_wrote_has_no_findings(rolled_out):
    assert list(rolled_out.audit()) == []


DAMAGE = {
    "counters of bundles are those of their deployments": "UPDATE tally SET n1 = n1 + 1 WHERE NOT of_cluster AND n1 > 0",
    "counters of clusters are those of their deployments": "UPDATE tally SET n1 = n1 + 1 WHERE of_cluster",
    "every cluster has counters": "DELETE FROM tally WHERE of_cluster",
    "every bundle with deployments has counters": "DELETE FROM tally WHERE NOT of_cluster",
    "a deployment has the state that its columns make": "UPDATE deployment SET state = 4",
    "a deployment is of a bundle and a cluster that are there": "DELETE FROM object WHERE kind = 'Cluster'",
    "a deployment has options that are there": "UPDATE deployment SET staged = 12345",
    "options have a deployment ID and a content that are there": "DELETE FROM deployment_id",
    "a bundle has its content": "DELETE FROM content",
    "a report is of a deployment": "DELETE FROM deployment WHERE EXISTS (SELECT 1 FROM report r WHERE r.bundle_id = deployment.bundle_id)",
    "counters are of an object": "DELETE FROM object WHERE kind = 'Bundle'",
    "a label is of an object": "INSERT INTO tag (label_id, object_id) SELECT min(label_id), 12345 FROM tag",
    "a last-seen time is of a cluster": "INSERT INTO seen (cluster_id, at) VALUES (12345, '2026-01-01T00:00:00Z')",
    "an event is of an object": (
        "INSERT INTO event (object_id, type, reason, message, times, first, last)"
        " VALUES (12345, 'Normal', 'Paused', '', 1, '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z')"
    ),
    "no revision is ahead of the sequence": "UPDATE sequence SET number = 3",
    "complaints are counted as their deployments are": "UPDATE complaint SET n = n + 1",
    "a shape is of its bundle, and of a deployment": "UPDATE shape SET bundle_id = 12345",
    "a deployment has a shape that is there": "DELETE FROM shape",
    "a deployment with a shape has a report that says something": "UPDATE wording SET doc = '{}'",
    "a report's wording is its bundle's": "DELETE FROM wording",
    "labels are those of the documents": "DELETE FROM tag",
    "sums of resource counts are those of the reports": "UPDATE tally SET r_ready = 7 WHERE of_cluster",
}


@pytest.mark.parametrize("rule", DAMAGE)
def test_damage_is_found_by_the_rule_it_breaks(rolled_out, place, rule):
    place.rows(DAMAGE[rule])
    found = {one.rule: one for one in rolled_out.audit()}
    assert rule in found
    assert 0 < len(found[rule].examples) <= found[rule].count


def test_every_rule_is_tried():
    assert _RULES.keys() < DAMAGE.keys()


def test_sums_of_reports_are_compared_with_what_is_in_them(rolled_out):
    bundle = next(number for number, key in rolled_out.keys("Bundle", range(50)).items() if key.name == "web")
    cluster = next(iter(rolled_out.keys("Cluster", range(50))))
    status = BundleDeploymentStatus(resource_counts=ResourceCounts(ready=3, desired_ready=4))
    rolled_out.report([Report(bundle, cluster, status)])
    assert list(rolled_out.audit()) == []
