"""Counters: whatever happens, they are what one would count in the rows; and a row's state is what its facts make."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter, defaultdict
from itertools import product
from pathlib import Path

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from extension.objects.base import Key
from extension.objects.kinds import Bundle, BundleDeploymentStatus, Cluster, ClusterGroup, GitRepo
from extension.objects.selectors import LabelSelector
from extension.objects.states import State, deployment_state, summarise
from extension.objects.status import ResourceCounts
from extension.store.deployments import REPO_NAME
from extension.store.errorgroups import ErrorQuery
from extension.store.protocol import Query, Report
from extension.store.reporting import _facts
from extension.store.staging import STATE
from extension.store.tallies import COLUMNS
from tests.integration.postgres.server import Server
from tests.unit.store.places import Place, PostgresPlace
from tests.unit.store.samples import NS, bundle, cluster, deploy, group, plan, repo, status, step, variant

FACTS = dict.fromkeys(("deleting", "failed", "waiting", "ready", "non_modified"), "BOOLEAN") | dict.fromkeys(
    ("staged_id", "live_id", "applied_id"), "INTEGER"
)
GROUPED = LabelSelector({"env": "a"})


def state_of(row):
    """By the rules of `objects/states.py`, and those of a row on its way out and of a dependency that is waited for."""
    if row["deleting"]:
        return 0
    if row["waiting"] and not row["failed"] and row["applied_id"] != row["live_id"]:
        return State.Pending
    return deployment_state(
        desired=str(row["live_id"]),
        staged=str(row["staged_id"]),
        applied=str(row["applied_id"]),
        deployed_failed=row["failed"],
        ready=row["ready"],
        non_modified=row["non_modified"],
    )


def test_the_state_in_sql_is_that_of_the_rules_for_every_row_there_can_be(place):
    place.rows(f"CREATE TABLE d ({', '.join(f'{name} {kind}' for name, kind in FACTS.items())})")
    table = [(*flags, *ids) for flags in product((False, True), repeat=5) for ids in product((0, 1, 2), repeat=3)]
    place.rows(f"INSERT INTO d VALUES {', '.join(map(str, table))}")
    found = place.rows(f"SELECT {STATE}, d.* FROM d")
    assert len(found) == 32 * 27
    for state, *facts in found:
        assert state == state_of(dict(zip(FACTS, facts, strict=True))), dict(zip(FACTS, facts, strict=True))


def test_a_report_makes_the_state_that_the_next_step_would_compute_again():
    said = [("", ""), ("True", ""), ("False", "Error"), ("Unknown", "Waiting"), ("Unknown", "Reconciling")]
    for live, staged, applied, deleting, ready, same, (deployed, reason) in product((0, 1), (1, 2), (0, 1, -1), *[(False, True)] * 3, said):
        told = status("x", ready=ready, non_modified=same, deployed=deployed, reason=reason)
        facts = _facts((1, 2, live, staged, deleting, 0, None), told, applied)
        names = ("applied", "failed", "waiting", "ready", "non_modified", "state")
        columns = dict(zip(names, facts, strict=True), deleting=deleting, live_id=live, staged_id=staged, applied_id=applied)
        assert columns["state"] == state_of(columns), columns


def counted(found):
    """Of deployment rows: the tally's columns."""
    states = Counter(row["state"] for row in found)
    resources = sum((row["resources"] for row in found), ResourceCounts())
    return [*(states[state.value] for state in State), *(getattr(resources, name) for name in ResourceCounts.__struct_fields__)]


