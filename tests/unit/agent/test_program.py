"""The life of an agent, with a hub and a cluster in memory."""

from __future__ import annotations

import threading

import pytest

from extension.agent.identity import Identity
from extension.agent.orders import HubOrders
from extension.agent.outbox import Outbox
from extension.delivery.protocol import Release
from extension.objects.agents import Work
from extension.objects.base import Key
from extension.objects.errors import Busy, Conflict, Invalid, Unavailable
from extension.objects.kinds import BundleDeploymentStatus, HelmOpOptions
from extension.objects.options import BundleDeploymentOptions, DownstreamResource
from tests.fakes.waiting import wait_for
from tests.unit.agent.hub import FILES, MemoryHub, MemoryKeep, item
from tests.unit.agent.living import Living


@pytest.fixture
def living():
    made = Living()
    yield made
    made.stop()


def test_it_registers_keeps_its_key_deploys_what_it_is_told_and_tells_how_it_is(living):
    living.hub.changed(item(1, "web"))
    living.start()
    wait_for(lambda: living.hub.said(1) == "s-1:x")
    assert [(one.client_id, one.cluster_labels) for one in living.hub.registered] == [("cluster-uid", {"env": "prod"})]
    assert living.keep.identity == Identity("cluster-uid", "key-1", "ws", "cluster-x")
    assert living.keep.saved == ["", "key-1"], "the clientID is kept before anything is asked"
    living.hub.changed(item(1, "web", 2))
    living.until(lambda: living.hub.said(1) == "s-2:x")


def test_one_that_starts_again_shows_the_key_that_it_kept():
    living = Living(MemoryKeep(Identity("cluster-uid", "key-1", "ws", "cluster-x")))
    living.start()
    wait_for(lambda: "check-in" in living.hub.asked)
    living.stop()
    assert living.hub.registered == []


def test_a_new_key_is_kept_before_it_is_used(living):
    living.start()
    wait_for(lambda: "check-in" in living.hub.asked)
    living.hub.next_key = "key-next"
    living.hub.changed(item(1, "web"))
    living.until(lambda: living.hub.said(1))
    assert living.keep.saved[-1] == "key-next"


def test_a_key_that_is_old_is_replaced_by_another_and_that_is_used(living):
    living.start()
    wait_for(lambda: "check-in" in living.hub.asked)
    living.day = 29
    living.until(lambda: living.hub.asked.count("check-in") > 2)
    assert "key" not in living.hub.asked
    living.day = 30
    living.until(lambda: living.keep.saved[-1] == "key-next")
    living.hub.keys = {"key-next"}
    living.hub.changed(item(1, "web"))
    living.until(lambda: living.hub.said(1))
    assert (living.hub.asked.count("key"), len(living.hub.registered)) == (1, 1)


def test_a_key_that_was_taken_back_is_replaced_by_registering_again_as_the_same_cluster(living):
    living.hub.changed(item(1, "web"))
    living.start()
    wait_for(lambda: living.hub.said(1))
    living.hub.keys = {"another"}
    living.hub.changed(item(1, "web", 2))
    living.until(lambda: living.hub.said(1) == "s-2:x")
    assert [one.client_id for one in living.hub.registered] == ["cluster-uid"] * 2


def test_while_the_hub_is_away_the_work_goes_on_and_is_told_afterwards(living):
    living.hub.changed(item(1, "web"))
    living.start()
    wait_for(lambda: living.hub.said(1))
    living.hub.refuses = Unavailable("no answer")
    living.delivery.modified.add("web")
    living.pass_(20)
    living.program._loop.queue.add((living.program._key, next(iter(living.program._agent.items))))  # its own clock is real
    wait_for(lambda: living.delivery.did("observe"))
    wait_for(lambda: living.program._failures)
    assert living.hub.reports[1].status.non_modified
    living.hub.refuses = None
    living.until(lambda: not living.hub.reports[1].status.non_modified)


def test_a_hub_that_has_no_time_is_asked_when_it_says(living):
    living.hub.refuses = Busy("too many", 40)
    living.start()
    wait_for(lambda: living.program._failures)
    asked = len(living.hub.asked)
    living.pass_(39)
    assert not threading.Event().wait(0.1) and len(living.hub.asked) == asked
    living.pass_(14)
    wait_for(lambda: len(living.hub.asked) > asked)


def test_a_hub_that_serves_the_cluster_itself_ends_it(living):
    living.hub.refuses = Conflict("the service reaches this cluster itself")
    living.start()
    wait_for(lambda: living.error)
    assert isinstance(living.error, Conflict)


