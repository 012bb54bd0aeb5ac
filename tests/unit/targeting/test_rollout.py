"""The rollout as sets against the same rules followed cluster by cluster."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import FrozenBitMap

from extension.objects.base import Key
from extension.objects.codec import decode
from extension.objects.errors import Invalid
from extension.objects.kinds import RolloutStrategy
from extension.objects.options import BundleDeploymentOptions
from extension.objects.plan import Assignment, Plan, PlanError, PlannedPartition, Progress, Step, Variant
from extension.targeting import MemoryUniverse, limit, partitions, step
from extension.targeting.matching import Scope
from tests.unit.targeting.stepwise import Case, Row, reference
from tests.unit.targeting.worlds import cluster, group, names

COUNT = 8
IDS = ("", "v1", "v2", "old")


@pytest.mark.parametrize(
    ("count", "candidates", "expected"),
    [
        (0, ("50%",), 1),
        (10, (), 10),
        (10, (None, 3), 3),
        (10, (3, 5), 3),
        (10, (20,), 10),
        (10, (-1,), 0),
        (10, (0,), 0),
        (10, ("20",), 20),
        (10, ("25%",), 2),
        (10, ("1%",), 1),
        (10, ("0%",), 1),
        (10, ("-5%",), 1),
        (10, ("12.5%",), 1),
        (1000, ("12.5%",), 125),
        (10, ("250%",), 10),
        (3, ("1e1%",), 1),
    ],
)
def test_a_limit_is_a_number_of_clusters(count: int, candidates: tuple[Any, ...], expected: int) -> None:
    assert limit(count, *candidates) == expected


@pytest.mark.parametrize("wrong", ["0", "-3", "many", "x%", "%", "nan%", "1 %", ""])
def test_a_limit_that_is_neither_number_nor_percentage_is_refused(wrong: str) -> None:
    with pytest.raises(Invalid, match="must be int or percentage"):
        limit(10, wrong)


def _universe(count: int) -> MemoryUniverse:
    return MemoryUniverse([cluster(f"c{n:04}", {"n": str(n)}) for n in range(count)])


def _partitions(strategy: Any, universe: MemoryUniverse) -> list[tuple[str, int, int]]:
    found = partitions(decode(RolloutStrategy, strategy), universe.clusters("ws"), universe, [Scope(universe, "ws")])
    return [(p.name, len(p.clusters), p.max_unavailable) for p in found]


@pytest.mark.parametrize(
    ("count", "strategy", "expected"),
    [
        (199, {}, [("All", 199, 199)]),
        (
            200,
            {},
            [
                ("Partition 0 - 50", 50, 50),
                ("Partition 50 - 100", 50, 50),
                ("Partition 100 - 150", 50, 50),
                ("Partition 150 - 200", 50, 50),
            ],
        ),
        (200, {"autoPartitionSize": 0}, [("All", 200, 200)]),
        (200, {"autoPartitionThreshold": 0, "maxUnavailable": 5}, [("All", 200, 5)]),
        (
            5,
            {"autoPartitionThreshold": 5, "autoPartitionSize": 2},
            [("Partition 0 - 2", 2, 2), ("Partition 2 - 4", 2, 2), ("Partition 4 - 5", 1, 1)],
        ),
        (5, {"autoPartitionThreshold": 6, "autoPartitionSize": 2}, [("All", 5, 5)]),
        (3, {"autoPartitionThreshold": 1, "autoPartitionSize": 99}, [("Partition 0 - 3", 3, 3)]),
        (
            4,
            {"partitions": [{"name": "one", "clusterName": "c0001", "maxUnavailable": 9}, {"name": "none"}], "maxUnavailable": "50%"},
            [("one", 1, 1), ("none", 0, 1)],
        ),
        (0, {}, [("All", 0, 1)]),
    ],
)
def test_partitions_follow_the_strategy(count: int, strategy: Any, expected: list[tuple[str, int, int]]) -> None:
    assert _partitions(strategy, _universe(count)) == expected


def test_slices_are_cut_in_the_order_of_names() -> None:
    universe = MemoryUniverse([cluster(name) for name in ("b", "d", "a", "c")])
    strategy = decode(RolloutStrategy, {"autoPartitionThreshold": 1, "autoPartitionSize": 2})
    found = partitions(strategy, universe.clusters("ws"), universe, [])
    assert [names(universe, p.clusters) for p in found] == [{"a", "b"}, {"c", "d"}]


def test_a_partition_takes_clusters_by_group() -> None:
    universe = MemoryUniverse([cluster("a", {"env": "dev"}), cluster("b")], [group("dev", {"matchLabels": {"env": "dev"}})])
    assert _partitions({"partitions": [{"name": "p", "clusterGroup": "dev"}]}, universe) == [("p", 1, 1)]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    rows = []
    for name in range(draw(st.integers(0, COUNT))):
        exists = draw(st.booleans())
        row = Row(name, target=draw(st.sampled_from(("v1", "v2"))), exists=exists, paused=draw(st.booleans()))
        if exists:
            row.staged, row.deployed, row.applied = (draw(st.sampled_from(IDS)) for _ in range(3))
            row.ready = draw(st.booleans())
        else:
            row.deleting, row.no_namespace = draw(st.booleans()), draw(st.booleans())
        rows.append(row)
    members = st.lists(st.sampled_from(range(len(rows))), unique=True) if rows else st.just([])
    steps = draw(st.lists(st.tuples(members, st.integers(0, COUNT)), max_size=4))
    return Case(rows, steps, draw(st.integers(0, COUNT)), draw(st.integers(0, 3)), draw(st.integers(0, COUNT)))


def _bitmap(rows: list[Row], test: Any) -> FrozenBitMap:
    return FrozenBitMap([row.name for row in rows if test(row)])


def _by_id(rows: list[Row], place: str) -> dict[str, FrozenBitMap]:
    return {id_: _bitmap(rows, lambda r, i=id_: r.exists and getattr(r, place) == i) for id_ in IDS if id_}


def _plan(case: Case) -> Plan:
    variants = [Variant(id_, BundleDeploymentOptions(), f"digest of {id_}") for id_ in ("v1", "v2")]
    return Plan(
        bundle=Key("Bundle", "ws", "app"),
        manifest_id="s-1",
        assignments=tuple(Assignment(v, _bitmap(case.rows, lambda r, v=v: r.target == v.deployment_id)) for v in variants),
        partitions=tuple(PlannedPartition(f"p{n}", FrozenBitMap(m), most) for n, (m, most) in enumerate(case.partitions)),
        max_unavailable=case.max_unavailable,
        max_unavailable_partitions=case.max_unavailable_partitions,
        max_new=case.max_new,
    )


def _stored(case: Case) -> tuple[Progress, MemoryUniverse]:
    """What a store would say. Numbers of clusters are the order of their names."""
    progress = Progress(
        existing=_bitmap(case.rows, lambda r: r.exists),
        staged=_by_id(case.rows, "staged"),
        deployed=_by_id(case.rows, "deployed"),
        applied=_by_id(case.rows, "applied"),
        ready=_bitmap(case.rows, lambda r: r.ready),
        deleting=_bitmap(case.rows, lambda r: r.deleting),
    )
    clusters = [cluster(f"c{row.name:04}", paused=row.paused) for row in case.rows]
    bare = [
        decode(type(c), {"metadata": {"name": c.metadata.name, "namespace": "ws"}, "spec": {"paused": c.spec.paused}}) for c in clusters
    ]
    return progress, MemoryUniverse([b if row.no_namespace else c for row, b, c in zip(case.rows, bare, clusters, strict=True)])


@given(cases())
def test_a_step_is_what_following_the_rules_cluster_by_cluster_gives(case: Case) -> None:
    expected, numbers = reference(case)
    found = step(_plan(case), *_stored(case))
    assert {what: set(getattr(found, what)) for what in expected} == expected
    assert found.newly_created == numbers["new"]
    assert found.unavailable == numbers["unavailable"]
    assert found.unavailable_partitions == numbers["bad"]
    assert [p.unavailable for p in found.partitions] == numbers["shown"]


def _after(progress: Progress, planned: Plan, done: Step) -> Progress:
    """The store after a step, with agents that report at once that all is well."""
    targets = {a.variant.deployment_id: a.clusters for a in planned.assignments}
    digests = {a.variant.digest: a.clusters for a in planned.assignments}
    live = {id_: clusters & (done.promote | progress.existing) for id_, clusters in targets.items()}
    return Progress(
        existing=(progress.existing | done.create) - done.remove,
        staged=targets,
        deployed=live,
        applied=live,
        staged_options=digests,
        options=digests,
        ready=progress.existing | done.create,
    )


def test_a_rollout_ends_with_an_empty_step() -> None:
    case = Case([Row(n, target="v1", exists=False) for n in range(COUNT)], [(list(range(COUNT)), COUNT)], 2, 0, 3)
    planned, (progress, universe) = _plan(case), _stored(case)
    sizes = []
    while not (done := step(planned, progress, universe)).empty:
        sizes.append(done.newly_created)
        progress = _after(progress, planned, done)
    assert sizes == [3, 3, 2]


def test_other_options_under_the_same_id_are_refreshed_and_staged() -> None:
    case = Case([Row(n, "v1", True, "v1", "v1", "v1", ready=True) for n in range(3)], [([0, 1, 2], 3)], 3, 0, 3)
    planned, (progress, universe) = _plan(case), _stored(case)
    digests = {"digest of v1": FrozenBitMap([0, 1]), "another": FrozenBitMap([2])}
    done = step(planned, _with(progress, staged_options=digests, options=digests), universe)
    assert (set(done.stage), set(done.refresh), set(done.promote)) == ({2}, {2}, set())


def _with(progress: Any, **changes: Any) -> Any:
    return msgspec.structs.replace(progress, **changes)


def test_what_is_no_longer_targeted_is_removed_but_not_where_the_plan_failed() -> None:
    planned = Plan(
        bundle=Key("Bundle", "ws", "app"),
        manifest_id="s-1",
        assignments=(Assignment(Variant("v1", BundleDeploymentOptions()), FrozenBitMap([0])),),
        errors=(PlanError("no label", FrozenBitMap([1])),),
    )
    off = decode(type(cluster("c3")), {"metadata": {"name": "c3", "namespace": "ws"}, "status": {"namespace": "n", "scheduled": True}})
    universe = MemoryUniverse([cluster("c0"), cluster("c1"), cluster("c2"), off])
    done = step(planned, Progress(existing=FrozenBitMap([0, 1, 2, 3])), universe)
    assert set(done.remove) == {2}


def test_a_paused_bundle_is_staged_and_never_promoted() -> None:
    case = Case([Row(0, "v1", False)], [([0], 1)], 1, 0, 50)
    planned = _with(_plan(case), paused=True)
    done = step(planned, *_stored(case))
    assert (set(done.create), set(done.stage), set(done.promote)) == ({0}, {0}, set())


def test_more_than_max_new_are_created_when_the_caller_says_so() -> None:
    case = Case([Row(n, "v1", False) for n in range(5)], [(list(range(5)), 5)], 5, 0, 1)
    assert step(_plan(case), *_stored(case)).newly_created == 1
    assert step(_plan(case), *_stored(case), max_new=4).newly_created == 4
