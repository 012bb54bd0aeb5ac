"""A plan beside what is stored: every cluster is in one group or unchanged, and the group tells its change."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import FrozenBitMap

from extension.objects.base import Key
from extension.objects.options import BundleDeploymentOptions
from extension.objects.plan import Assignment, Plan, PlanError, Progress, Variant
from extension.targeting.comparing import FEW, compare

BUNDLE = Key("Bundle", "ws", "app")


def variant(id_: str, digest: str = "") -> Variant:
    return Variant(id_, BundleDeploymentOptions(), digest or f"d-{id_}")


def plan(errors: Any = (), **wanted: set[int]) -> Plan:
    assignments = tuple(Assignment(variant(id_), FrozenBitMap(clusters)) for id_, clusters in wanted.items())
    return Plan(BUNDLE, "", assignments, errors=tuple(PlanError("no label", FrozenBitMap(one)) for one in errors))


def stored(staged: dict[str, set[int]], live: dict[str, set[int]], **more: Any) -> Progress:
    def bitmaps(sets: dict[str, set[int]], name: str = "{}") -> dict[str, FrozenBitMap]:
        return {name.format(key): FrozenBitMap(clusters) for key, clusters in sets.items()}

    given = {
        "existing": FrozenBitMap(set().union(*staged.values())),
        "staged": bitmaps(staged),
        "deployed": bitmaps(live),
        "staged_options": bitmaps(staged, "d-{}"),
        "options": bitmaps(live, "d-{}"),
    }
    return Progress(**{**given, **more})


def told(found: Any) -> set[tuple[str, str, str, frozenset[int], bool]]:
    return {(s.change, s.old, s.new.deployment_id if s.new else "", frozenset(s.clusters), s.waiting) for s in found.shifts}


def row(change: str, old: str, new: str, *clusters: int, waiting: bool = False) -> tuple[str, str, str, frozenset[int], bool]:
    return change, old, new, frozenset(clusters), waiting


OLD = stored({"a": {1, 2}, "b": {3}}, {"a": {1, 2}, "b": {3}})
CASES = {
    "what stays is no change": (plan(a={1, 2}, b={3}), OLD, set(), {1, 2, 3}),
    "a new variant changes its clusters by what they run": (
        plan(c={1, 2, 3}), OLD, {row("changed", "a", "c", 1, 2), row("changed", "b", "c", 3)}, set(),
    ),
    "who had none gets one": (plan(a={1, 2, 4}, b={3}), OLD, {row("created", "", "a", 4)}, {1, 2, 3}),
    "who is not targeted any more loses it": (plan(a={1}, b={3}), OLD, {row("removed", "a", "", 2)}, {1, 3}),
    "an error keeps what is there": (plan(errors=[{2}], a={1}, b={3}), OLD, set(), {1, 3}),
    "what is staged already waits": (
        plan(c={1, 2, 3}), stored({"c": {1}, "a": {2}, "b": {3}}, {"a": {1, 2}, "b": {3}}),
        {row("changed", "a", "c", 1, waiting=True), row("changed", "a", "c", 2), row("changed", "b", "c", 3)}, set(),
    ),
    "what was never live is created, and waits": (plan(a={1}), stored({"a": {1}}, {}), {row("created", "", "a", 1, waiting=True)}, set()),
    "other options under the same ID change": (
        plan(a={1}), stored({"a": {1}}, {"a": {1}}, options={}, staged_options={}), {row("changed", "a", "a", 1)}, set(),
    ),
    "a store that knows no options is believed": (
        plan(a={1}), stored({"a": {1}}, {"a": {1}}, options=None, staged_options=None), set(), {1},
    ),
    "who is on the way out has none": (
        plan(a={1}), stored({}, {}, existing=FrozenBitMap(), deleting=FrozenBitMap([1])), {row("created", "", "a", 1)}, set(),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("planned", "progress", "shifts", "unchanged"), CASES.values(), ids=CASES)
def test_each_cluster_is_told_its_change(planned: Plan, progress: Progress, shifts: Any, unchanged: set[int]) -> None:
    found = compare(planned, progress)
    assert (told(found), set(found.unchanged)) == (shifts, unchanged)


def test_clusters_off_schedule_keep_what_is_not_targeted_any_more() -> None:
    found = compare(plan(b={3}), OLD, FrozenBitMap([1]))
    assert told(found) == {row("removed", "a", "", 2)} and set(found.unchanged) == {1, 3}


def test_the_largest_group_comes_first() -> None:
    assert [len(shift.clusters) for shift in compare(plan(c={3}, d={1, 2}), OLD).shifts] == [2, 1]


@given(st.dictionaries(st.integers(0, 200), st.tuples(st.integers(0, FEW * 2), st.integers(-1, FEW * 2))))
def test_groups_are_what_a_loop_over_all_clusters_finds(clusters: dict[int, tuple[int, int]]) -> None:
    """Each cluster goes from one of many variants to another one, or to none."""
    before: dict[str, set[int]] = {}
    after: dict[str, set[int]] = {}
    expected: dict[tuple[str, str], set[int]] = {}
    for cluster, (old, new) in clusters.items():
        before.setdefault(f"v{old}", set()).add(cluster)
        if new >= 0:
            after.setdefault(f"v{new}", set()).add(cluster)
        if old != new:
            expected.setdefault((f"v{old}", f"v{new}" if new >= 0 else ""), set()).add(cluster)
    found = compare(plan(**after), stored(before, before))
    assert {(s.old, s.new.deployment_id if s.new else ""): set(s.clusters) for s in found.shifts} == expected
    assert found.size == len(clusters)
