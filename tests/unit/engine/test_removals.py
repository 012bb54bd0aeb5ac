"""A bundle that is to go says which cluster it waits for, and how not to wait."""

from __future__ import annotations

import pytest

from extension.engine.agents import Agents
from extension.engine.removals import WAY_OUT
from extension.objects.base import ObjectMeta
from extension.objects.errors import Invalid, NotFound
from extension.objects.kinds import Bundle, Cluster, GitRepo
from extension.store.deployments import REPO_NAME
from tests.fakes.delivery import MemoryDelivery
from tests.fakes.waiting import wait_for
from tests.unit.engine.rollouts import Rollouts
from tests.unit.engine.samples import NS, cluster_key, conditions, message, replace


@pytest.fixture
def world(store):
    made = Rollouts(store)
    made.clusters("a", "b")
    return made


def deleted(world, **given):
    world.add("web", **given)
    world.store.delete(Bundle, NS, "web")
    return world.look("web")


def opened(world, missing):
    """The clusters' agents, with one that can't be opened."""

    def open_(one):
        if one.metadata.name == missing:
            raise NotFound("Secret ws/kube with key value is missing", where=str(one.key))
        return "memory", MemoryDelivery

    agents = Agents(world.store, open_, workers=1, drift_interval=15.0)
    for name in ("a", "b"):
        agents.cluster_changed(cluster_key(name))
    world.store.seen([cluster_key("a"), cluster_key("b")], "2026-11-23T12:00:00Z")


def test_a_cluster_that_can_not_be_opened_is_named_with_the_reason_and_the_way_out(world):
    opened(world, "b")
    assert deleted(world) > 0
    told = message(world.bundle("web"), "Ready")
    reason = "Cluster ws/b: Secret ws/kube with key value is missing"
    assert told == f"is still to be removed from cluster ws/b, and from 1 more: {reason} ({WAY_OUT})"
    world.removed("web", "a")
    world.look("web")
    assert message(world.bundle("web"), "Ready") == f"is still to be removed from cluster ws/b: {reason} ({WAY_OUT})"


def test_a_cluster_nobody_ever_heard_of_is_named_too(world):
    deleted(world)
    assert "cluster ws/a, and from 1 more: nobody has ever heard of it" in message(world.bundle("web"), "Ready")


def test_clusters_that_answer_are_waited_for_without_a_word(world):
    opened(world, "")
    deleted(world)
    assert "removed" not in message(world.bundle("web"), "Ready")


def test_what_was_said_is_taken_back_when_the_cluster_answers(world):
    opened(world, "b")
    deleted(world)
    mended = world.store.get(Cluster, NS, "b")
    world.store.update_status(replace(mended, status=replace(mended.status, conditions=())))
    world.look("web")
    assert "removed" not in message(world.bundle("web"), "Ready")


def test_deleting_the_cluster_is_the_way_out_for_bundle_and_gitrepo(world):
    opened(world, "b")
    repo = GitRepo(metadata=ObjectMeta(name="repo", namespace=NS, finalizers=("hold",)))
    world.store.create(repo)
    deleted(world, labels={REPO_NAME: "repo"})
    world.removed("web", "a")
    world.look("web")
    world.store.delete(GitRepo, NS, "repo")
    gitrepo = world.store.get(GitRepo, NS, "repo")
    assert conditions(gitrepo)["Ready"] == "False"
    assert "cluster ws/b" in message(gitrepo, "Ready") and WAY_OUT in message(gitrepo, "Ready")
    world.store.delete(Cluster, NS, "b")
    world.look("web")
    assert world.store.find(Bundle, NS, "web") is None


def test_a_cluster_that_does_not_let_it_go_is_quoted_until_it_does(served):
    delivery = served.cluster("a")
    served.bundle("web")
    served.look("web")
    delivery.stuck["web"] = Invalid("ConfigMap a: denied by a webhook", where="release web")
    served.store.delete(Bundle, NS, "web")
    served.rollouts.look("web")
    served.agents.sync_all()
    assert [served.look("web") for _ in range(2)] == [1.0, 2.0]
    served.store.seen([cluster_key("a")], "2026-11-23T12:00:00Z")

    def told():
        served.rollouts.look("web")
        return "cluster ws/a: release web: ConfigMap a: denied by a webhook" in message(served.store.get(Bundle, NS, "web"), "Ready")

    wait_for(told)
    delivery.stuck.clear()
    served.look("web")
    wait_for(lambda: served.rollouts.look("web") is None and served.store.find(Bundle, NS, "web") is None)
