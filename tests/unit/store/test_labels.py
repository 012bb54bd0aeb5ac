"""The label index: it answers what a loop over the stored objects would, and follows every change of them."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from pyroaring import FrozenBitMap

from extension.objects.base import ObjectMeta
from extension.objects.errors import Invalid
from extension.objects.kinds import BundleNamespaceMapping, Cluster, ClusterGroup, ClusterSpec, FleetWorkspace
from extension.objects.plan import Inputs
from extension.objects.selectors import LabelSelector, Requirement, matches
from extension.store.labels import DISPLAY_NAME, LabelIndex
from extension.store.opening import open_store
from extension.store.protocol import Query
from tests.unit.store.samples import cluster, group

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
