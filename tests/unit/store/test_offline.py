"""A cluster that nobody heard of for too long is told to be offline wherever it is shown, and nothing of that is stored."""

from __future__ import annotations

import pytest

from extension.objects.base import Key, ObjectMeta
from extension.objects.kinds import Cluster
from extension.store.protocol import Query

NS = "fleet-default"


@pytest.fixture
def store(place):
    store = place.open(offline_after=60)
    store.create(Cluster(metadata=ObjectMeta(name="a", namespace=NS)))
    yield store
    store.close()


@pytest.mark.parametrize(
    ("seen", "state", "connected"), [("2020-01-01T00:00:00Z", "Unknown", ["Unknown"]), ("2999-01-01T00:00:00Z", "", [])]
)
def test_a_cluster_is_offline_when_it_was_not_heard_of_for_so_long(store, seen, state, connected):
    store.seen([Key(Cluster.KIND, NS, "a")], seen)
    for shown in (store.get(Cluster, NS, "a"), *store.list(Cluster, Query(namespaces=(NS,))).items):
        assert shown.status.display.state == state
        assert [c.status for c in shown.status.conditions if c.type == "Connected"] == connected


def test_a_cluster_that_never_asked_is_waited_for(store):
    assert store.get(Cluster, NS, "a").status.display.state == "WaitCheckIn"


def test_writing_back_what_was_read_stores_nothing_of_it(store, place):
    store.seen([Key(Cluster.KIND, NS, "a")], "2020-01-01T00:00:00Z")
    before = store.revision()
    store.update_status(store.get(Cluster, NS, "a"))
    assert store.revision() == before
    assert all("Connected" not in doc for (doc,) in place.rows("SELECT doc FROM object WHERE kind = 'Cluster'"))
