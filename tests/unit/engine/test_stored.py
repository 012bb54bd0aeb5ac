"""What every reconciler does to stored objects."""

from __future__ import annotations

import re

import pytest

from extension.engine import stored
from extension.objects.errors import Conflict
from extension.objects.kinds import Cluster, ClusterStatus
from tests.unit.engine.samples import NS, cluster, marked, replace


def test_putting_creates_replaces_and_leaves_what_is_the_same(store):
    made = stored.put(store, cluster("a"))
    assert stored.put(store, cluster("a")).metadata.resource_version == made.metadata.resource_version
    again = stored.put(store, cluster("a", labels={"env": "test"}))
    assert int(again.metadata.resource_version) > int(made.metadata.resource_version)
    assert store.get(Cluster, NS, "a").metadata.labels == {"env": "test"}


def test_putting_leaves_the_status(store):
    made = stored.put(store, cluster("a"))
    store.update_status(replace(made, status=ClusterStatus(namespace="x", scheduled=True)))
    stored.put(store, cluster("a", labels={"env": "test"}))
    assert store.get(Cluster, NS, "a").status.scheduled


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ({}, {"a", "b", "far"}),
        ({"namespace": NS}, {"a", "b"}),
        ({"namespace": NS, "label": "env", "value": "test"}, {"b"}),
        ({"label": "env", "value": "test"}, {"b", "far"}),
        ({"namespace": "nowhere"}, set()),
    ],
    ids=["all", "workspace", "workspace and label", "label", "none"],
)
def test_listing_by_workspace_and_label(store, where, found):
    for one in (cluster("a"), cluster("b", labels={"env": "test"}), cluster("far", namespace="other", labels={"env": "test"})):
        store.create(one)
    assert {c.metadata.name for c in stored.listed(store, Cluster, **where)} == found


def test_listing_gives_every_object_over_all_pages(store):
    wanted = [f"c{number:04}" for number in range(stored.PAGE + 1)]
    for name in wanted:
        store.create(cluster(name))
    assert [c.metadata.name for c in stored.listed(store, Cluster)] == wanted


def test_a_finalizer_is_written_once_and_its_object_goes_when_the_last_is_dropped(store):
    held = stored.ensure_finalizer(store, store.create(cluster("a")), "one")
    held = stored.ensure_finalizer(store, held, "two")
    assert stored.ensure_finalizer(store, held, "one") is held
    store.delete(Cluster, NS, "a")
    stored.drop_finalizer(store, store.get(Cluster, NS, "a"), "one")
    assert store.get(Cluster, NS, "a").metadata.finalizers == ("two",)
    stored.drop_finalizer(store, store.get(Cluster, NS, "a"), "two")
    assert store.find(Cluster, NS, "a") is None


def test_a_finalizer_is_not_written_over_somebody_elses_change(store):
    old = store.create(cluster("a"))
    store.update(marked(old, labels={"env": "test"}))
    with pytest.raises(Conflict):
        stored.ensure_finalizer(store, old, "one")


def test_the_time_is_written_as_kubernetes_does():
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", stored.now())
