"""The hub: no change is lost, nothing is told to the wrong cluster, and what did not change costs nothing."""

from __future__ import annotations

import pytest

from extension.engine.wire import assigned
from extension.objects.agents import RegistrationRequest
from extension.objects.errors import Conflict, Invalid, NotFound
from extension.objects.kinds import Bundle, BundleResource, BundleTarget, Cluster
from extension.objects.names import registered_cluster_name
from tests.fakes.waiting import wait_for
from tests.unit.engine.hubs import world
from tests.unit.engine.samples import NS, bundle_key, changed, config_map, marked, replace

__all__ = ["world"]


def target(client):
    return BundleTarget(name=client, cluster_name=registered_cluster_name(client))


def test_an_agent_is_told_everything_once_and_then_nothing_until_something_changes(world):
    (agent,) = world.agents("a")
    world.rollouts.add("web")
    assert agent.check_in() == {"web"}
    world.caught_up()
    assert world.hub.check_in(agent.key, agent.since).work is None
    world.rollouts.add("db")
    world.caught_up()
    assert agent.check_in() == {"db"}
    assert set(agent.items) == {"web", "db"}


def test_a_check_in_without_news_reads_nothing(world, monkeypatch):
    (agent,) = world.agents("a")
    world.rollouts.add("web")
    agent.check_in()
    world.caught_up()
    agent.check_in()
    world.hub.stop()

    def read():
        raise AssertionError("the store was read")

    monkeypatch.setattr(world.store._database, "read", read)
    assert world.hub.check_in(agent.key, agent.since).work is None


def test_an_item_is_what_the_engines_own_agents_get(world):
    (agent,) = world.agents("a")
    world.rollouts.add("web", paused=False)
    agent.check_in()
    found = world.store.assigned(agent.cluster)[0]
    assert assigned(agent.items["web"], found.cluster_id) == found


@pytest.mark.parametrize("client", ["a", "b"])
def test_a_cluster_is_told_of_its_own_work_and_may_read_its_own_contents_only(world, client):
    agents = {agent.client: agent for agent in world.agents("a", "b")}
    for name in agents:
        world.rollouts.add(f"for-{name}", target(name), resources=(BundleResource(name="a.yaml", content=config_map(name)),))
    agent, other = agents[client], agents["b" if client == "a" else "a"]
    assert agent.check_in() == {f"for-{client}"}
    other.check_in()
    own, others = agent.items[f"for-{client}"], other.items[f"for-{other.client}"]
    assert world.hub.content(agent.key, own.content_sha256)
    with pytest.raises(NotFound, match="no deployment of this cluster"):
        world.hub.content(agent.key, others.content_sha256)


def test_a_report_of_another_clusters_deployment_changes_nothing_there(world):
    one, other = world.agents("a", "b")
    world.rollouts.add("web", target("b"))
    other.check_in()
    one.items = dict(other.items)
    assert one.report(one.said("web")).gone == (other.items["web"].bundle_id,)
    assert world.rollouts.states("web") == {other.cluster.name: "WaitApplied"}


def test_counters_are_right_when_a_report_is_answered(world):
    (agent,) = world.agents("a")
    world.rollouts.add("web")
    agent.check_in()
    answer = agent.report(agent.said("web"))
    assert (answer.accepted, answer.stale, answer.gone) == (1, (), ())
    assert world.store.get(Bundle, NS, "web").status.summary.ready == 1


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (0, 2, 1, 2, 0)])
def test_the_newest_report_stands_however_reports_arrive(world, order):
    (agent,) = world.agents("a")
    world.rollouts.add("web")
    agent.check_in()
    reports = [agent.said("web", ready=False), agent.said("web", ready=False), agent.said("web", ready=True)]
    told = [agent.report(reports[number]).stale for number in order]
    assert set(world.rollouts.states("web").values()) == {"Ready"}
    after = order[order.index(2) + 1 :]
    assert [stale[0].sequence for stale in told[len(order) - len(after) :] if stale] == [3 for number in after if number != 2]


def test_the_newest_of_a_batch_stands_and_a_repeated_report_takes_no_revision(world):
    (agent,) = world.agents("a")
    world.rollouts.add("web")
    agent.check_in()
    old, new = agent.said("web", ready=False), agent.said("web")
    agent.report(new, old)
    assert set(world.rollouts.states("web").values()) == {"Ready"}
    before = world.store.revision()
    agent.report(new)
    assert world.store.revision() == before


def test_an_agent_that_starts_anew_goes_on_above_its_last_sequence(world):
    (agent,) = world.agents("a")
    world.rollouts.add("web")
    agent.check_in()
    agent.sequence = 41
    agent.report(agent.said("web", ready=False))
    agent.since, agent.sequence = "", 0
    agent.check_in()
    assert agent.sequence == 42
    assert not agent.items["web"].status.ready
    assert agent.report(agent.said("web")).stale == ()
    assert set(world.rollouts.states("web").values()) == {"Ready"}


