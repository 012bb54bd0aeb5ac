"""Matching as sets against Fleet's way: try an entry for each cluster and each of its groups."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extension.objects.codec import decode
from extension.objects.errors import Invalid
from extension.objects.kinds import Cluster, ClusterGroup, GitTarget
from extension.objects.selectors import matches
from extension.targeting import MemoryUniverse
from extension.targeting.matching import Scope, check
from tests.unit.targeting.worlds import cluster, group, mapping, names

VALUES = st.sampled_from(("x", "y", "z"))
LABELS = st.dictionaries(st.sampled_from(("a", "b", "c")), VALUES, max_size=3)


@st.composite
def requirement(draw: st.DrawFn) -> dict[str, Any]:
    operator = draw(st.sampled_from(("In", "NotIn", "Exists", "DoesNotExist")))
    values = draw(st.lists(VALUES, min_size=1, max_size=2)) if operator in ("In", "NotIn") else []
    return {"key": draw(st.sampled_from(("a", "b", "c"))), "operator": operator, "values": values}


SELECTORS = st.one_of(
    st.none(),
    st.fixed_dictionaries({"matchLabels": LABELS}),
    st.fixed_dictionaries({"matchExpressions": st.lists(requirement(), max_size=2)}),
)
GROUPS = ("g0", "g1", "g2")


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Cluster], list[ClusterGroup]]:
    clusters = [cluster(f"c{n}", draw(LABELS)) for n in range(draw(st.integers(0, 6)))]
    groups = [group(name, draw(SELECTORS), draw(LABELS)) for name in draw(st.lists(st.sampled_from(GROUPS), unique=True))]
    return clusters, groups


@st.composite
def entries(draw: st.DrawFn) -> GitTarget:
    return decode(
        GitTarget,
        {
            "clusterName": draw(st.sampled_from(("", "", "c0", "c1"))),
            "clusterSelector": draw(SELECTORS),
            "clusterGroup": draw(st.sampled_from(("", "", *GROUPS))),
            "clusterGroupSelector": draw(SELECTORS),
        },
    )


def _tries(one: Cluster, groups: list[ClusterGroup]) -> list[tuple[str, dict[str, str]]]:
    found = [
        (g.metadata.name, g.metadata.labels)
        for g in groups
        if g.spec.selector is not None and matches(g.spec.selector, one.metadata.labels)
    ]
    return found or [("", {})]


def _holds(entry: GitTarget, one: Cluster, name: str, labels: dict[str, str]) -> bool:
    criteria = []
    if entry.cluster_name:
        criteria.append(entry.cluster_name == one.metadata.name)
    if entry.cluster_group:
        criteria.append(entry.cluster_group == name)
    if entry.cluster_group_selector is not None:
        criteria.append(matches(entry.cluster_group_selector, labels))
    if entry.cluster_selector is not None:
        criteria.append(matches(entry.cluster_selector, one.metadata.labels))
    return bool(criteria) and all(criteria)


@given(worlds(), entries())
def test_an_entry_matches_the_clusters_that_one_of_their_groups_lets_it(
    world: tuple[list[Cluster], list[ClusterGroup]], entry: GitTarget
) -> None:
    clusters, groups = world
    universe = MemoryUniverse(clusters, groups)
    scope = Scope(universe, "ws")
    expected = {c.metadata.name for c in clusters if any(_holds(entry, c, *attempt) for attempt in _tries(c, groups))}
    assert names(universe, scope.hits(scope.match(entry))) == expected


@given(worlds(), entries(), st.lists(entries(), min_size=1, max_size=3))
def test_a_restriction_must_hold_for_the_same_group(
    world: tuple[list[Cluster], list[ClusterGroup]], entry: GitTarget, restrictions: list[GitTarget]
) -> None:
    clusters, groups = world
    universe = MemoryUniverse(clusters, groups)
    scope = Scope(universe, "ws")
    expected = {
        c.metadata.name
        for c in clusters
        if any(_holds(entry, c, *attempt) and any(_holds(r, c, *attempt) for r in restrictions) for attempt in _tries(c, groups))
    }
    assert names(universe, scope.hits(scope.match(entry), [scope.match(r) for r in restrictions])) == expected


def test_an_entry_without_a_criterion_matches_nothing_and_an_empty_selector_everything() -> None:
    universe = MemoryUniverse([cluster("a"), cluster("b")])
    scope = Scope(universe, "ws")
    assert not scope.hits(scope.match(GitTarget(name="empty")))
    assert names(universe, scope.hits(scope.match(decode(GitTarget, {"clusterSelector": {}})))) == {"a", "b"}


def test_a_cluster_is_found_by_its_display_name_too() -> None:
    universe = MemoryUniverse([cluster("c-m-1", {"management.cattle.io/cluster-display-name": "paris"}), cluster("rome")])
    assert names(universe, universe.named("ws", "paris")) == {"c-m-1"}
    assert names(universe, universe.named("ws", "c-m-1")) == {"c-m-1"}
    assert not universe.named("other", "paris")


def test_a_broken_selector_is_refused_before_any_cluster_is_looked_at() -> None:
    broken = decode(GitTarget, {"clusterGroupSelector": {"matchExpressions": [{"key": "a", "operator": "Like"}]}})
    with pytest.raises(Invalid, match='"Like" is not a valid label selector operator'):
        check([broken])


BROKEN = {"matchExpressions": [{"key": "a", "operator": "Like"}]}


def test_a_group_with_a_broken_or_no_selector_has_no_members() -> None:
    universe = MemoryUniverse([cluster("a")], [group("broken", BROKEN), group("none", None), group("all", {})])
    assert {g.name: names(universe, g.members) for g in universe.groups("ws")} == {"broken": set(), "none": set(), "all": {"a"}}


@pytest.mark.parametrize(
    ("bundles", "namespaces", "expected"),
    [
        ({"matchLabels": {"team": "x"}}, {"matchLabels": {"ring": "1"}}, {"far"}),
        ({"matchLabels": {"team": "y"}}, {"matchLabels": {"ring": "1"}}, set()),
        ({}, {}, {"far", "ws"}),
        (None, {}, set()),
        ({}, None, set()),
        ({}, BROKEN, set()),
        (BROKEN, {}, set()),
    ],
    ids=["both match", "other bundle", "all", "no bundle selector", "no namespace selector", "broken namespaces", "broken bundles"],
)
def test_a_mapping_opens_namespaces_only_with_two_selectors_that_hold(bundles: Any, namespaces: Any, expected: set[str]) -> None:
    universe = MemoryUniverse([], [], [mapping(bundles, namespaces)], {"ws": {}, "far": {"ring": "1"}})
    assert set(universe.mapped_namespaces("ws", {"team": "x"})) == expected
    assert not universe.mapped_namespaces("far", {"team": "x"})
