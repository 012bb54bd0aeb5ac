"""What leaves a cluster, and how a cluster is kept still while it changes places."""

from __future__ import annotations

import threading

import pytest

from extension.delivery.protocol import Release
from extension.objects.errors import Conflict, Unavailable
from extension.objects.gitops import RolloutStrategy
from extension.objects.kinds import Bundle, Cluster
from extension.objects.moving import LEAVING
from extension.objects.options import OverwrittenResource
from extension.targeting.restrictions import REPO_LABEL
from tests.fakes.waiting import wait_for
from tests.unit.engine.samples import NS, bundle_key, cluster, cluster_key, marked, replace
from tests.unit.engine.served import DRIFT

REPO = {REPO_LABEL: "repo"}


def test_a_bundle_that_is_deleted_is_removed_and_reported_as_gone(served):
    delivery = served.cluster("a")
    served.agents.queue.start()
    served.bundle("web")
    served.reaches("web", "Ready")
    served.store.delete(Bundle, NS, "web")
    served.rollouts.look("web")
    served.agents.sync_all()
    wait_for(lambda: delivery.did("remove") == ["web"])
    served.reaches("web", None)
    served.rollouts.look("web")
    assert served.store.find(Bundle, NS, "web") is None


@pytest.mark.parametrize("goes", [True, False], ids=["goes", "changes"])
def test_who_loses_something_is_told_what_others_of_its_repository_get_and_where(served, goes):
    delivery = served.cluster("a")
    plain, forced, placed = (OverwrittenResource(name, namespace, "ConfigMap") for name, namespace in (("a", ""), ("b", "x"), ("c", "own")))
    served.bundle("web", labels=REPO)
    served.look("web")
    served.bundle("site", labels=REPO, default_namespace="site", overwrites=(plain, placed))
    served.bundle("other", labels={REPO_LABEL: "other"}, overwrites=(forced,))
    served.bundle("hand-made", overwrites=(forced,))
    if goes:
        served.store.delete(Bundle, NS, "web")
        served.rollouts.look("web")
        served.agents.sync_all()
    else:
        served.commit("web", "two")
    served.look("web")
    assert set(delivery.passed["web"]) == {replace(plain, namespace="site"), placed}


@pytest.mark.parametrize("is_new", [True, False], ids=["that is new there", "that was there before"])
def test_who_loses_something_is_told_what_a_bundle_gets_that_a_rollout_still_holds_back(served, is_new):
    delivery = served.cluster("a")
    taken = OverwrittenResource("moved", "", "ConfigMap")
    served.bundle("web", labels=REPO)
    served.look("web")
    if not is_new:
        served.bundle("site", labels=REPO, default_namespace="site")
        served.look("site")
        served.change("site", paused=True, overwrites=(taken,), default_namespace="elsewhere")
    else:
        served.bundle("site", labels=REPO, default_namespace="elsewhere", overwrites=(taken,), paused=True)
    served.commit("web", "two")
    served.look("web")
    assert delivery.passed["web"] == (replace(taken, namespace="elsewhere"),)
    served.look("site")
    assert delivery.did("deploy").count("site") == (0 if is_new else 1)
    assert served.agents.served() == [cluster_key("a")]


def test_what_a_rollout_holds_back_on_one_of_two_clusters_is_told_there(served):
    for name in ("a", "b"):
        served.cluster(name)
    served.bundle("web", labels=REPO)
    served.bundle("site", labels=REPO, rollout_strategy=RolloutStrategy(max_unavailable=1))
    for name in ("web", "site"):
        for on in ("a", "b"):
            served.look(name, on)
            served.reaches(name, "Ready", on)
    served.rollouts.look("site")
    taken = OverwrittenResource("moved", "", "ConfigMap")
    served.change("site", overwrites=(taken,))
    assert sorted(served.rollouts.states("site").values()) == ["OutOfSync", "WaitApplied"]
    served.commit("web", "two")
    for on in ("a", "b"):
        served.look("web", on)
        assert [one.name for one in served.deliveries[on].passed["web"]] == ["moved"]


@pytest.mark.parametrize("was_deployed", [True, False])
def test_resources_that_are_to_be_kept_lose_only_their_release(served, was_deployed):
    delivery = served.cluster("a")
    if not was_deployed:
        delivery.deployed["web"] = Release("web", "web", "web", "")
    served.bundle("web", keep_resources=True)
    if was_deployed:
        served.look("web")
    served.store.delete(Bundle, NS, "web")
    served.rollouts.look("web")
    served.agents.sync_all()
    served.look("web")
    assert (delivery.did("keep"), delivery.did("remove")) == (["web"], [])


def test_a_paused_bundle_is_still_removed(served):
    delivery = served.cluster("a")
    served.bundle("web")
    served.look("web")
    served.change("web", paused=True)
    served.store.delete(Bundle, NS, "web")
    served.rollouts.look("web")
    served.agents.sync_all()
    served.look("web")
    assert delivery.did("remove") == ["web"]