def test_what_is_deleted_goes_and_the_hub_is_told(living):
    living.hub.changed(item(1, "web"))
    living.start()
    wait_for(lambda: living.hub.said(1))
    living.hub.changed(item(1, "web", 2, deleting=True))
    living.until(lambda: 1 not in living.hub.reports)
    assert living.delivery.did("remove") == ["web"]


def test_what_is_not_among_all_there_is_goes_unless_it_is_somebody_else_s(living):
    ours, fleets = Release("old", "default", "old", "s-1:x"), Release("fleets", "default", "fleets", "")
    living.delivery.deployed |= {"old": ours, "fleets": fleets}
    living.hub.changed(item(1, "web"))
    living.start()
    wait_for(lambda: living.hub.said(1) and living.delivery.did("remove") == ["old"])
    assert set(living.delivery.deployed) == {"fleets", "web"}


def test_a_release_that_is_made_under_another_name_is_not_taken_for_an_old_one(living):
    half_made = Release("web", "default", "web", "s-2:x")
    living.delivery.deployed["half"] = half_made
    living.delivery.errors["web"] = Invalid("not yet")
    known = BundleDeploymentStatus(applied_deployment_id="s-1:x", release="default/web-1:1")
    living.hub.changed(item(1, "web", 2, status=known))
    living.start()
    wait_for(lambda: living.delivery.did("releases") and living.delivery.did("deploy"))
    living.delivery.errors.clear()
    living.until(lambda: living.hub.said(1) == "s-2:x")
    assert living.delivery.did("remove") == []


def test_a_hub_that_lost_reports_is_told_all_anew(living):
    living.hub.changed(item(1, "web"), item(2, "db"))
    living.start()
    wait_for(lambda: living.hub.said(1) and living.hub.said(2))
    living.hub.restored({1: living.hub.reports[1]})
    living.until(lambda: living.hub.said(2))


def test_a_forced_update_makes_it_anew_asks_for_everything_and_says_so(living):
    living.hub.changed(item(1, "web"))
    living.start()
    wait_for(lambda: living.hub.generations == [0])
    living.hub.generation = 1
    living.hub.changed()
    del living.hub.asked[:]
    living.until(lambda: living.hub.generations == [0, 1])
    told = living.hub.asked.index("report")
    assert living.hub.asked[:told].count("check-in") >= 2, "everything was asked for anew before it is said"
    assert (len(living.deliveries), living.deliveries[0].closed) == (2, True)


def test_files_that_are_not_those_of_their_hash_are_not_deployed(living):
    living.hub.content_sent = b'{"resources":[]}'
    living.hub.changed(item(1, "web"))
    living.start()
    wait_for(lambda: 1 in living.hub.reports)
    (why,) = {c.message for c in living.hub.reports[1].status.conditions if c.type == "Deployed"}
    assert "have another hash" in why


def test_the_chart_of_a_helmop_is_asked_for_once_and_is_there_while_the_hub_is_away():
    hub = MemoryHub()
    orders = HubOrders(hub, lambda: "key-1", Outbox())
    orders.take(Work(items=(item(1, "web", chart=HelmOpOptions()),)))
    (found,) = orders.assigned(Key("Cluster", "ws", "c"), 0)
    assert orders.deployment(found).resources() == FILES
    hub.refuses = Unavailable("the hub is away")
    assert orders.deployment(found).resources() == FILES
    assert hub.asked == ["chart"]


def test_what_is_copied_beside_a_deployment_comes_from_the_hub(living):
    options = BundleDeploymentOptions(downstream_resources=(DownstreamResource(kind="Secret", name="s"),))
    living.hub.changed(item(1, "web", options=options))
    living.start()
    wait_for(lambda: living.hub.said(1))
    assert living.delivery.copies["web"].generation == 7


def test_without_a_token_it_says_so_and_tries_again(living):
    living.secret = "wrong"
    living.start()
    wait_for(lambda: living.hub.asked.count("register"))
    living.secret = "secret"
    living.until(lambda: living.hub.registered)


def test_the_hub_is_told_that_the_cluster_can_not_be_reached_and_that_it_can_again_also_by_the_next_agent(living):
    living.delivery.down = "no route"
    living.hub.changed(item(1, "web"))
    living.start()
    wait_for(lambda: living.hub.unreachable == "no route")
    living.stop()
    again = Living(living.keep, living.hub).start()
    wait_for(lambda: again.hub.unreachable == "")
    again.stop()
