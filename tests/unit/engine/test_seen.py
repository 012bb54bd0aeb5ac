"""Last-seen times: written for all at once, waking nobody but for a cluster that was never heard of before."""

from __future__ import annotations

from extension.engine.seen import Seen
from extension.objects.kinds import Cluster
from tests.fakes.waiting import wait_for
from tests.unit.engine.samples import NS, cluster, cluster_key

EARLIER = "2020-01-01T00:00:00Z"


def test_clusters_that_answered_are_seen_and_nobody_is_woken(store):
    for name in ("a", "b"):
        store.create(cluster(name))
    store.seen([cluster_key("a")], EARLIER)
    before = store.revision()
    asked = []

    def reached():
        asked.append(1)
        return {cluster_key("a"), cluster_key("gone")}

    seen = Seen(store, reached)
    seen.start()
    wait_for(lambda: store.get(Cluster, NS, "a").status.agent.last_seen != EARLIER)
    seen.stop()
    assert store.get(Cluster, NS, "b").status.agent.last_seen == ""
    assert store.changes(before) == []
    assert asked == [1]


def test_stopping_before_starting_is_no_error(store):
    Seen(store, set).stop()
