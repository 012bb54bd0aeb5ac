"""What simulated agents do with what they are told, by a clock of their own."""

from __future__ import annotations

import pytest

from extension.objects.agents import Registration, Work, WorkItem
from extension.simulator.agents import Agents, Known
from extension.simulator.behaviour import Behaviour

AT_ONCE = Behaviour(deploy_seconds=0)


def item(bundle=7, **given):
    return WorkItem(**{"bundle_id": bundle, "revision": 3, "deployment_id": "d1"} | given)


def work(*items, **given):
    return Work(**{"since": "e.1", "items": items} | given)


def joined(behaviour=AT_ONCE, count=1):
    agents = Agents(behaviour)
    agents.joined([Registration(f"c{n}", "ws", f"c{n}", "", f"key{n}") for n in range(count)], 0.0)
    return agents


def reports(agents, until=1000.0):
    """All reports up to a time, check-ins left out, in the order they are sent."""
    found = []
    while turn := agents.due(until):
        found += turn.reports
    return found


def test_an_agent_checks_in_after_it_registered_and_when_the_hub_says():
    agents = joined()
    assert agents.due(0.0).reports == ()
    agents.told(0, None, 30.0, 0.0)
    assert agents.due(29.9) is None and agents.due(30.0).number == 0


def test_an_interval_of_its_own_counts_more_than_the_hubs_and_spreads_the_first_check_ins():
    agents = joined(Behaviour(interval=10), count=200)
    first = [agents.due(10.0).at for _ in range(200)]
    assert agents.due(1000.0) is None
    assert min(first) < 2 and max(first) > 8 and first == sorted(first)
    agents.told(0, None, 900.0, 10.0)
    assert agents.next() == 20.0


def test_what_is_asked_for_is_reported_ready_with_rising_sequences():
    agents = joined()
    agents.told(0, work(item(1), item(2), sequence=41, key="new"), 30.0, 0.0)
    said = reports(agents)
    assert [(one.bundle_id, one.sequence, one.status.applied_deployment_id, one.status.ready) for one in said] == [
        (1, 42, "d1", True),
        (2, 43, "d1", True),
    ]
    assert (agents.since[0], agents.keys[0]) == ("e.1", "new")


def test_what_is_deleted_is_reported_removed_and_what_is_paused_or_not_yet_live_not_at_all():
    agents = joined()
    agents.told(0, work(item(1, deleting=True), item(2, paused=True), item(3, deployment_id="")), 30.0, 0.0)
    assert [(one.bundle_id, one.removed) for one in reports(agents)] == [(1, True)]


def test_a_failure_is_reported_before_it_is_mended():
    agents = joined(Behaviour(failing=1, deploy_seconds=1))
    agents.told(0, work(item()), 30.0, 0.0)
    first, second = reports(agents)
    assert [c.status for c in first.status.conditions] == ["False"] and second.status.ready
    assert first.sequence < second.sequence


def test_a_report_is_sent_twice_and_late_when_it_is_to_be():
    agents = joined(Behaviour(deploy_seconds=0, duplicated=1, delayed=1))
    agents.told(0, work(item()), 30.0, 0.0)
    assert [one.sequence for one in reports(agents)] == [1, 1]


def test_an_agent_that_is_away_comes_back_later():
    agents = joined(Behaviour(offline=1, offline_seconds=600))
    agents.due(0.0)
    agents.told(0, None, 30.0, 0.0)
    assert agents.next() == 600.0


def test_an_agent_that_starts_anew_knows_nothing():
    agents = joined(Behaviour(restarting=1))
    agents.since[0] = "e.9"
    agents.due(0.0)
    assert agents.since[0] == ""


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_acknowledged_reports_the_one_with_the_higher_sequence_counts(order):
    agents = joined(Behaviour(failing=1, deploy_seconds=1))
    agents.told(0, work(item()), 30.0, 0.0)
    both = reports(agents)
    for at in order:
        agents.acknowledged(0, [both[at]], gone=())
    assert agents.known[0] == {7: Known(2, "d1", True)}


def test_nothing_is_known_of_what_went():
    agents = joined()
    agents.told(0, work(item(1), item(2), item(3)), 30.0, 0.0)
    agents.acknowledged(0, reports(agents), gone=[1])
    assert agents.known[0].keys() == {2, 3}
    agents.told(0, work(item(3), complete=True), 30.0, 0.0)
    assert agents.known[0].keys() == {3}


def test_the_same_seed_makes_the_same_life():
    lives = []
    for _ in range(2):
        agents = joined(Behaviour(failing=0.5, duplicated=0.5, delayed=0.5, interval=10), count=20)
        for number in range(20):
            agents.told(number, work(item(1), item(2)), 30.0, 0.0)
        lives.append([(one.bundle_id, one.sequence, one.status.ready) for one in reports(agents)])
    assert lives[0] == lives[1] and len(lives[0]) > 40


def test_an_agent_that_starts_anew_reports_nothing_that_it_has_already():
    agents = joined()
    agents.told(0, work(item(1)), 30.0, 0.0)
    agents.acknowledged(0, reports(agents), gone=())
    agents.told(0, work(item(1), item(2), complete=True, reported=1), 30.0, 0.0)
    assert [one.bundle_id for one in reports(agents)] == [2]


def test_what_was_not_sent_is_sent_in_its_order_when_all_is_to_settle():
    agents = joined(Behaviour(failing=1, deploy_seconds=10))
    agents.told(0, work(item(1)), 30.0, 0.0)
    assert [one.sequence for turn in agents.calm() for one in turn.reports] == [1, 2]
    assert agents.pending == 0 and agents.next() is None


def test_what_the_hub_acknowledged_and_lost_is_told_again_with_higher_sequences():
    agents = joined()
    agents.told(0, work(item(1), item(2)), 30.0, 0.0)
    agents.acknowledged(0, reports(agents), gone=())
    agents.told(0, work(reported=1 + 2), 30.0, 0.0)
    assert reports(agents) == []
    agents.told(0, work(reported=1), 30.0, 0.0)
    assert [(one.bundle_id, one.sequence, one.status.applied_deployment_id) for one in reports(agents)] == [(1, 3, "d1"), (2, 4, "d1")]


@pytest.mark.parametrize("told", [{}, {"reported": 99}], ids=["nothing lost", "reports lost"])
def test_what_is_wanted_again_while_something_else_is_on_its_way_is_reported_last(told):
    agents = joined()
    agents.told(0, work(item(1), reported=0), 30.0, 0.0)
    agents.acknowledged(0, reports(agents), gone=())
    agents.told(0, work(item(1, deployment_id="d2"), reported=1), 30.0, 0.0)
    agents.told(0, work(item(1), **({"reported": 1} | told)), 30.0, 0.0)
    said = {one.sequence: one.status.applied_deployment_id for one in reports(agents)}
    assert said[max(said)] == "d1"
    assert sorted(said.values()) == ["d1", "d2"]
