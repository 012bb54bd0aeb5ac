"""A cluster that is being deleted: nobody's target any more, and gone when nothing is on it and its agent knows."""

from __future__ import annotations

import pytest

from extension.engine.departures import depart
from extension.objects.agents import ReportBatch
from extension.objects.departing import FINALIZER, departing
from extension.objects.errors import Unauthorized
from extension.objects.kinds import Bundle, Cluster
from extension.store.labels import LabelIndex
from tests.unit.engine.hubs import World
from tests.unit.engine.rollouts import Rollouts
from tests.unit.engine.samples import NS, cluster_key


def deleted(store, name, *, dismissed=False):
    """What the API does."""
    store.update(departing(store.get(Cluster, NS, name), FINALIZER, dismissed=dismissed))
    store.delete(Cluster, NS, name)


def passed(store):
    index = LabelIndex(store)
    index.refresh()
    depart(store, index.deleting())


@pytest.fixture
def world(store):
    made = Rollouts(store)
    made.clusters("a", "b")
    made.add("web")
    made.report("web", "a", "b")
    return made


def test_its_deployments_go_and_those_of_others_stay(world):
    deleted(world.store, "a")
    world.look("web")
    assert {name: one.deleting for name in "ab" for one in world.store.assigned(cluster_key(name))} == {"a": True, "b": False}


def test_it_is_gone_when_the_last_of_its_deployments_is(world):
    deleted(world.store, "a")
    world.look("web")
    passed(world.store)
    assert world.store.find(Cluster, NS, "a") is not None
    world.removed("web", "a")
    passed(world.store)
    assert world.store.find(Cluster, NS, "a") is None
    assert world.states("web") == {"b": "Ready"}


def test_no_bundle_comes_to_it_any_more(world):
    deleted(world.store, "a")
    world.add("late")
    assert set(world.states("late")) == {"b"}


def test_others_that_are_deleted_with_a_finalizer_of_their_own_are_left_alone(world):
    held = world.store.get(Cluster, NS, "a")
    world.store.update(departing(held, "somebody.else/holds"))
    world.store.delete(Cluster, NS, "a")
    world.look("web")
    world.removed("web", "a")
    passed(world.store)
    assert world.store.get(Cluster, NS, "a").metadata.finalizers == ("somebody.else/holds",)


@pytest.fixture
def hubs(store):
    made = World(store)
    yield made
    made.stop()


@pytest.fixture
def agent(hubs):
    (agent,) = hubs.agents("a")
    hubs.rollouts.add("web")
    agent.check_in()
    agent.report(agent.said("web"))
    hubs.store.seen([agent.cluster], "2026-11-23T12:00:00Z")
    return agent


def told(hubs, agent):
    hubs.caught_up()
    return hubs.hub.check_in(agent.key, agent.since).work


def test_its_agent_is_let_go_after_it_removed_everything_and_said_so(hubs, agent):
    deleted(hubs.store, agent.cluster.name)
    hubs.rollouts.look("web")
    hubs.caught_up()
    assert agent.check_in() == {"web"} and agent.items["web"].deleting
    passed(hubs.store)
    assert not told(hubs, agent)
    agent.report(agent.said("web", removed=True))
    passed(hubs.store)
    assert told(hubs, agent).dismissed
    hubs.hub.report(agent.key, ReportBatch(dismissed=True))
    assert hubs.store.find(Cluster, NS, agent.cluster.name) is None
    hubs.caught_up()
    with pytest.raises(Unauthorized):
        hubs.hub.check_in(agent.key, agent.since)


def test_an_agent_that_is_let_go_at_once_is_told_of_nothing_to_remove(hubs, agent):
    deleted(hubs.store, agent.cluster.name, dismissed=True)
    hubs.rollouts.look("web")
    work = told(hubs, agent)
    assert work.dismissed and work.items == ()
    hubs.hub.report(agent.key, ReportBatch(dismissed=True))
    assert hubs.store.find(Cluster, NS, agent.cluster.name) is None
    assert hubs.store.get(Bundle, NS, "web").status.summary.desired_ready == 0


def test_an_agent_that_says_it_without_having_been_told_changes_nothing(hubs, agent):
    hubs.hub.report(agent.key, ReportBatch(dismissed=True))
    assert hubs.store.find(Cluster, NS, agent.cluster.name) is not None
