"""A fleet at once: registered, counted, listed and rolled out in parts, always as one by one."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import FrozenBitMap

from extension.objects.errors import AlreadyExists, Gone, Invalid
from extension.objects.kinds import Bundle, Cluster, ClusterSpec
from extension.objects.marks import Mark
from extension.objects.plan import Step
from extension.objects.selectors import LabelSelector, matches
from extension.store import feed, finding, rowsets
from extension.store.opening import open_store
from extension.store.progress import ProgressSets
from extension.store.protocol import Filter, Query, Report
from tests.unit.store.samples import NS, bundle, cluster, cluster_key, deploy, listed, names, plan, status, step, variant
from tests.unit.store.test_listing import fleets, quick, selectors

replace = msgspec.structs.replace


def without_times(one):
    meta = replace(one.metadata, uid="", creation_timestamp=None, resource_version="")
    conditions = tuple(replace(c, last_update_time="", last_transition_time="") for c in one.status.conditions)
    return replace(one, metadata=meta, status=replace(one.status, conditions=conditions))


def test_clusters_registered_together_are_what_they_are_one_by_one(store, tmp_path):
    fleet = [cluster(f"c{n}", namespace=f"team-{n % 2}", env="ab"[n % 2], own=f"{n}") for n in range(5)]
    fleet.append(replace(cluster("paused"), spec=ClusterSpec(paused=True)))
    store.register(fleet)
    other = open_store(tmp_path / "other.db")
    for one in fleet:
        other.create(one)
    found, expected = ([without_times(c) for c in s.list(Cluster).items] for s in (store, other))
    assert found == expected
    for mark in Mark:
        assert len(store.population.marked(mark)) == len(other.population.marked(mark))
    assert listed(store, Cluster, selector=LabelSelector({"env": "b"})) == ["c1", "c3"]
    assert {c.type for c in store.changes(0) if c.key.kind == "Cluster"} == {"ADDED"}
    assert len({c.metadata.uid for c in store.list(Cluster).items}) == 6
    other.close()


@pytest.mark.parametrize("fleet", [["new", "known"], ["new", "twice", "twice"]])
def test_a_fleet_with_a_name_that_is_taken_is_refused_whole(store, fleet):
    store.create(cluster("known"))
    before = store.revision()
    with pytest.raises(AlreadyExists, match=fleet[-1]):
        store.register([cluster(name) for name in fleet])
    assert (listed(store, Cluster), store.revision()) == (["known"], before)


def test_numbers_are_never_used_twice_however_clusters_came(store):
    store.register([cluster("a"), cluster("b")])
    gone = store.object_id(cluster_key("b"))
    store.delete(Cluster, NS, "b")
    store.register([cluster("c")])
    store.create(cluster("d"))
    assert len({gone, *(store.object_id(cluster_key(name)) for name in "acd")}) == 4


def test_a_label_that_nobody_has_any_more_leaves_no_row(store, place):
    store.create(cluster("one", env="dev"))
    two = store.create(cluster("two", env="dev", site="x"))
    store.delete(Cluster, NS, "one")
    assert place.rows("SELECT key, value FROM label_value ORDER BY key") == [("env", "dev"), ("site", "x")]
    store.update(replace(two, metadata=replace(two.metadata, labels={"env": "prod"})))
    assert place.rows("SELECT key, value FROM label_value") == [("env", "prod")]
    store.delete(Cluster, NS, "two")
    assert place.rows("SELECT count(*) FROM label_value") == [(0,)] == place.rows("SELECT count(*) FROM tag")


@quick
@given(fleet=fleets, selector=selectors, limit=st.integers(1, 4), spaces=st.sampled_from([None, ("team-a",), ("team-a", "team-b")]))
def test_a_list_gone_through_until_a_page_is_full_is_the_list_that_is_sorted(tmp_path_factory, fleet, selector, limit, spaces):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finding, "FEW", 0)
        patch.setattr(finding, "CHUNK", 1)
        store = open_store(tmp_path_factory.mktemp("walk") / "store.db")
        store.register(fleet)
        wanted = sorted(
            (c.metadata.namespace, c.metadata.name)
            for c in fleet
            if matches(selector, c.metadata.labels) and (spaces is None or c.metadata.namespace in spaces)
        )
        found, after = [], ""
        while True:
            page = store.list(Cluster, Query(namespaces=spaces, selector=selector, limit=limit, after=after))
            found += [(c.metadata.namespace, c.metadata.name) for c in page.items]
            assert page.count == len(wanted)
            after = page.next
            if not after:
                break
        store.close()
        assert found == wanted


def test_changes_without_counters_tell_of_clusters_and_bundles_that_changed_and_once_of_deployments(store):
    store.register([cluster(f"c{n}") for n in range(3)])
    key = store.create(bundle("web", content="kind: A")).key
    since = store.revision()
    deploy(store, key, [store.object_id(cluster_key(f"c{n}")) for n in range(3)])
    assert {c.key.kind for c in store.changes(since)} == {"Cluster", "Bundle", "BundleDeployment"}
    assert {c.key.kind for c in store.changes(since, counters=False)} == {"BundleDeployment"}
    store.delete(Cluster, NS, "c1")
    gone = [c for c in store.changes(since, counters=False) if c.key.kind == "Cluster"]
    assert [(c.key.name, c.type) for c in gone] == [("c1", "DELETED")]


def test_who_would_hear_of_too_many_objects_from_one_write_lists_again(store, monkeypatch):
    monkeypatch.setattr(feed, "MOST_OF_A_WRITE", 10)
    since = store.revision()
    store.register([cluster(f"c{n}") for n in range(11)])
    with pytest.raises(Gone, match="more than 10 objects"):
        store.changes(since, limit=5)
    store.create(cluster("one"))
    assert [c.key.name for c in store.changes(store.revision() - 1, limit=5)] == ["one"]


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_the_parts_of_a_step_do_what_the_step_does(size):
    whole = step(create=[1, 2], stage=[1, 3, 4], promote=[2, 4, 7], refresh=[5], remove=[6])
    parts = list(whole.parts(size))
    assert [part.more for part in parts] == [True] * (len(parts) - 1) + [False]
    for name in ("create", "stage", "promote", "refresh", "remove"):
        sets = [getattr(part, name) for part in parts]
        assert FrozenBitMap.union(*sets) == getattr(whole, name)
        assert sum(len(one) for one in sets) == len(getattr(whole, name))
    assert list(Step().parts(size)) == []


@pytest.mark.parametrize("kept", [2, rowsets.KEPT])
@pytest.mark.parametrize("seed", range(6))
def test_progress_brought_up_to_date_is_progress_read_anew(store, monkeypatch, seed, kept):
    monkeypatch.setattr(rowsets, "KEPT", kept)
    chance = random.Random(seed)
    store.register([cluster(f"c{n}") for n in range(8)])
    ids = [store.object_id(cluster_key(f"c{n}")) for n in range(8)]
    key = store.create(bundle("web", content="kind: A")).key
    number = store.object_id(key)
    words = ["v1", "v2", "v3"]
    for _ in range(40):
        some = sorted(chance.sample(ids, chance.randint(1, 5)))
        there = set(store.progress(key).existing) | set(store.progress(key).deleting)
        wanted = variant(store, key, chance.choice(words))
        match chance.randrange(5):
            case 0:
                new = [one for one in some if one not in there]
                store.apply(plan(store, key, (wanted, new)), step(create=new, promote=chance.choice(([], new))))
            case 1:
                old = [one for one in some if one in there]
                store.apply(plan(store, key, (wanted, old)), step(stage=old, promote=chance.choice(([], old))))
            case 2:
                store.report([Report(number, one, status(wanted.deployment_id, ready=chance.random() < 0.5)) for one in some])
            case 3:
                store.apply(plan(store, key), step(remove=[one for one in some if one in there]))
            case _:
                store.report([Report(number, one, removed=True) for one in some])
        with store._database.read() as connection:
            assert store.progress(key) == ProgressSets().of(connection, number)
    store.delete(Cluster, NS, "c0")
    assert ids[0] not in store.progress(key).existing
    assert names(store.list(Bundle)) == ["web"]


STATES = [("v1", True, True), ("v1", True, False), ("v1", False, True), ("", False, False)]


@pytest.mark.parametrize("turned", ["", "-"])
@pytest.mark.parametrize("rest", [(), ("metadata.name",), ("metadata.namespace", "metadata.name"), ("-metadata.name",)])
@pytest.mark.parametrize(("few", "limit"), [(0, 1), (0, 3), (5000, 2)])
def test_clusters_sorted_and_found_by_state_are_what_each_shows(store, monkeypatch, turned, rest, few, limit):
    monkeypatch.setattr(finding, "FEW", few)
    monkeypatch.setattr(finding, "CHUNK", 1)
    store.register([cluster(f"c{n}", env="ab"[n % 2]) for n in range(9)])
    ids = {f"c{n}": store.object_id(cluster_key(f"c{n}")) for n in range(9)}
    key = store.create(bundle("web", content="kind: A")).key
    wanted = deploy(store, key, [ids[f"c{n}"] for n in range(7)])
    for n in range(7):
        word, ready, same = STATES[n % 4]
        store.report(
            [Report(store.object_id(key), ids[f"c{n}"], status(wanted.deployment_id if word else "", ready=ready, non_modified=same))]
        )
    for some in (range(1, 4), range(4, 8)):
        store.seen([cluster_key(f"c{n}") for n in some], "2026-01-01T00:00:00Z")
        shown = {c.metadata.name: c.status.display.state for c in store.list(Cluster).items}
        for state in {*shown.values(), "Pending"}:
            found = listed(store, Cluster, filters=((Filter("status.display.state", "=", (state,)),),))
            assert found == sorted(name for name, own in shown.items() if own == state)
        pages, after = [], ""
        while True:
            page = store.list(Cluster, Query(namespaces=(NS,), sort=(f"{turned}metadata.state.name", *rest), limit=limit, after=after))
            assert page.count == 9
            pages += names(page)
            after = page.next
            if not after:
                break
        names_down = any(part == "-metadata.name" for part in rest)
        within = sorted(shown, reverse=names_down)
        states = sorted(set(shown.values()), reverse=bool(turned))
        assert pages == [name for state in states for name in within if shown[name] == state]


def test_a_part_of_a_name_is_found_in_any_case_together_with_labels(store):
    store.register([cluster(f"store-{n}", env="ab"[n % 2]) for n in range(12)])
    found = listed(store, Cluster, selector=LabelSelector({"env": "b"}), filters=((Filter("metadata.name", "~", ("RE-1",)),),))
    assert found == ["store-1", "store-11"]


@quick
@given(fleet=st.lists(st.text("ab-1", min_size=1, max_size=5), unique=True, max_size=9), part=st.text("aB-1\n", max_size=3), data=st.data())
def test_a_part_of_a_name_finds_what_a_loop_over_the_names_does_whatever_came_and_went(tmp_path_factory, fleet, part, data):
    store = open_store(tmp_path_factory.mktemp("names") / "store.db")
    there = set()
    for name in [*fleet, *fleet]:
        if name in there and data.draw(st.booleans()):
            store.delete(Cluster, NS, name)
            there.discard(name)
        elif name not in there:
            store.create(cluster(name))
            there.add(name)
        found = listed(store, Cluster, filters=((Filter("metadata.name", "~", (part,)),),))
        assert found == sorted(one for one in there if part.lower() in one)
    store.close()


@pytest.mark.parametrize("token", ["x", "[]", '["Ready"]', '["Ready",1]', "{}"])
def test_a_place_that_is_none_in_a_list_by_state_is_refused(store, token):
    with pytest.raises(Invalid, match="continue"):
        store.list(Cluster, Query(sort=("metadata.state.name",), after=token))