def test_a_late_word_that_a_release_is_gone_does_not_drop_what_is_wanted_again(world):
    (agent,) = world.agents("a")
    world.rollouts.add("web")
    bundle_id = world.store.object_id(bundle_key("web"))
    agent.check_in()
    assert agent.report(agent.said("web", removed=True)).gone == ()  # nobody asked for that
    world.store.forget(bundle_key("web"))
    world.caught_up()
    agent.check_in()
    assert agent.items["web"].deleting
    gone = agent.said("web", removed=True)
    assert agent.report(gone).gone == (bundle_id,)
    world.rollouts.look("web")
    assert agent.report(gone).gone == ()
    world.store.forget(bundle_key("web"))
    assert agent.report(gone).gone == ()
    assert list(world.rollouts.states("web")) == [agent.cluster.name]


def test_numbers_that_the_store_can_not_hold_are_refused_before_they_reach_the_others(world):
    (agent,) = world.agents("a")
    world.rollouts.add("web")
    agent.check_in()
    good = agent.said("web")
    counts = replace(good.status.resource_counts, ready=2**63)
    counted = replace(good, status=replace(good.status, resource_counts=counts))
    for broken in (counted, replace(good, sequence=0), replace(good, bundle_id=2**64)):
        with pytest.raises(Invalid, match=r"reports\[0\]"):
            agent.report(broken)


def test_a_pause_of_a_bundle_or_a_cluster_is_work_and_a_bundles_status_is_none(world):
    (agent,) = world.agents("a")
    world.rollouts.add("web")
    agent.check_in()
    world.caught_up()
    agent.check_in()
    bundle = world.store.get(Bundle, NS, "web")
    world.store.update_status(replace(bundle, status=replace(bundle.status, observed_generation=7)))
    world.caught_up()
    assert world.hub.check_in(agent.key, agent.since).work is None
    world.store.update(marked(changed(world.store.get(Bundle, NS, "web"), paused=True), resource_version=""))
    world.caught_up()
    assert agent.check_in() == {"web"}
    assert agent.items["web"].paused
    world.store.update(marked(changed(world.store.get(Bundle, NS, "web"), paused=False), resource_version=""))
    cluster = world.store.get(Cluster, NS, agent.cluster.name)
    world.store.update_status(replace(cluster, status=replace(cluster.status, scheduled=True)))
    world.caught_up()
    assert agent.check_in() == {"web"}
    assert agent.items["web"].paused


def test_reports_are_no_work(world):
    one, other = world.agents("a", "b")
    world.rollouts.add("web")
    for agent in (one, other):
        agent.check_in()
        agent.report(agent.said("web"))
    world.caught_up()
    assert [world.hub.check_in(agent.key, agent.since).work for agent in (one, other)] == [None, None]


def test_another_process_knows_what_was_told_and_what_was_not(world):
    (agent,) = world.agents("a")
    world.rollouts.add("web")
    agent.check_in()
    agent.hub = world.restarted()
    assert agent.check_in() == set()
    world.hub.stop()
    world.rollouts.add("db")
    agent.hub = world.restarted()
    assert agent.check_in() == {"db"}


def test_after_another_engine_began_an_agent_is_told_once_what_is_known_of_its_reports(world):
    (agent,) = world.agents("a")
    for name in ("web", "db"):
        world.rollouts.add(name)
    agent.check_in()
    agent.report(agent.said("web"), agent.said("db"))
    agent.report(agent.said("web"))
    assert world.hub.check_in(agent.key, agent.since).work is None
    work = world.restarted().check_in(agent.key, agent.since).work
    assert (work.items, work.complete, work.sequence, work.reported) == ((), False, 3, 2 + 3)
    assert world.hub.check_in(agent.key, work.since).work is None


@pytest.mark.parametrize("since", ["", "x", "0" * 16 + ".99", "99", "9" * 400])
def test_a_moment_that_the_hub_does_not_know_is_the_beginning(world, since):
    (agent,) = world.agents("a")
    world.rollouts.add("web")
    work = world.hub.check_in(agent.key, since).work
    assert work.complete and [item.bundle_name for item in work.items] == ["web"]


def test_a_feed_that_lost_its_place_loses_no_change(world):
    (agent,) = world.agents("a")
    world.rollouts.add("web")
    agent.check_in()
    world.hub._feed.position = world.store.revision() + 1000
    world.rollouts.add("db")
    wait_for(lambda: agent.check_in() == {"db"})


def test_a_cluster_that_the_service_reaches_itself_has_no_agent(world):
    (agent,) = world.agents("a")
    agent.check_in()
    cluster = world.store.get(Cluster, NS, agent.cluster.name)
    world.store.update(marked(changed(cluster, kube_config_secret="kube"), resource_version=""))
    world.caught_up()
    with pytest.raises(Conflict, match="reaches this cluster itself"):
        agent.check_in()
    with pytest.raises(Conflict, match="reaches this cluster itself"):
        world.hub.register(world.token("again"), [RegistrationRequest("a")])