def test_a_removal_that_does_not_reach_the_cluster_is_tried_again(served):
    delivery = served.cluster("a")
    served.bundle("web")
    served.look("web")
    served.store.delete(Bundle, NS, "web")
    served.rollouts.look("web")
    served.agents.sync_all()
    delivery.down = "connection refused"
    served.clock.pass_(served.look("web"))
    assert "web" in delivery.deployed
    delivery.down = ""
    served.look("web")
    assert delivery.deployed == {}


MARK = '[{"bundle":"old"},{"bundle":"older"}]'


def brought_along(served, **given):
    """A cluster that was moved here with three releases, two of which are to leave it."""
    delivery = served.deliveries["a"] = type(served.cluster("other"))()
    delivery.deployed = {name: Release(name, "web", name, "") for name in ("old", "older", "mine")}
    served.store.create(cluster("a", annotations={LEAVING: MARK, "note": "stays"}, **given))
    return delivery


def test_a_moved_cluster_loses_what_it_brought_along_and_then_its_mark(served):
    delivery = brought_along(served)
    served.agents.queue.start()
    served.agents.cluster_changed(cluster_key("a"))
    wait_for(lambda: served.found().metadata.annotations == {"note": "stays"})
    assert set(delivery.deployed) == {"mine"}


def test_what_the_new_workspace_wants_under_the_same_name_stays(served):
    delivery = brought_along(served)
    served.bundle("old")
    served.agents.queue.start()
    served.agents.cluster_changed(cluster_key("a"))
    wait_for(lambda: LEAVING not in served.found().metadata.annotations)
    assert delivery.did("remove") == ["older"]


def test_the_mark_stays_while_the_cluster_can_not_be_reached(served):
    delivery = brought_along(served)
    delivery.down = "connection refused"
    served.agents.queue.start()
    served.agents.cluster_changed(cluster_key("a"))
    wait_for(lambda: delivery.calls)
    wait_for(lambda: any(c.type == "Imported" and c.status == "False" for c in served.found().status.conditions))
    assert served.found().metadata.annotations[LEAVING] == MARK
    delivery.down = ""
    served.clock.pass_(100)
    wait_for(lambda: LEAVING not in served.found().metadata.annotations)


def test_while_a_cluster_is_held_nothing_is_done_on_it_and_afterwards_it_is_opened_anew(served):
    delivery = served.cluster("a")
    served.bundle("web")
    with served.agents.held(cluster_key("a")):
        assert served.look("web") is None
        served.agents.cluster_changed(cluster_key("a"))
        assert served.look("web") is None
    assert delivery.closed
    assert served.opened == ["a", "a"]
    assert served.look("web") == DRIFT


def test_holding_waits_for_what_is_running(served):
    delivery = served.cluster("a")
    served.bundle("web")
    delivery.gate.clear()
    working = threading.Thread(target=served.look, args=("web",))
    working.start()
    wait_for(lambda: delivery.calls)
    held = threading.Event()

    def hold():
        with served.agents.held(cluster_key("a")):
            held.set()

    holding = threading.Thread(target=hold)
    holding.start()
    assert not held.wait(0.05)
    delivery.gate.set()
    assert held.wait(5)
    working.join()
    holding.join()


def test_a_cluster_that_stays_busy_is_not_held_and_goes_on_working(served):
    delivery = served.cluster("a")
    served.bundle("web")
    served.bundle("db")
    delivery.gate.clear()
    served.agents.queue.start()
    wait_for(lambda: len(delivery.calls) == 2)
    served.commit("web", "two")
    with pytest.raises(Unavailable, match="busy"), served.agents.held(cluster_key("a"), 0.05):
        pass
    assert not delivery.closed
    delivery.gate.set()
    served.reaches("web", "Ready")
    served.reaches("db", "Ready")
    assert served.opened == ["a"]


def test_a_cluster_is_held_by_one_at_a_time(served):
    served.cluster("a")
    with served.agents.held(cluster_key("a")):
        with pytest.raises(Conflict, match="being moved"), served.agents.held(cluster_key("a")):
            pass
        assert served.look("web") is None
    served.bundle("web")
    assert served.look("web") == DRIFT


def test_a_deleted_cluster_is_closed_and_asked_for_nothing_more(served):
    delivery = served.cluster("a")
    served.bundle("web")
    served.store.delete(Cluster, NS, "a")
    served.agents.cluster_changed(cluster_key("a"))
    assert delivery.closed
    assert served.look("web") is None


def test_stopping_closes_every_cluster(served):
    deliveries = [served.cluster(name) for name in ("a", "b")]
    served.agents.stop()
    assert all(delivery.closed for delivery in deliveries)


def test_a_bundle_of_the_same_name_that_came_later_starts_without_the_old_ones_status(served):
    delivery = served.cluster("a")
    served.bundle("web")
    served.look("web")
    served.reaches("web", "Ready")
    served.store.update(marked(served.store.get(Bundle, NS, "web"), finalizers=()))
    served.store.delete(Bundle, NS, "web")
    served.bundle("web")
    served.agents.sync_all()
    served.look("web")
    assert delivery.did("deploy") == ["web", "web"]
    assert served.store.object_id(bundle_key("web"))
