"""The label index: it answers what a loop over the stored objects would, and follows every change of them."""

from __future__ import annotations

import shutil
import tempfile
import threading
from pathlib import Path

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from pyroaring import FrozenBitMap

from extension.objects.base import Key, ObjectMeta
from extension.objects.errors import Invalid
from extension.objects.kinds import BundleNamespaceMapping, Cluster, ClusterGroup, ClusterSpec, FleetWorkspace
from extension.objects.plan import Inputs
from extension.objects.selectors import LabelSelector, Requirement, matches
from extension.store import feed
from extension.store.labels import DISPLAY_NAME, LabelIndex
from extension.store.opening import open_store
from extension.store.protocol import Query
from tests.unit.store.samples import NS, bundle, cluster, cluster_key, deploy, group, report, status

replace = msgspec.structs.replace
SPACES, KEYS, VALUES = ("team-a", "team-b"), ("env", "tier", DISPLAY_NAME), ("a", "b", "c0")

labels = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), max_size=3)
requirements = st.one_of(
    st.builds(
        Requirement, st.sampled_from(KEYS), st.sampled_from(("In", "NotIn")), st.lists(st.sampled_from(VALUES), min_size=1).map(tuple)
    ),
    st.builds(Requirement, st.sampled_from(KEYS), st.sampled_from(("Exists", "DoesNotExist"))),
)
selectors = st.builds(LabelSelector, labels, st.lists(requirements, max_size=2).map(tuple))
broken = st.just(LabelSelector(match_expressions=(Requirement("env", "Near", ("a",)),)))
spaces, numbers = st.sampled_from(SPACES), st.integers(0, 3)


def chosen(selector, own):
    """What a group or mapping with this selector takes: one without a selector, or with a broken one, takes nothing."""
    try:
        return selector is not None and matches(selector, own)
    except Invalid:
        return False


