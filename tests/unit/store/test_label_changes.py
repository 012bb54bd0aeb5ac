"""What changes make of the label index: its version moves with its answers, and it misses none however many come at once."""

from __future__ import annotations

import threading

import msgspec
import pytest
from pyroaring import FrozenBitMap

from extension.objects.base import Key
from extension.objects.kinds import Cluster, ClusterSpec
from extension.objects.selectors import LabelSelector, Requirement
from extension.store import feed
from extension.store.labels import LabelIndex
from tests.unit.store.samples import NS, bundle, cluster, cluster_key, deploy, group, report, status

replace = msgspec.structs.replace


def test_what_changes_no_answer_does_not_move_the_version(store):
    store.create(cluster("one", env="a"))
    store.create(group("some", LabelSelector({"env": "a"})))
    index = LabelIndex(store)
    before = index.refresh()
    key = store.create(bundle("web", content="kind: A")).key
    number = store.object_id(cluster_key("one"))
    deploy(store, key, [number])
    report(store, key, number, status("x", ready=True))
    store.seen([cluster_key("one")], "2030-01-01T00:00:00Z")
    store.create(cluster("brief"))
    store.delete(Cluster, NS, "brief")
    assert index.refresh() == before == index.refresh()


def test_an_index_that_fell_behind_the_window_reads_everything_again(store, monkeypatch):
    monkeypatch.setattr(feed, "KEPT_TOMBSTONES", 2)
    for number in range(5):
        store.create(cluster(f"c{number}", env="a"))
    index = LabelIndex(store)
    index.refresh()
    for number in range(4):
        store.delete(Cluster, NS, f"c{number}")
    before = index.version
    assert index.refresh() > before
    assert list(index.select(NS, LabelSelector({"env": "a"}))) == [store.object_id(cluster_key("c4"))]


def test_an_index_that_could_not_read_everything_answers_nothing_less_than_before_and_reads_again(store, place, monkeypatch):
    monkeypatch.setattr(feed, "KEPT_TOMBSTONES", 1)
    for name in ("one", "two", "three"):
        store.create(cluster(name))
    store.create(group("some", LabelSelector()))
    index = LabelIndex(store)
    whole = place.rows("SELECT doc FROM object WHERE kind = 'ClusterGroup'")[0]
    for wanted in (0, 3):  # a first reading, and one after a gap in the feed
        place.rows("UPDATE object SET doc = '{' WHERE kind = 'ClusterGroup'")
        with pytest.raises(msgspec.DecodeError):
            index.refresh()
        assert not wanted or (len(index.clusters(NS)), [g.name for g in index.groups(NS)]) == (wanted, ["some"])
        place.rows("UPDATE object SET doc = ? WHERE kind = 'ClusterGroup'", *whole)
        index.refresh()
        assert (len(index.clusters(NS)), [g.name for g in index.groups(NS)]) == (3, ["some"])
        for name in ("three", "two"):
            store.delete(Cluster, NS, name)
            store.create(cluster(name))


def test_a_label_of_one_cluster_touches_the_answers_that_read_it_and_no_others(store):
    for name in ("one", "two"):
        store.create(cluster(name, env="dev", tier="a"))
    index = LabelIndex(store)
    before = index.refresh()
    asked = {}
    for question, ask in {
        "env=dev": lambda: index.select(NS, LabelSelector({"env": "dev"})),
        "env=prod": lambda: index.select(NS, LabelSelector({"env": "prod"})),
        "env=test": lambda: index.select(NS, LabelSelector({"env": "test"})),
        "tier=a": lambda: index.select(NS, LabelSelector({"tier": "a"})),
        "has env": lambda: index.select(NS, LabelSelector(match_expressions=(Requirement("env", "Exists"),))),
        "by env": lambda: index.by_label("env", index.clusters(NS)),
        "by tier": lambda: index.by_label("tier", index.clusters(NS)),
        "everything": lambda: index.clusters(NS),
        "all of it": lambda: dict(index.inputs(index.clusters(NS))),
    }.items():
        with index.reading() as facets:
            ask()
        asked[question] = facets
    one = store.find(Cluster, NS, "one")
    store.update(replace(one, metadata=replace(one.metadata, labels={"env": "prod", "tier": "a"})))
    index.refresh()
    stale = {question for question, facets in asked.items() if not index.holds(facets, before)}
    assert stale == {"env=dev", "env=prod", "by env", "all of it"}
    assert index.changed(before) == FrozenBitMap()


def test_a_paused_cluster_is_told_by_its_mark(store):
    store.create(cluster("one"))
    index = LabelIndex(store)
    before = index.refresh()
    assert index.paused() == FrozenBitMap()
    store.update(replace(store.find(Cluster, NS, "one"), spec=ClusterSpec(paused=True)))
    index.refresh()
    assert index.changed(before) == index.paused() == FrozenBitMap([store.object_id(cluster_key("one"))])
    assert index.changed(index.version) == FrozenBitMap()


def test_of_more_changes_at_once_than_are_told_one_by_one_the_index_reads_everything_again(store, monkeypatch):
    monkeypatch.setattr(feed, "MOST_OF_A_WRITE", 1000)
    index = LabelIndex(store)
    before = index.refresh()
    assert len(index.clusters(NS)) == 0
    store.register([cluster(f"c{n}", env="dev") for n in range(1005)])
    index.refresh()
    assert index.changed(before) is None
    assert len(index.clusters(NS)) == 1005 == len(index.labelled("env", "dev"))


def test_while_it_holds_still_no_other_thread_brings_it_up_to_date(store):
    index = LabelIndex(store)
    index.refresh()
    assert len(index.clusters(NS)) == 0
    other = threading.Thread(target=index.refresh)
    with index.reading():
        store.create(cluster("one"))
        other.start()
        other.join(0.1)
        assert (other.is_alive(), len(index.clusters(NS))) == (True, 0)
    other.join(5)
    assert len(index.clusters(NS)) == 1


def test_keys_of_clusters_are_found_by_their_numbers(store):
    made = [store.create(cluster(f"c{n}")).key for n in range(3)]
    numbers = [store.object_id(key) for key in made]
    assert store.keys("Cluster", numbers) == dict(zip(numbers, made, strict=True))
    assert store.keys("Bundle", numbers) == {} == store.keys("Cluster", [])
    assert store.keys("Cluster", range(10_000)) == dict(zip(numbers, made, strict=True))
    assert made[0] == Key("Cluster", NS, "c0")
