"""From the store's changes to whoever has to look again."""

from __future__ import annotations

import threading

import pytest

from extension.engine.feed import Feed
from extension.objects.errors import Unavailable
from extension.objects.kinds import Cluster, ClusterGroup
from tests.fakes.waiting import wait_for
from tests.unit.engine.samples import NS, cluster, marked

PAUSE = 0.05


class Routes:
    """What arrived, by route; `faults` are raised, one for each change of the first."""

    def __init__(self):
        self.resyncs = 0
        self.first, self.second = [], []
        self.faults = []

    def resync(self):
        self.resyncs += 1

    def take(self, change):
        if self.faults:
            raise self.faults.pop()
        self.first.append((change.type, change.key.name))

    def also(self, change):
        self.second.append((change.type, change.key.name))


@pytest.fixture
def routes():
    return Routes()


@pytest.fixture
def feed(store, routes):
    feed = Feed(store, {Cluster.KIND: (routes.take, routes.also)}, routes.resync, PAUSE, rest=PAUSE)
    yield feed
    feed.stop()


def started(feed, routes):
    feed.start()
    wait_for(lambda: routes.resyncs == 1)


def test_everything_is_looked_at_once_at_the_start_and_older_changes_are_not_told_again(store, feed, routes):
    store.create(cluster("old"))
    started(feed, routes)
    store.create(cluster("new"))
    wait_for(lambda: routes.first)
    assert routes.first == [("ADDED", "new")]


def test_a_change_goes_to_every_route_of_its_kind_and_to_no_other(store, feed, routes):
    started(feed, routes)
    store.create(ClusterGroup(metadata=cluster("group").metadata))
    made = store.create(cluster("a"))
    wait_for(lambda: ("ADDED", "a") in routes.second)
    store.update(marked(made, labels={"env": "test"}))
    wait_for(lambda: ("MODIFIED", "a") in routes.second)
    store.delete(Cluster, NS, "a")
    wait_for(lambda: ("DELETED", "a") in routes.second)
    assert routes.first == routes.second == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]


def test_a_feed_that_lost_its_place_looks_at_everything_again_and_goes_on(store, feed, routes):
    started(feed, routes)
    feed.position = store.revision() + 1000  # as after a restored backup: newer than the store
    wait_for(lambda: routes.resyncs == 2)
    store.create(cluster("a"))
    wait_for(lambda: routes.first)
    wait_for(lambda: feed.position == store.revision())


def test_a_route_that_can_not_work_now_gets_its_change_again(store, feed, routes):
    started(feed, routes)
    routes.faults = [Unavailable("the disk is full")]
    store.create(cluster("a"))
    wait_for(lambda: routes.first)
    assert routes.first == routes.second == [("ADDED", "a")]


def test_a_fault_in_one_route_stops_neither_the_other_routes_nor_the_feed(store, feed, routes):
    started(feed, routes)
    routes.faults = [RuntimeError("a mistake of ours")]
    store.create(cluster("a"))
    store.create(cluster("b"))
    wait_for(lambda: len(routes.second) == 2)
    wait_for(lambda: ("ADDED", "b") in routes.first)


def test_a_fault_in_a_route_that_may_miss_no_change_has_everything_read_again(store, routes):
    feed = Feed(store, {Cluster.KIND: (routes.take,)}, routes.resync, PAUSE, anew=True)
    started(feed, routes)
    routes.faults = [RuntimeError("a mistake of ours")]
    store.create(cluster("a"))
    wait_for(lambda: routes.resyncs == 2)
    store.create(cluster("b"))
    wait_for(lambda: ("ADDED", "b") in routes.first)
    feed.stop()


def test_a_start_that_fails_is_tried_again(store, routes):
    def failing():
        routes.resyncs += 1
        if routes.resyncs == 1:
            raise RuntimeError("a mistake of ours")

    feed = Feed(store, {Cluster.KIND: (routes.take,)}, failing, PAUSE)
    feed.start()
    wait_for(lambda: routes.resyncs == 2)
    store.create(cluster("a"))
    wait_for(lambda: routes.first)
    feed.stop()


def test_stopping_ends_a_wait_that_would_last_much_longer(store, routes):
    store.create(cluster("a"))
    feed = Feed(store, {Cluster.KIND: (routes.take,)}, routes.resync, PAUSE, rest=3600.0)
    started(feed, routes)
    feed.stop()
    assert "feed" not in {thread.name for thread in threading.enumerate()}


def test_stopping_before_starting_is_no_error(feed):
    feed.stop()
