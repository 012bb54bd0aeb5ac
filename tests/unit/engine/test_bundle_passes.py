"""What a look at a Bundle costs, and that nothing is missed by looking less."""

from __future__ import annotations

import pytest

from extension.objects.errors import Conflict
from extension.objects.kinds import BundleResource, Cluster, RolloutStrategy
from extension.objects.options import HelmOptions
from tests.fakes.watched import WatchedStore
from tests.unit.engine.rollouts import Rollouts
from tests.unit.engine.samples import NS, bundle, bundle_key, changed, config_map


@pytest.fixture
def world(store):
    return Rollouts(WatchedStore(store))


def asked(world):
    return world.store.asked(lambda: world.reconcile(bundle_key("web")))


def test_a_look_that_its_own_writes_asked_for_reads_the_bundle_and_nothing_else(world):
    world.clusters("a")
    world.add("web")
    assert asked(world) == ["find"]
    world.report("web", "a")
    assert "update_status" in asked(world)
    assert asked(world) == ["find"]


def test_a_look_at_a_report_that_changes_no_number_writes_nothing(world):
    world.clusters("a")
    world.add("web")
    world.report("web", "a")
    world.look("web")
    world.report("web", "a")
    assert asked(world) == ["find", "progress", "tidy"]


def test_errors_of_clusters_are_written_once(world):
    world.clusters("a")
    world.add("web", helm=HelmOptions(values={"region": "${ .ClusterLabels.region }"}))
    assert asked(world) == ["find"]


@pytest.mark.parametrize("hook", ["after apply", "before update_status", "after update_status"])
def test_a_report_that_comes_while_a_look_writes_lets_the_rollout_go_on(world, hook):
    world.clusters("a", "b", "c")
    world.add("web", rollout_strategy=RolloutStrategy(max_unavailable=1))
    world.report("web", "a", "b", "c")
    world.look("web")
    resources = (BundleResource(name="a.yaml", content=config_map("web", "two")),)
    world.store.update(changed(world.bundle("web"), resources=resources))
    when, method = hook.split()
    getattr(world.store, when)[method] = lambda: world.report("web", "a")
    world.look("web")
    world.look("web")
    assert world.states("web") == {"a": "Ready", "b": "WaitApplied", "c": "OutOfSync"}
    world.report("web", "b")
    world.look("web")
    assert world.states("web") == {"a": "Ready", "b": "Ready", "c": "WaitApplied"}


@pytest.mark.parametrize("moment", ["update", "apply"])
def test_a_change_by_somebody_else_in_the_middle_of_a_look_is_no_error_of_the_bundle(world, moment):
    world.clusters("a")
    world.store.create(bundle("web"))
    world.index.refresh()
    resources = (BundleResource(name="a.yaml", content=config_map("web", "two")),)
    world.store.before[moment] = lambda: world.store.update(changed(world.bundle("web"), resources=resources))
    with pytest.raises(Conflict):
        world.reconcile(bundle_key("web"))
    assert not any(c.reason for c in world.bundle("web").status.conditions)
    world.look("web")
    assert world.states("web") == {"a": "WaitApplied"}


def test_a_cluster_that_joins_is_seen_although_the_bundle_is_the_same(world):
    world.clusters("a")
    world.add("web")
    world.clusters("b")
    world.look("web")
    assert set(world.states("web")) == {"a", "b"}


def test_a_cluster_that_goes_while_a_bundle_is_planned_for_it_does_not_keep_the_look_from_ending(world):
    world.clusters("a", "b")
    world.store.create(bundle("web"))
    applied = []

    def goes():
        applied.append(len(applied))
        if len(applied) == 1:
            world.store.delete(Cluster, NS, "b")
        assert len(applied) < 10
        world.store.before["apply"] = goes

    world.store.before["apply"] = goes
    world.index.refresh()
    assert world.reconcile(bundle_key("web")) == 0.0
    assert world.look("web") is None
    assert set(world.states("web")) == {"a"}
    assert world.bundle("web").status.display.ready_clusters == "0/1"
