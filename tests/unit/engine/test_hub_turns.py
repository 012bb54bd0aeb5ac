"""When agents are to come, how a crowd of them is told to come later, and what is known of who came."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from extension.engine.hub import SHORTEST, Hub
from extension.objects.agents import ReportBatch
from extension.objects.errors import Busy
from extension.objects.kinds import Cluster
from extension.settings import Settings
from tests.unit.engine.hubs import world
from tests.unit.engine.samples import NS

__all__ = ["world"]


def test_turns_are_within_the_interval_spread_and_the_same_for_a_cluster_whenever_it_asks(store):
    now = [1_000_000.0]
    hub = Hub(store, None, Settings(checkin_interval=900), clock=lambda: now[0])
    hub._newest.count = 10_000_000
    after = [hub._after(number) for number in range(1, 2001)]
    assert all(450 <= one <= 1350 for one in after)
    turns = {int((now[0] + one) % 900) // 90 for one in after}
    assert turns == set(range(10))
    first = (now[0] + after[0]) % 900
    now[0] += 123
    assert (now[0] + hub._after(1)) % 900 == pytest.approx(first)
    hub._newest.count = 10
    assert hub._after(1) <= 1.5 * SHORTEST


def test_a_crowd_is_told_when_to_come_back_and_who_asks_for_nothing_new_is_still_answered(world):
    (agent,) = world.agents("a")
    world.rollouts.add("web")
    agent.check_in()
    world.caught_up()
    agent.check_in()
    with ExitStack() as crowd:
        for _ in range(Settings().threads // 2):
            crowd.enter_context(world.hub._reads.entered())
        with pytest.raises(Busy) as refused:
            world.hub.check_in(agent.key, "")
        assert world.hub.check_in(agent.key, agent.since).work is None
    assert 5 <= refused.value.retry_after <= 15
    assert world.hub.check_in(agent.key, "").work.complete


def test_last_seen_times_are_of_those_who_checked_in(world):
    one, _other = world.agents("a", "b")
    one.check_in()
    reached = world.hub.reached()
    assert list(reached) == [world.store.object_id(one.cluster)]
    assert not world.hub.reached()
    world.store.asking.seen(reached, "2025-12-31T00:00:00Z")
    before = world.store.revision()
    world.store.asking.seen([*reached, 999_999], "2026-01-01T00:00:00Z")
    assert world.store.revision() == before
    assert world.store.get(Cluster, NS, one.cluster.name).status.agent.last_seen == "2026-01-01T00:00:00Z"
    assert world.store.asking.silent("2026-01-01T00:00:01Z") == list(reached)
    assert world.store.asking.silent("2026-01-01T00:00:00Z") == []


def test_a_cluster_says_why_its_agent_can_not_reach_it_until_that_is_over(world):
    (agent,) = world.agents("a")

    def told():
        found = world.store.get(Cluster, agent.cluster.namespace, agent.cluster.name)
        return [(one.status, one.message) for one in found.status.conditions if one.type == "Imported"]

    world.hub.report(agent.key, ReportBatch(unreachable=""))
    assert told() == [], "of what was never away nothing is written"
    world.hub.report(agent.key, ReportBatch(unreachable="no route to host"))
    assert told() == [("False", "no route to host")]
    world.hub.report(agent.key, ReportBatch())
    assert told() == [("False", "no route to host")]
    world.hub.report(agent.key, ReportBatch(unreachable=""))
    assert told() == [("True", "")]
    world.hub.report(agent.key, ReportBatch(unreachable="x" * 5000))
    assert len(told()[0][1]) == 1024