class Machine(RuleBasedStateMachine):
    """Clusters, groups, mappings and workspaces come, change and go; the index looks only at the feed."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.store = open_store(self.folder / "store.db")
        self.index = LabelIndex(self.store)
        self.answers, self.version, self.facets = None, self.index.version, None
        self.query, self.own = LabelSelector({"env": "a"}), {"env": "a"}
        for number in (1, 2):
            self.put(cluster(f"c{number}", env="a"))
            self.put(group(f"g{number}", self.query))

    def teardown(self):
        self.store.close()
        shutil.rmtree(self.folder)

    def put(self, obj):
        known = self.store.find(type(obj), obj.metadata.namespace, obj.metadata.name)
        return self.store.create(obj) if known is None else self.store.update(obj)

    def all(self, cls):
        return self.store.list(cls, Query(limit=1000)).items

    @rule(space=spaces, number=numbers, own=labels, paused=st.booleans(), values=st.dictionaries(st.just("x"), st.integers(0, 2)))
    def cluster(self, space, number, own, paused, values):
        meta = ObjectMeta(name=f"c{number}", namespace=space, labels=own, annotations=own)
        self.put(Cluster(metadata=meta, spec=ClusterSpec(paused=paused, template_values=values)))

    @rule(space=spaces, number=numbers, selector=st.none() | selectors | broken)
    def group(self, space, number, selector):
        self.put(replace(group(f"g{number}", selector), metadata=ObjectMeta(name=f"g{number}", namespace=space)))

    @rule(space=spaces, bundles=st.none() | selectors, workspaces=st.none() | selectors | broken)
    def mapping(self, space, bundles, workspaces):
        self.put(
            BundleNamespaceMapping(metadata=ObjectMeta(name="m", namespace=space), bundle_selector=bundles, namespace_selector=workspaces)
        )

    @rule(name=spaces, own=labels)
    def workspace(self, name, own):
        self.put(FleetWorkspace(metadata=ObjectMeta(name=name, labels=own)))

    @precondition(lambda self: self.all(Cluster))
    @rule(data=st.data(), scheduled=st.booleans(), active=st.booleans(), placed=st.booleans())
    def status(self, data, scheduled, active, placed):
        found = data.draw(st.sampled_from(self.all(Cluster)))
        told = replace(found.status, scheduled=scheduled, active_schedule=active, namespace="n" if placed else "")
        self.store.update_status(replace(found, status=told))

    @precondition(lambda self: self.all(Cluster))
    @rule(data=st.data())
    def seen(self, data):
        self.store.seen([data.draw(st.sampled_from(self.all(Cluster))).key], "2030-01-01T00:00:00Z")

    @rule(data=st.data(), again=st.booleans())
    def delete(self, data, again):
        there = [o for cls in (Cluster, ClusterGroup, BundleNamespaceMapping, FleetWorkspace) for o in self.all(cls)]
        if there:
            old = data.draw(st.sampled_from(there))
            self.store.delete(type(old), old.metadata.namespace, old.metadata.name)
            if again:
                self.store.create(old)

    def expected(self, query, own):
        """By loops over what the store has."""
        ids = {self.store.object_id(c.key): c for c in self.all(Cluster)}
        groups = {space: {} for space in SPACES}
        for one in self.all(ClusterGroup):
            place = one.metadata.namespace
            hits = {n for n, c in ids.items() if c.metadata.namespace == place and chosen(one.spec.selector, c.metadata.labels)}
            groups[place][one.metadata.name] = hits
        opened = {space: set() for space in SPACES}
        for one in self.all(BundleNamespaceMapping):
            if chosen(one.bundle_selector, own):
                hits = {w.metadata.name for w in self.all(FleetWorkspace) if chosen(one.namespace_selector, w.metadata.labels)}
                opened[one.metadata.namespace] |= hits
        of = {space: {n: c for n, c in ids.items() if c.metadata.namespace == space} for space in SPACES}
        return {
            "clusters": {space: set(found) for space, found in of.items()},
            "selected": {space: {n for n, c in found.items() if matches(query, c.metadata.labels)} for space, found in of.items()},
            "named": {
                s: {n for n, c in f.items() if "c0" in (c.metadata.name, c.metadata.labels.get(DISPLAY_NAME))} for s, f in of.items()
            },
            "groups": groups,
            "mapped": opened,
            "tiers": {n for n, c in ids.items() if "tier" in c.metadata.labels},
            "bare": {n for n, c in ids.items() if not c.metadata.labels},
            "env": {v: hits for v in VALUES if (hits := {n for n, c in ids.items() if c.metadata.labels.get("env") == v})},
            "paused": {n for n, c in ids.items() if c.spec.paused},
            "unplaced": {n for n, c in ids.items() if not c.status.namespace},
            "off": {n for n, c in ids.items() if c.status.scheduled and not c.status.active_schedule},
            "order": sorted(ids, key=lambda n: (ids[n].metadata.name, ids[n].metadata.namespace)),
            "inputs": {
                n: Inputs(c.metadata.namespace, c.metadata.name, c.metadata.labels, c.metadata.annotations, c.spec.template_values)
                for n, c in ids.items()
            },
        }

    def answered(self, query, own):
        index, every = self.index, FrozenBitMap.union(*(self.index.clusters(space) for space in SPACES))
        slices = index.slices(every, 2)
        for at, part in enumerate(slices):
            assert part == index.first(every, 2 * at + 2) - index.first(every, 2 * at)
        return {
            "clusters": {space: set(index.clusters(space)) for space in SPACES},
            "selected": {space: set(index.select(space, query)) for space in SPACES},
            "named": {space: set(index.named(space, "c0")) for space in SPACES},
            "groups": {space: {g.name: set(g.members) for g in index.groups(space)} for space in SPACES},
            "mapped": {space: set(index.mapped_namespaces(space, own)) for space in SPACES},
            "tiers": set(index.having("tier")),
            "bare": set(index.bare()),
            "env": {value: set(found) for value, found in index.by_label("env", every).items()},
            "paused": set(index.paused()),
            "unplaced": set(index.without_namespace()),
            "off": set(index.off_schedule()),
            "order": [n for size in range(1, len(every) + 1) for n in index.first(every, size) - index.first(every, size - 1)],
            "inputs": dict(index.inputs(every)),
        }

    @rule(query=selectors, own=labels)
    def ask(self, query, own):
        """What is asked from here on."""
        self.query, self.own, self.answers = query, own, None

    @invariant()
    def the_index_answers_as_the_objects_do_and_its_version_moves_when_an_answer_does(self):
        version = self.index.refresh()
        held = self.facets is not None and self.index.holds(self.facets, self.version)
        marks = self.index.changed(self.version)
        with self.index.reading() as facets:
            now = self.answered(self.query, self.own)
        assert now == self.expected(self.query, self.own)
        if self.answers is not None:
            assert self.answers == now or (version > self.version and not held)
            changed = set().union(*(self.answers[mark] ^ now[mark] for mark in ("paused", "unplaced", "off", "bare")))
            assert marks is None or changed <= set(marks)
        self.answers, self.version, self.facets = now, version, facets


TestLabelIndex = pytest.mark.timeout(600)(Machine.TestCase)  # a failure is made small first, which takes up to five minutes
TestLabelIndex.settings = settings(max_examples=8, stateful_step_count=30, deadline=None)


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