class Machine(RuleBasedStateMachine):
    """Up to four bundles, two of them of a GitRepo, on up to five clusters, two of them in a group."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.place = self.made(self.folder)
        self.store = self.place.open()
        self.store.create(repo("site"))
        self.store.create(group("some", GROUPED))
        self.words = 0
        for number in (1, 2, 3):
            self.make_bundle(number)
            self.make_cluster(number)
        for key in self.keys(Bundle):
            deploy(self.store, key, self.numbers())

    def made(self, folder):
        return Place(folder / "store.db")

    def teardown(self):
        self.store.close()
        shutil.rmtree(self.folder)

    def keys(self, cls):
        return [item.key for item in self.store.list(cls, Query(limit=1000)).items]

    @rule(number=st.integers(1, 4))
    def make_bundle(self, number):
        if self.store.find(Bundle, NS, f"b{number}") is None:
            self.store.create(bundle(f"b{number}", content=f"kind: {number}", repo="site" if number < 3 else ""))

    @rule(number=st.integers(1, 5))
    def make_cluster(self, number):
        if self.store.find(Cluster, NS, f"c{number}") is None:
            self.store.create(cluster(f"c{number}", env="a" if number < 3 else "b"))

    @precondition(lambda self: self.keys(Bundle) and self.keys(Cluster))
    @rule(data=st.data(), wish=st.sampled_from(("create", "stage", "promote", "refresh", "remove")), new=st.booleans())
    def apply(self, data, wish, new):
        key = data.draw(st.sampled_from(self.keys(Bundle)))
        progress = self.store.progress(key)
        there = set(progress.existing)
        every = set(self.numbers())
        fit = every - there - set(progress.deleting) if wish == "create" else there
        ids = data.draw(st.sets(st.sampled_from(sorted(fit)), min_size=1)) if fit else set()
        self.words += new
        planned = plan(self.store, key, (variant(self.store, key, f"v{self.words}"), ids))
        self.store.apply(planned, step(**{wish: ids}, **({"promote": ids} if wish == "create" and new else {})))

    def numbers(self):
        return [self.store.object_id(key) for key in self.keys(Cluster)]

    def rows(self):
        names = (
            "bundle_id",
            "cluster_id",
            "state",
            "deleting",
            "failed",
            "waiting",
            "ready",
            "non_modified",
            "staged_id",
            "live_id",
            "applied_id",
            "shape",
        )
        found = self.place.rows(
            f"SELECT {', '.join(f'd.{n}' for n in names)}, coalesce(w.doc, r.doc) FROM deployment d"
            " LEFT JOIN report r ON r.bundle_id = d.bundle_id AND r.cluster_id = d.cluster_id LEFT JOIN wording w ON w.id = r.wording"
        )
        decode = msgspec.json.Decoder(BundleDeploymentStatus).decode
        return [
            dict(zip(names, row, strict=False)) | {"resources": decode(row[-1]).resource_counts if row[-1] else ResourceCounts()}
            for row in found
        ]

    @precondition(lambda self: self.rows())
    @rule(
        data=st.data(),
        deployed=st.sampled_from((("", ""), ("True", ""), ("False", "Error"), ("Unknown", "Waiting"))),
        ready=st.booleans(),
        same=st.booleans(),
        counts=st.lists(st.integers(0, 3), min_size=8, max_size=8),
        message=st.sampled_from(("", "image pull denied", "no quota on node 1", "no quota on node 2")),
        batch=st.integers(1, 3),
    )
    def report(self, data, deployed, ready, same, counts, message, batch):
        texts = [text for (text,) in self.place.rows("SELECT text FROM deployment_id")]
        reports = []
        for row in data.draw(st.lists(st.sampled_from(self.rows()), min_size=batch, max_size=batch)):
            applied = data.draw(st.sampled_from(["", "unknown", *texts]))
            said = status(applied, ready=ready, non_modified=same, deployed=deployed[0], reason=deployed[1], message=message, counts=counts)
            reports.append(Report(row["bundle_id"], row["cluster_id"], said))
        self.store.report([*reports, Report(10**6, 1, reports[0].status)])

    @precondition(lambda self: self.rows())
    @rule(data=st.data())
    def removed(self, data):
        row = data.draw(st.sampled_from(self.rows()))
        self.store.report([Report(row["bundle_id"], row["cluster_id"], removed=True)] * 2)

    @precondition(lambda self: self.keys(Bundle))
    @rule(data=st.data())
    def forget(self, data):
        self.store.forget(data.draw(st.sampled_from(self.keys(Bundle))))

    @precondition(lambda self: self.keys(Bundle))
    @rule(data=st.data(), really=st.booleans())
    def delete_bundle(self, data, really):
        key = data.draw(st.sampled_from(self.keys(Bundle)))
        self.store.delete(Bundle, key.namespace, key.name, dry_run=not really)

    @precondition(lambda self: self.keys(Cluster))
    @rule(data=st.data(), really=st.booleans())
    def delete_cluster(self, data, really):
        key = data.draw(st.sampled_from(self.keys(Cluster)))
        self.store.delete(Cluster, key.namespace, key.name, dry_run=not really)

    @invariant()
    def states_are_those_of_the_rules(self):
        assert [row["state"] for row in self.rows()] == [state_of(row) for row in self.rows()]

    @invariant()
    def tallies_are_the_sums_of_the_rows(self):
        kept = {row[0]: list(row[1:]) for row in self.place.rows(f"SELECT object_id, {', '.join(COLUMNS)} FROM tally")}
        objects = {number for (number,) in self.place.rows("SELECT id FROM object")}
        assert kept.keys() <= objects
        found = self.rows()
        assert {row[k] for row in found for k in ("bundle_id", "cluster_id")} <= objects
        assert self.place.rows("SELECT bundle_id, cluster_id FROM report EXCEPT SELECT bundle_id, cluster_id FROM deployment") == []
        for number in objects:
            assert kept.get(number, counted([])) == counted([r for r in found if number in (r["bundle_id"], r["cluster_id"])])

    def check(self, obj, found, shown):
        """The status laid over an object, against the rows it sums up; `shown` is its `ready/all`."""
        alive = [row for row in found if row["state"]]
        wanted = summarise(Counter(State(row["state"]) for row in alive))
        assert msgspec.structs.replace(obj.status.summary, non_ready_resources=()) == wanted
        assert len(obj.status.summary.non_ready_resources) == min(10, wanted.desired_ready - wanted.ready)
        assert shown == f"{wanted.ready}/{wanted.desired_ready}"
        ready = next(c for c in obj.status.conditions if c.type == "Ready")
        assert (ready.status == "True") == (wanted.ready == wanted.desired_ready)
        if not isinstance(obj, Bundle):
            assert obj.status.resource_counts == sum((row["resources"] for row in found), ResourceCounts())

    @invariant()
    def complaints_are_those_of_the_rows(self):
        wanted = Counter((row["bundle_id"], row["shape"], row["state"]) for row in self.rows() if row["shape"])
        assert {tuple(row[:3]): row[3] for row in self.place.rows("SELECT bundle_id, shape_id, state, n FROM complaint")} == wanted
        assert {row[0] for row in self.place.rows("SELECT id FROM shape")} == {shape for _, shape, _ in wanted}
        alike = defaultdict(set)
        texts = dict(self.place.rows("SELECT id, text FROM shape"))
        for row in self.rows():
            if row["shape"] and row["state"] > 1:
                alike[texts[row["shape"]], State(row["state"])].add(row["cluster_id"])
        found = {(group.text, group.state): group.clusters for group in self.store.errors.list(ErrorQuery()).items}
        assert found == {key: len(clusters) for key, clusters in alike.items()}

    @invariant()
    def statuses_are_those_of_the_rows(self):
        found, store = self.rows(), self.store
        ids = {key: store.object_id(key) for cls in (Bundle, Cluster) for key in self.keys(cls)}
        for item in store.list(Bundle).items:
            self.check(item, [r for r in found if r["bundle_id"] == ids[item.key]], item.status.display.ready_clusters)
        for item in store.list(Cluster).items:
            self.check(item, [r for r in found if r["cluster_id"] == ids[item.key]], item.status.display.ready_bundles)
        made = [ids[item.key] for item in store.list(Bundle).items if REPO_NAME in item.metadata.labels]
        mine = [r for r in found if r["bundle_id"] in made]
        site = store.get(GitRepo, NS, "site")
        self.check(site, mine, site.status.display.ready_bundle_deployments)
        desired = {r["cluster_id"] for r in mine if r["state"]}
        late = {r["cluster_id"] for r in mine if r["state"] > 1}
        assert (site.status.desired_ready_clusters, site.status.ready_clusters) == (len(desired), len(desired - late))

    @invariant()
    def a_group_sums_up_its_members(self):
        some = self.store.get(ClusterGroup, NS, "some")
        members = {self.store.object_id(Key("Cluster", NS, n)) for n in ("c1", "c2") if self.store.find(Cluster, NS, n)}
        mine = [r for r in self.rows() if r["cluster_id"] in members]
        self.check(some, mine, some.status.display.ready_bundles)
        late = {r["cluster_id"] for r in mine if r["state"] > 1}
        assert (some.status.cluster_count, some.status.non_ready_cluster_count) == (len(members), len(late))
        assert len(self.store.members(NS, GROUPED)) == len(members)


class OnPostgres(Machine):
    """The same on a server."""

    server: Server

    def made(self, folder):
        return PostgresPlace(self.server.make())

    def teardown(self):
        super().teardown()
        self.place.close()
        self.server.drop(self.place.where)


@pytest.fixture(scope="module")
def served(postgres):
    OnPostgres.server = postgres


TestCounters = pytest.mark.timeout(600)(Machine.TestCase)  # a failure is made small first, which takes up to five minutes
TestCounters.settings = settings(max_examples=8, stateful_step_count=30, deadline=None)
TestCountersOnPostgres = pytest.mark.usefixtures("served")(pytest.mark.timeout(600)(OnPostgres.TestCase))
TestCountersOnPostgres.settings = settings(max_examples=2, stateful_step_count=30, deadline=None)
