"""What a Bundle's status tells of its rollout (`fleet-semantics.md` 1.4, 1.5, 3.4): numbers, partitions, and targets still to come."""

from __future__ import annotations

import pytest

from extension.objects.kinds import BundleResource, BundleTarget, Partition, RolloutStrategy
from extension.objects.selectors import LabelSelector
from tests.unit.engine.rollouts import Rollouts
from tests.unit.engine.samples import EVERYWHERE, NS, changed, config_map, message

FIRST = Partition(name="first", cluster_name="a")
REST = Partition(name="rest", cluster_selector=LabelSelector({"late": "yes"}))


@pytest.fixture
def world(store):
    return Rollouts(store)


def shown(world, name="web"):
    found = world.bundle(name).status
    return found.display.ready_clusters, found.display.state, found.summary.pending, found.summary.desired_ready


def test_clusters_of_a_partition_that_waits_are_pending_until_it_is_their_turn(world):
    world.clusters("a")
    world.clusters("b", "c", late="yes")
    world.add(
        "web", EVERYWHERE, rollout_strategy=RolloutStrategy(partitions=(Partition(name="first", cluster_name="a", max_unavailable=0), REST))
    )
    assert world.states("web") == {"a": "WaitApplied"}
    assert shown(world) == ("0/3", "WaitApplied", 2, 3)
    assert message(world.bundle("web"), "Ready") == f"Pending(2) [Cluster {NS}/b]; WaitApplied(1) [Cluster {NS}/a]"
    world.report("web", "a")
    world.look("web")
    assert set(world.states("web")) == {"a", "b", "c"}
    assert shown(world) == ("1/3", "WaitApplied", 0, 3)
    world.report("web", "b", "c")
    world.look("web")
    assert shown(world) == ("3/3", "", 0, 3)
    assert message(world.bundle("web"), "Ready") == ""


def test_clusters_in_no_partition_stay_pending_and_the_bundle_is_not_ready(world):
    world.clusters("a", *(f"n{number:02}" for number in range(12)))
    world.add("web", EVERYWHERE, rollout_strategy=RolloutStrategy(partitions=(FIRST,)))
    world.report("web", "a")
    world.look("web")
    assert shown(world) == ("1/13", "Pending", 12, 13)
    found = world.bundle("web").status
    assert [one.name for one in found.summary.non_ready_resources] == [f"{NS}/n{number:02}" for number in range(10)]
    assert found.pending.count == 12
    before = world.store.revision()
    world.look("web")
    assert world.store.revision() == before, "nothing is written twice"


def test_a_target_that_is_given_up_is_not_pending_any_more(world):
    world.clusters("a")
    world.clusters("b", late="yes")
    world.add("web", EVERYWHERE, rollout_strategy=RolloutStrategy(partitions=(FIRST,)))
    assert shown(world)[2] == 1
    world.store.update(changed(world.bundle("web"), targets=(BundleTarget(name="one", cluster_name="a"),)))
    world.look("web")
    assert shown(world) == ("0/1", "WaitApplied", 0, 1)


def test_a_bundle_on_its_way_out_has_no_pending_targets(world):
    world.clusters("a", "b")
    world.add("web", EVERYWHERE, rollout_strategy=RolloutStrategy(partitions=(FIRST,)))
    world.store.delete(type(world.bundle("web")), NS, "web")
    world.look("web")
    assert world.bundle("web").status.summary.pending == 0


def test_the_numbers_of_a_rollout_are_those_of_the_step_that_is_under_way(world):
    world.clusters("a", "b", "c", "d")
    strategy = RolloutStrategy(max_unavailable=1, auto_partition_size=2, auto_partition_threshold=1, max_unavailable_partitions=1)
    world.add("web", EVERYWHERE, rollout_strategy=strategy)
    for _ in range(3):
        world.report("web", *world.states("web"))
        world.look("web")
    found = world.bundle("web").status
    assert (found.max_unavailable, found.max_unavailable_partitions, found.unavailable, found.unavailable_partitions) == (1, 1, 0, 0)
    assert [(p.name, p.count, p.max_unavailable, p.unavailable) for p in found.partitions] == [
        ("Partition 0 - 2", 2, 1, 0),
        ("Partition 2 - 4", 2, 1, 0),
    ]
    world.store.update(changed(world.bundle("web"), resources=(BundleResource(name="a.yaml", content=config_map("web", "two")),)))
    world.look("web")
    found = world.bundle("web").status
    assert (found.unavailable, found.newly_created, found.observed_generation) == (1, 0, world.bundle("web").metadata.generation)
    assert ([p.unavailable for p in found.partitions], found.unavailable_partitions) == ([2, 2], 2)


def test_the_only_partition_has_the_bundles_summary_and_several_have_none(world):
    world.clusters("a", "b")
    world.add("web")
    (only,) = world.bundle("web").status.partitions
    assert (only.name, only.summary) == ("All", world.bundle("web").status.summary)
    assert only.summary.wait_applied == 2
    world.store.update(changed(world.bundle("web"), rollout_strategy=RolloutStrategy(partitions=(FIRST, FIRST))))
    world.look("web")
    assert [p.summary.desired_ready for p in world.bundle("web").status.partitions] == [0, 0]
