"""Keys of agents: good for one cluster, until they are taken back."""

from __future__ import annotations

import pytest

from extension.engine.hub import Hub
from extension.objects.agents import RegistrationRequest
from extension.objects.base import ObjectMeta
from extension.objects.errors import Unauthorized
from extension.objects.kinds import Cluster
from extension.settings import Settings
from tests.unit.engine.hubs import world
from tests.unit.engine.samples import NS

__all__ = ["world"]


def other_end(key):
    return key[:-1] + ("0" if key[-1] != "0" else "1")


def other_number(key):
    return key.replace("agent-", "agent-1")


@pytest.mark.parametrize("break_", [other_end, other_number, lambda _: "", lambda key: f"{key}\n"])
def test_a_key_that_was_never_given_is_refused_and_reads_nothing(world, monkeypatch, break_):
    (agent,) = world.agents("a")
    monkeypatch.setattr(world.store.asking, "known", lambda _number: pytest.fail("the store was read"))
    with pytest.raises(Unauthorized, match="not one of this service"):
        world.hub.check_in(break_(agent.key), "")


def test_a_registration_secret_is_no_key_and_a_key_no_registration_secret(world):
    (agent,) = world.agents("a")
    with pytest.raises(Unauthorized):
        world.hub.check_in(world.token("other"), "")
    with pytest.raises(Unauthorized):
        world.hub.register(agent.key, [RegistrationRequest("b")])


def test_a_key_is_good_for_the_cluster_it_was_given_to_and_for_none_that_gets_its_number(world):
    (agent,) = world.agents("a")
    number = world.store.object_id(agent.cluster)
    with pytest.raises(Unauthorized, match="does not exist any more"):
        world.hub.check_in(world.hub.keys.key(number, 4711), "")
    with pytest.raises(Unauthorized, match="does not exist any more"):
        world.hub.check_in(world.hub.keys.key(999_999, 4711), "")


def test_the_key_of_a_deleted_cluster_is_good_for_nothing(world):
    (agent,) = world.agents("a")
    agent.check_in()
    world.store.delete(Cluster, NS, agent.cluster.name)
    world.caught_up()
    with pytest.raises(Unauthorized, match="does not exist any more"):
        agent.check_in()


def test_the_agent_of_a_moved_cluster_gets_its_new_place_a_new_key_and_all_work(world):
    (agent,) = world.agents("a")
    world.rollouts.add("web")
    agent.check_in()
    for place in ("there", "further"):
        cluster = world.store.get(Cluster, agent.cluster.namespace, agent.cluster.name)
        moved = Cluster(metadata=ObjectMeta(name=agent.cluster.name, namespace=place), spec=cluster.spec)
        agent.cluster = world.store.move(cluster, moved).key
    world.caught_up()
    before = agent.key
    assert agent.check_in() == set()
    assert agent.items == {} and agent.key != before
    key = agent.key
    agent.check_in()
    assert agent.key == key
    assert list(world.hub.reached())[-1] == world.store.object_id(agent.cluster)


def test_a_key_that_was_taken_back_is_refused_by_every_process_and_registering_gives_a_good_one(world, store):
    (agent,) = world.agents("a")
    other = Hub(store, world.reports, Settings())
    other._epochs.follow(1)
    other.check_in(agent.key, "")
    world.hub.revoke(agent.cluster)
    with pytest.raises(Unauthorized, match="taken back"):
        world.hub.check_in(agent.key, "")
    other.keys._looked -= 5
    with pytest.raises(Unauthorized, match="taken back"):
        other.check_in(agent.key, "")
    (again,) = world.hub.register(world.token("again"), [RegistrationRequest("a")])
    assert world.hub.check_in(again.key, "").work.complete
    assert world.restarted().check_in(again.key, "").work.complete


def test_a_rotated_key_comes_with_the_next_check_in_and_the_old_one_ends_when_it_is_used(world):
    (agent,) = world.agents("a")
    agent.check_in()
    old = agent.key
    world.hub.rotate(agent.cluster)
    agent.check_in()
    new = agent.key
    assert new != old
    agent.key = old  # the answer was lost
    agent.check_in()
    assert agent.key == new
    agent.check_in()
    with pytest.raises(Unauthorized, match="taken back"):
        world.hub.check_in(old, "")


def test_an_agent_gets_another_key_when_it_asks_and_the_old_one_ends_when_that_is_used(world):
    (agent,) = world.agents("a")
    agent.check_in()
    old = agent.key
    new = world.hub.renew(old)
    assert new != old and world.hub.renew(old) == new, "an answer that was lost costs no further key"
    world.hub.check_in(old, "")
    world.hub.check_in(new, "")
    with pytest.raises(Unauthorized, match="taken back"):
        world.hub.check_in(old, "")


def test_renewed_keys_are_known_to_a_process_that_starts_later(world):
    agents = world.agents("a", "b")
    new = world.hub.renew(agents[0].key)
    hub = world.restarted()
    hub.check_in(new, "")
    hub.check_in(agents[1].key, "")
    with pytest.raises(Unauthorized, match="taken back"):
        hub.check_in(agents[0].key, "")
