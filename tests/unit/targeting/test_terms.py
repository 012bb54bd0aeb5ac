"""Targets held against a cluster, term by term; groups and targets as they would be."""

from __future__ import annotations

from typing import Any

import pytest

from extension.objects.base import Key
from extension.objects.codec import decode
from extension.objects.errors import Invalid
from extension.objects.kinds import ClusterGroup
from extension.targeting import MemoryUniverse
from extension.targeting.previewing import asks_for_groups, members, targets, with_group
from extension.targeting.terms import HIDDEN, checks, inputs_read
from tests.unit.targeting.worlds import bundle, cluster, group, names

UNIVERSE = MemoryUniverse(
    [cluster("a", {"env": "prod", "region": "eu"}), cluster("b", {"env": "dev"})],
    [group("prods", {"matchLabels": {"env": "prod"}}, {"tier": "1"})],
)
A = UNIVERSE.number(Key("Cluster", "ws", "a"))
B = UNIVERSE.number(Key("Cluster", "ws", "b"))


def told(target: dict[str, Any], number: int = A) -> str:
    return str(next(iter(checks(bundle({"targets": [{"name": "t", **target}]}), number, UNIVERSE))))


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ({"clusterName": "a"}, "target t matches, selected\n  holds: clusterName a; the cluster is called a"),
        ({"clusterName": "b"}, "target t does not match\n  does not hold: clusterName b; the cluster is called a"),
        (
            {"clusterSelector": {"matchLabels": {"env": "dev", "region": "eu"}}},
            "target t does not match\n  does not hold: clusterSelector env=dev; the cluster has env=prod\n"
            "  holds: clusterSelector region=eu; the cluster has region=eu",
        ),
        (
            {"clusterSelector": {"matchExpressions": [{"key": "gone", "operator": "DoesNotExist"}]}},
            "target t matches, selected\n  holds: clusterSelector !gone; the cluster has no label gone",
        ),
        ({"clusterSelector": {}}, "target t matches, selected\n  holds: clusterSelector anything; it selects every cluster"),
        ({"clusterGroup": "prods"}, "target t matches, selected\n  holds: clusterGroup prods; it is in prods"),
        ({"clusterGroup": "x"}, "target t does not match\n  does not hold: clusterGroup x; it is in prods"),
        (
            {"clusterGroupSelector": {"matchLabels": {"tier": "2"}}},
            "target t does not match\n  does not hold: clusterGroupSelector tier=2; prods has tier=1",
        ),
        ({}, "target t does not match\n  does not hold: it has no criterion; and that matches nothing"),
        (
            {"clusterName": "a", "doNotDeploy": True},
            "target t matches, says doNotDeploy\n  holds: clusterName a; the cluster is called a",
        ),
    ],
)  # fmt: skip
def test_each_term_is_told_with_what_was_seen(target: dict[str, Any], expected: str) -> None:
    assert told(target) == expected


def test_a_cluster_in_no_group_is_told_so() -> None:
    assert told({"clusterGroup": "prods"}, B).endswith("does not hold: clusterGroup prods; it is in no cluster group")


def test_restrictions_and_customizations_are_told_as_such() -> None:
    spec = {
        "targets": [{"name": "c", "clusterName": "a"}, {"name": "all", "clusterSelector": {}}],
        "targetRestrictions": [{"name": "all", "clusterSelector": {}}],
    }
    found = [(one.kind, one.name, one.selected) for one in checks(bundle(spec), A, UNIVERSE)]
    assert found == [("restriction", "all", False), ("target", "all", True), ("customization", "c", True)]


def test_inputs_are_what_the_templates_read_and_only_labels_show_their_value() -> None:
    values = {
        "r": "${ .ClusterLabels.region }",
        "v": "${ .ClusterValues.password }",
        "n": "${ .ClusterName }",
        "m": "${ .ClusterLabels.no }",
    }
    universe = MemoryUniverse([cluster("a", {"region": "eu"}, templateValues={"password": "canary-value"})])
    spec = {"targets": [{"clusterSelector": {}}], "helm": {"values": values}}
    assert inputs_read(bundle(spec), 0, universe) == {
        "ClusterName": "a", "ClusterLabels.no": "missing", "ClusterLabels.region": "eu", "ClusterValues.password": HIDDEN,
    }  # fmt: skip


def _group(selector: Any, name: str = "prods") -> ClusterGroup:
    return decode(ClusterGroup, {"metadata": {"name": name, "namespace": "ws"}, "spec": {"selector": selector}})


def test_targets_are_told_with_the_clusters_that_no_earlier_one_has() -> None:
    spec = {"targets": [{"name": "one", "clusterName": "a"}, {"clusterSelector": {}}, {"name": "none", "clusterGroup": "x"}]}
    found = {name: names(UNIVERSE, clusters) for name, clusters in targets(bundle(spec), UNIVERSE)}
    assert found == {"one": {"a"}, "2": {"b"}, "none": set()}


@pytest.mark.parametrize(
    ("selector", "expected"), [(None, set()), ({}, {"a", "b"}), ({"matchLabels": {"env": "dev"}}, {"b"})], ids=["none", "all", "dev"]
)
def test_a_group_has_the_clusters_that_it_would_select(selector: Any, expected: set[str]) -> None:
    assert names(UNIVERSE, members(_group(selector), UNIVERSE)) == expected


def test_a_broken_selector_of_a_group_is_told_with_its_field() -> None:
    with pytest.raises(Invalid) as refused:
        members(_group({"matchExpressions": [{"key": "env", "operator": "Like"}]}), UNIVERSE)
    assert refused.value.field == "spec.selector.matchExpressions.operator"


def test_a_group_stands_in_the_place_of_the_stored_one() -> None:
    changed = with_group(UNIVERSE, _group({"matchLabels": {"env": "dev"}}))
    added = with_group(UNIVERSE, _group({}, "all"))
    assert [(g.name, names(UNIVERSE, g.members)) for g in changed.groups("ws")] == [("prods", {"b"})]
    assert [(g.name, names(UNIVERSE, g.members)) for g in added.groups("ws")] == [("all", {"a", "b"}), ("prods", {"a"})]
    assert list(added.groups("far")) == []


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"targets": [{"clusterSelector": {}}]}, False),
        ({"targets": [{"clusterGroup": "g"}]}, True),
        ({"targetRestrictions": [{"clusterGroupSelector": {}}]}, True),
        ({"rolloutStrategy": {"partitions": [{"name": "p", "clusterGroup": "g"}]}}, True),
    ],
)
def test_bundles_that_ask_for_groups_are_known(spec: Any, expected: bool) -> None:
    assert asks_for_groups(bundle(spec).spec) is expected
