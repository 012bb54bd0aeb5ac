"""Plans: who gets a bundle, with which options, and that clusters share what they can."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import FrozenBitMap

from extension.objects.errors import Invalid
from extension.objects.kinds import Bundle
from extension.objects.plan import Plan
from extension.targeting import Inputs, MemoryUniverse, deployment_id, plan
from extension.targeting.values import fill, reads, visible
from extension.targeting.variants import split
from tests.unit.targeting.worlds import Substituting, bundle, cluster, group, mapping, names

EVERYONE = {"name": "all", "clusterSelector": {}}


def _planned(app: Bundle, universe: MemoryUniverse, templates: Any = None) -> Plan:
    return plan(app, universe, templates or Substituting(), manifest_id="s-1")


def _by_namespace(app: Bundle, universe: MemoryUniverse) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for assignment in _planned(app, universe).assignments:
        found.setdefault(assignment.variant.options.namespace, set()).update(names(universe, assignment.clusters))
    return found


CLUSTERS = [
    cluster("a", {"env": "dev", "region": "eu"}),
    cluster("b", {"env": "prod", "region": "eu"}),
    cluster("c", {"env": "prod", "region": "us"}),
    cluster("d"),
]
DEV = {"name": "dev", "clusterSelector": {"matchLabels": {"env": "dev"}}}
PROD = {"name": "prod", "clusterSelector": {"matchLabels": {"env": "prod"}}}
EU = {"name": "eu", "clusterSelector": {"matchLabels": {"region": "eu"}}}
STOP = {"doNotDeploy": True}


@pytest.mark.parametrize(
    ("customizations", "mode", "expected"),
    [
        ([], "", {"own": {"a", "b", "c", "d"}}),
        ([{**DEV, "namespace": "dev"}, {**EU, "namespace": "eu"}], "", {"dev": {"a"}, "eu": {"b"}, "own": {"c", "d"}}),
        ([{**DEV, "namespace": "dev"}, {**EU, "namespace": "eu"}], "AllMatches", {"eu": {"a", "b"}, "own": {"c", "d"}}),
        ([{**EU, "namespace": "eu"}, {**DEV, "namespace": "dev"}], "AllMatches", {"dev": {"a"}, "eu": {"b"}, "own": {"c", "d"}}),
        ([{**EU, "namespace": "eu"}, {**DEV, **STOP}], "", {"eu": {"a", "b"}, "own": {"c", "d"}}),
        ([{**DEV, **STOP}, {**EU, "namespace": "eu"}], "", {"eu": {"b"}, "own": {"c", "d"}}),
        ([{**EU, "namespace": "eu"}, {**DEV, **STOP}], "AllMatches", {"eu": {"b"}, "own": {"c", "d"}}),
        ([{"name": "empty", "namespace": "never"}], "", {"own": {"a", "b", "c", "d"}}),
    ],
    ids=["none", "first match", "all matches", "order counts", "a later stop", "an earlier stop", "any stop", "no criterion"],
)
def test_customizations_apply(customizations: list[Any], mode: str, expected: dict[str, set[str]]) -> None:
    spec = {"namespace": "own", "targets": [*customizations, EVERYONE], "targetRestrictions": [EVERYONE], "targetCustomizationMode": mode}
    assert _by_namespace(bundle(spec), MemoryUniverse(CLUSTERS)) == expected


def test_the_first_customization_takes_the_place_of_the_targets_options() -> None:
    target = {**EVERYONE, "namespace": "of-target"}
    spec = {"targets": [{**DEV, "serviceAccount": "sa"}, target], "targetRestrictions": [EVERYONE]}
    assert _by_namespace(bundle(spec), MemoryUniverse(CLUSTERS)) == {"": {"a"}, "of-target": {"b", "c", "d"}}


def test_without_restrictions_every_target_selects_and_the_first_one_wins() -> None:
    spec = {"targets": [{**PROD, "namespace": "prod"}, {**EU, "namespace": "eu"}, {**DEV, **STOP}]}
    assert _by_namespace(bundle(spec), MemoryUniverse(CLUSTERS)) == {"prod": {"b", "c"}, "eu": {"a"}}


def test_a_target_outside_of_the_restrictions_selects_nobody() -> None:
    spec = {"targets": [{**PROD, "namespace": "prod"}], "targetRestrictions": [EU]}
    assert _by_namespace(bundle(spec), MemoryUniverse(CLUSTERS)) == {"prod": {"b"}}


def test_clusters_of_a_mapped_namespace_are_matched_by_their_own_groups() -> None:
    clusters = [cluster("home", {"env": "e"}), cluster("away", {"env": "e"}, "far"), cluster("lone", {"env": "f"}, "far")]
    groups = [group("default", {}), group("default", {"matchLabels": {"env": "e"}}, namespace="far")]
    universe = MemoryUniverse(clusters, groups, [mapping({"matchLabels": {"wide": "1"}}, {})], {"ws": {}, "far": {}})
    spec = {"targets": [{"clusterGroup": "default"}]}
    assert names(universe, _planned(bundle(spec, {"wide": "1"}), universe).clusters) == {"home", "away"}
    assert names(universe, _planned(bundle(spec), universe).clusters) == {"home"}


def test_clusters_with_labels_get_a_helm_block_and_those_without_do_not() -> None:
    universe = MemoryUniverse([cluster("plain"), cluster("hidden", {"x.cattle.io/y": "1"}), cluster("rich", {"env": "dev"})])
    found = {
        frozenset(names(universe, a.clusters)): a.variant.options.helm is None
        for a in _planned(bundle({"targets": [EVERYONE]}), universe).assignments
    }
    assert found == {frozenset({"plain", "hidden"}): True, frozenset({"rich"}): False}


@pytest.mark.parametrize(
    ("key", "seen"),
    [
        ("env", True),
        ("fleet.cattle.io/x", True),
        ("management.cattle.io/cluster-display-name", True),
        ("other.cattle.io/x", False),
        ("kubectl.kubernetes.io/x", False),
        ("app.kubernetes.io/name", True),
    ],
)
def test_templates_see_a_label(key: str, seen: bool) -> None:
    assert visible(key) is seen


def test_a_variant_is_computed_once_for_all_clusters_that_agree_on_what_it_reads() -> None:
    templates = Substituting()
    universe = MemoryUniverse([cluster(f"c{n}", {"region": f"r{n % 3}", "own": str(n)}) for n in range(300)])
    planned = _planned(bundle({"helm": {"values": {"region": "${ .ClusterLabels.region }"}}, "targets": [EVERYONE]}), universe, templates)
    assert templates.calls == 3
    assert sorted(len(a.clusters) for a in planned.assignments) == [100, 100, 100]
    helms = [a.variant.options.helm for a in planned.assignments]
    assert {(helm.values or {})["region"] for helm in helms if helm} == {"r0", "r1", "r2"}


def test_an_error_is_that_of_the_clusters_it_concerns() -> None:
    universe = MemoryUniverse([cluster("a", {"tier": "x"}), cluster("b", {"env": "y"}), cluster("c", {"env": "z"})])
    planned = _planned(bundle({"helm": {"values": {"t": "${ .ClusterLabels.tier }"}}, "targets": [EVERYONE]}), universe)
    assert names(universe, planned.clusters) == {"a"}
    assert [(e.message, names(universe, e.clusters)) for e in planned.errors] == [
        ("failed to render helm values template: map has no entry for key 'tier'", {"b", "c"})
    ]


def test_values_nested_too_deep_are_refused() -> None:
    values: Any = {}
    for _ in range(60):
        values = {"a": values}
    universe = MemoryUniverse([cluster("a", {"env": "dev"})])
    planned = _planned(bundle({"helm": {"values": values}, "targets": [EVERYONE]}), universe)
    assert "maximum recursion depth of 50 exceeded" in planned.errors[0].message


def test_a_template_that_makes_no_yaml_is_an_error_without_the_values() -> None:
    one = cluster("a", {"env": "dev"}, templateValues={"s": "secret: [", "t": "[1]"})
    app = {"helm": {"templateValues": {"x": "${ .ClusterValues.s }"}}, "targets": [EVERYONE]}
    planned = _planned(bundle(app), MemoryUniverse([one]))
    assert "failed to interpret rendered template as helm values: yaml: line" in planned.errors[0].message
    assert "secret" not in planned.errors[0].message


@pytest.mark.parametrize(("made", "errors"), [("#", 0), ("-", 1)], ids=["a comment", "a list"])
def test_values_that_evaluate_to_no_map_are_an_error_and_to_nothing_are_empty(made: str, errors: int) -> None:
    one = cluster("a", {"env": "dev"}, templateValues={"k": made})
    planned = _planned(bundle({"helm": {"values": {"${ .ClusterValues.k } x": 1}}, "targets": [EVERYONE]}), MemoryUniverse([one]))
    assert [error.message for error in planned.errors] == ["failed to interpret rendered template as helm values: it is no map"] * errors
    assert [a.variant.options.helm.values for a in planned.assignments if a.variant.options.helm] == [{}] * (1 - errors)


@pytest.mark.parametrize("name", ["Not Valid", "x" * 64, "-a", ""])
def test_a_bundle_whose_name_is_no_label_value_is_refused(name: str) -> None:
    with pytest.raises(Invalid, match="can't be the value of a label"):
        _planned(bundle({"targets": [EVERYONE]}, name=name), MemoryUniverse([]))


def test_a_broken_selector_refuses_the_bundle_even_without_clusters() -> None:
    broken = {"clusterSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}
    for spec in (
        {"targets": [broken]},
        {"targets": [EVERYONE], "targetRestrictions": [broken]},
        {"rolloutStrategy": {"partitions": [broken]}},
    ):
        with pytest.raises(Invalid, match="needs at least one value"):
            _planned(bundle(spec), MemoryUniverse([]))


def test_the_deployment_id_leaves_out_how_drift_is_looked_at() -> None:
    one = bundle({"targets": [EVERYONE]})
    other = bundle({"targets": [EVERYONE], "correctDrift": {"enabled": True}, "diff": {"comparePatches": [{"kind": "Service"}]}})
    universe = MemoryUniverse(CLUSTERS[:1])
    variants = [_planned(app, universe).assignments[0].variant for app in (one, other)]
    assert variants[0].deployment_id == variants[1].deployment_id
    assert variants[0].digest != variants[1].digest


def test_the_deployment_id_is_fleets_byte_for_byte() -> None:
    universe = MemoryUniverse([cluster("solo", {"env": "dev"})])
    (assignment,) = _planned(bundle({"targets": [EVERYONE]}), universe).assignments
    assert assignment.variant.deployment_id == "s-1:2b3eb1c0044dd55963b580c402f9703533c40396e53a2aa27a2ba991ec15d145"


TEXTS = (
    "${ .ClusterLabels.a }",
    "${ .ClusterName }",
    "${ .ClusterValues.v }",
    "${ .ClusterAnnotations.n }",
    "${ .ClusterNamespace }",
    "same",
)
VALUE = st.sampled_from((*TEXTS, "global.fleet.clusterLabels.b", 1))


@given(
    st.dictionaries(st.sampled_from("xyz"), VALUE, max_size=3),
    st.lists(st.dictionaries(st.sampled_from("ab"), st.sampled_from("12"), max_size=2), max_size=6),
)
def test_clusters_of_one_part_would_each_get_the_same_values(values: dict[str, Any], labels: list[dict[str, str]]) -> None:
    clusters = [cluster(f"c{n}", own, templateValues={"v": len(own)}) for n, own in enumerate(labels)]
    clusters = [msgspec.structs.replace(c, metadata=msgspec.structs.replace(c.metadata, annotations={"n": "1"})) for c in clusters]
    universe = MemoryUniverse(clusters)
    helm = bundle({"helm": {"values": values}}).spec.helm
    assert helm is not None
    parts = list(split(reads(helm), universe.clusters("ws"), universe))
    assert sorted(n for part in parts for n in part) == list(range(len(clusters)))
    for part in parts:
        assert len({_outcome(helm, inputs) for _, inputs in universe.inputs(part)}) <= 1


def _outcome(helm: Any, inputs: Inputs) -> str:
    try:
        return repr(fill(helm, inputs, Substituting()).values)
    except Invalid as error:
        return str(error)


def test_an_id_is_the_hash_of_the_options_behind_the_content() -> None:
    (assignment,) = _planned(bundle({"targets": [EVERYONE]}), MemoryUniverse([cluster("a")])).assignments
    assert assignment.variant.deployment_id == deployment_id("s-1", assignment.variant.options)
    assert assignment.clusters == FrozenBitMap([0])
