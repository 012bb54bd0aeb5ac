"""Lists of clusters by when they were heard of last, and by how much of what is deployed to them is ready."""

from __future__ import annotations

import pytest

from extension.objects.base import Key
from extension.objects.errors import Invalid
from extension.objects.kinds import Cluster
from extension.store import finding
from extension.store.protocol import Filter, Query
from tests.unit.store.samples import NS, bundle, cluster, cluster_key, deploy, listed, names, report, status

SEEN, READY = "status.agent.lastSeen", "status.display.readyBundles"
TIMES = {"a": 30, "b": 10, "c": 20, "d": 10}


def at(second):
    return f"2026-01-01T00:00:{second:02d}Z"


@pytest.fixture(params=[finding.FEW, 0], ids=["few", "many"])
def fleet(request, store, monkeypatch):
    """Clusters that were last seen at TIMES, and two that never were; as few, and as if they were many."""
    monkeypatch.setattr(finding, "FEW", request.param)
    for name in ("never", "nor", *TIMES):
        store.create(cluster(name, env="prod" if name in "ab" else "test"))
    for name, second in TIMES.items():
        store.seen([cluster_key(name)], at(second))
    return store


def pages(store, size, **query):
    found, after = [], ""
    while True:
        page = store.list(Cluster, Query(namespaces=(NS,), limit=size, after=after, **query))
        found += names(page)
        if not (after := page.next):
            return found, page.count


@pytest.mark.parametrize("size", [1, 2, 3, 10])
@pytest.mark.parametrize(
    ("sort", "order"),
    [(SEEN, ["never", "nor", "b", "d", "c", "a"]), (f"-{SEEN}", ["a", "c", "b", "d", "never", "nor"])],
)
def test_clusters_are_sorted_by_when_they_were_seen_and_then_by_name(fleet, sort, order, size):
    assert pages(fleet, size, sort=(sort,)) == (order, 6)


@pytest.mark.parametrize(
    ("operator", "values", "found"),
    [
        ("<", (at(20),), ["b", "d"]),
        (">=", (at(20),), ["a", "c"]),
        ("exists", (), ["a", "b", "c", "d"]),
        ("!exists", (), ["never", "nor"]),
    ],
)
def test_clusters_are_those_seen_before_or_since_a_time(fleet, operator, values, found):
    assert listed(fleet, Cluster, filters=((Filter(SEEN, operator, values),),)) == found


def test_who_is_heard_of_again_is_found_where_it_is_now(fleet):
    old = ((Filter(SEEN, "<", (at(15),)),),)
    assert listed(fleet, Cluster, filters=old) == ["b", "d"]
    fleet.seen([cluster_key("b"), cluster_key("nor")], at(40))
    assert listed(fleet, Cluster, filters=old) == ["d"]
    fleet.delete(Cluster, NS, "nor")
    fleet.seen([cluster_key("c")], at(50))
    assert pages(fleet, 2, sort=(SEEN,)) == (["never", "d", "a", "b", "c"], 5)


@pytest.mark.parametrize("filters", [((Filter("metadata.labels[env]", "!=", ("prod",)),),), ((Filter("metadata.name", "~", ("n",)),),)])
def test_a_sort_by_time_holds_with_any_filter(fleet, filters):
    every = pages(fleet, 10, sort=(SEEN,))[0]
    some = set(listed(fleet, Cluster, filters=filters))
    assert pages(fleet, 1, sort=(SEEN,), filters=filters) == ([name for name in every if name in some], len(some))


def test_clusters_are_sorted_by_how_much_of_them_is_ready(fleet):
    ids = {name: fleet.object_id(cluster_key(name)) for name in TIMES}
    for name, good in (("web", "a"), ("db", "ab")):
        wanted = deploy(fleet, fleet.create(bundle(name, content=f"kind: {name}")).key, sorted(ids.values()))
        for one in good:
            report(fleet, Key("Bundle", NS, name), ids[one], status(wanted.deployment_id, ready=True, non_modified=True))
    assert pages(fleet, 2, sort=(READY,))[0] == ["never", "nor", "c", "d", "b", "a"]
    assert pages(fleet, 2, sort=(f"-{READY}",))[0] == ["a", "b", "c", "d", "never", "nor"]


@pytest.mark.parametrize(
    "query",
    [
        {"sort": ("metadata.name", SEEN)},
        {"sort": (SEEN, READY)},
        {"filters": ((Filter(SEEN, "=", (at(1),)),),)},
        {"filters": ((Filter(SEEN, "<", (at(1),)), Filter("metadata.name", "=", ("a",))),)},
        {"filters": ((Filter("metadata.name", "<", ("a",)),),)},
        {"sort": (SEEN,), "after": "[1]"},
    ],
)
def test_what_no_list_can_go_by_is_refused(fleet, query):
    with pytest.raises(Invalid):
        fleet.list(Cluster, Query(namespaces=(NS,), **query))
