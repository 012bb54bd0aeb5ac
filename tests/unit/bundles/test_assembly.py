"""What a Bundle is made of besides its files: names, labels, targets, and what apply is told (fleet-semantics.md 2.2)."""

from __future__ import annotations

from typing import Any

import pytest

from extension.bundles import Scan
from extension.objects.codec import decode
from extension.objects.kinds import BundleTarget, GitRepo, GitTarget
from extension.objects.options import CorrectDrift
from tests.unit.bundles.apply import CM, Shelf, apply, names, only, refusal, with_fleet_yaml

EU = GitTarget(name="eu", cluster_group="eu")
GIVEN = {"targets": (BundleTarget(name="eu", cluster_group="eu"),), "target_restrictions": (EU,)}


def _targets(options: str, **scan: Any) -> list[tuple[str, str]]:
    return [(target.name, target.cluster_group) for target in with_fleet_yaml(options, **scan).spec.targets]


def _restrictions(options: str, **scan: Any) -> list[str]:
    return [target.name for target in with_fleet_yaml(options, **scan).spec.target_restrictions]


@pytest.mark.parametrize(
    ("options", "scan", "targets", "restrictions"),
    [
        pytest.param("{}", {}, [("default", "default")], [], id="none at all: the group default, and no restriction"),
        pytest.param("{}", GIVEN, [("eu", "eu")], ["eu"], id="those of the GitRepo"),
        pytest.param(
            "targetCustomizations: [{clusterGroup: a}]", GIVEN, [("target000", "a"), ("eu", "eu")], ["eu"], id="customizations first"
        ),
        pytest.param(
            "targetCustomizations: [{clusterGroup: c}, {name: d}]\ntargets: [{clusterGroup: a}, {name: b}]",
            GIVEN,
            [("target000", "a"), ("b", ""), ("target002", "c"), ("d", ""), ("eu", "eu")],
            ["eu"],
            id="targets before targetCustomizations, nameless ones called by their place in both",
        ),
        pytest.param("targetCustomizations: [{clusterGroup: a}]", {}, [("target000", "a")], [], id="customizations are enough"),
        pytest.param("overrideTargets: [{name: o, clusterGroup: o}]", GIVEN, [("o", "o")], ["o"], id="overrides instead of the GitRepo's"),
        pytest.param("overrideTargets: [{clusterGroup: o}]", GIVEN, [("", "o")], [""], id="overrides get no name"),
        pytest.param("overrideTargets: []", GIVEN, [("default", "default")], [], id="no overrides: the group default"),
        pytest.param(
            "targetCustomizations: [{clusterGroup: a}]\noverrideTargets: [{name: o}]",
            GIVEN,
            [("target000", "a"), ("o", "")],
            ["o"],
            id="customizations before overrides",
        ),
        pytest.param("targetRestrictions: [{name: r}]", GIVEN, [("eu", "eu")], ["r", "eu"], id="restrictions of its own come first"),
    ],
)
def test_targets(options: str, scan: dict[str, Any], targets: list[tuple[str, str]], restrictions: list[str]) -> None:
    assert (_targets(options, **scan), _restrictions(options, **scan)) == (targets, restrictions)


def test_an_override_carries_all_criteria() -> None:
    text = "{name: o, clusterName: one, clusterSelector: {matchLabels: {a: b}}, clusterGroup: g, clusterGroupSelector: {}}"
    spec = with_fleet_yaml(f"overrideTargets: [{text}]").spec
    [target], [restriction] = spec.targets, spec.target_restrictions
    assert all(getattr(target, field) == getattr(restriction, field) for field in GitTarget.__struct_fields__)
    assert (target.cluster_name, target.cluster_selector and target.cluster_selector.match_labels) == ("one", {"a": "b"})


def test_of_chart_repository_and_version_a_target_takes_what_it_leaves_empty() -> None:
    helm = "helm: {repo: 'https://r', chart: c, version: 1.0.0}\ntargets: [{helm: {version: 2.0.0}}, {}, {helm: {repo: q, chart: d}}]"
    shelf = Shelf({f"{chart} {repo} {v}": {} for chart, repo in (("c", "https://r"), ("d", "q")) for v in ("1.0.0", "2.0.0")})
    found = with_fleet_yaml(helm, charts=shelf, **GIVEN).spec.targets
    assert [(t.helm.repo, t.helm.chart, t.helm.version) if t.helm else None for t in found] == [
        ("https://r", "c", "2.0.0"),
        None,
        ("q", "d", "1.0.0"),
        None,
    ]


@pytest.mark.parametrize(
    ("options", "scan", "expected"),
    [
        pytest.param("{}", {}, {}, id="none"),
        pytest.param("labels: {a: own}", {"labels": {"a": "told", "b": "told"}}, {"a": "own", "b": "told"}, id="fleet.yaml's win"),
        pytest.param("{}", {"commit": "abc"}, {"fleet.cattle.io/commit": "abc"}, id="the commit"),
        pytest.param("labels: {fleet.cattle.io/commit: x}", {"commit": "abc"}, {"fleet.cattle.io/commit": "x"}, id="even over the commit"),
    ],
)
def test_labels(options: str, scan: dict[str, Any], expected: dict[str, str]) -> None:
    assert with_fleet_yaml(options, **scan).metadata.labels == expected


@pytest.mark.parametrize(
    ("options", "scan", "field", "expected"),
    [
        ("serviceAccount: own", {"service_account": "told"}, "service_account", "told"),
        ("serviceAccount: own", {}, "service_account", "own"),
        ("forceSyncGeneration: 5", {}, "force_sync_generation", 0),
        ("forceSyncGeneration: 5", {"sync_generation": 7}, "force_sync_generation", 7),
        ("namespace: own", {"target_namespace": "told"}, "namespace", "told"),
        ("namespace: own", {}, "namespace", "own"),
        ("defaultNamespace: own", {"target_namespace": "told"}, "default_namespace", "own"),
        ("paused: true", {"paused": False}, "paused", True),
        ("paused: false", {"paused": True}, "paused", True),
        ("keepResources: true", {}, "keep_resources", True),
        ("{}", {"keep_resources": True}, "keep_resources", True),
        ("{}", {"delete_namespace": True}, "delete_namespace", True),
        ("deleteNamespace: true", {}, "delete_namespace", True),
        ("correctDrift: {force: true}", {"correct_drift": CorrectDrift()}, "correct_drift", CorrectDrift(force=True)),
        ("correctDrift: {force: true}", {"correct_drift": CorrectDrift(enabled=True)}, "correct_drift", CorrectDrift(enabled=True)),
        ("targetCustomizationMode: AllMatches", {}, "target_customization_mode", "AllMatches"),
        ("deleteCRDResources: true", {}, "delete_crd_resources", True),
    ],
)
def test_what_apply_is_told_meets_what_fleet_yaml_says(options: str, scan: dict[str, Any], field: str, expected: Any) -> None:
    assert getattr(with_fleet_yaml(options, **scan).spec, field) == expected


def test_a_target_namespace_is_that_of_every_target_too() -> None:
    spec = with_fleet_yaml("targets: [{namespace: own}, {}]", target_namespace="told", **GIVEN).spec
    assert {target.namespace for target in spec.targets} == {"told"}


def test_a_name_in_fleet_yaml_is_the_whole_name_and_is_not_checked() -> None:
    assert with_fleet_yaml("name: Not A Name").metadata.name == "Not A Name"


def test_two_folders_may_give_one_name_here() -> None:
    tree = {f"a/{x}/{file}": text for x in "bc" for file, text in (("fleet.yaml", "name: same"), ("x.yaml", CM))}
    assert names(apply(tree)) == ["same", "same"]


@pytest.mark.parametrize(
    ("scans", "told", "expected"),
    [
        ("[]", False, []),
        ("[{image: i, tagName: t}]", True, [("imagescan-demo-a-0", "t", "i")]),
        ("[{tagName: t}, {image: i, tagName: u}]", True, [("imagescan-demo-a-1", "u", "i")]),
    ],
)
def test_image_scans_are_named_by_bundle_and_place(scans: str, told: bool, expected: list[tuple[str, str, str]]) -> None:
    found = apply({"a/fleet.yaml": f"name: other\nimageScans: {scans}", "a/x.yaml": CM}, image_scan=told).image_scans
    assert [(scan.name, scan.spec.tag_name, scan.spec.image) for scan in found] == expected


@pytest.mark.parametrize(
    ("scans", "told", "words"),
    [
        ("[{image: i, tagName: t}]", False, "imagescan is disabled"),
        ("[{}]", False, "imagescan is disabled"),
        ("[{image: i}]", True, "the name of scan is required"),
    ],
)
def test_image_scans_that_can_not_be_are_refused(scans: str, told: bool, words: str) -> None:
    assert words in refusal({"a/fleet.yaml": f"imageScans: {scans}", "a/x.yaml": CM}, image_scan=told)


def test_a_gitrepo_tells_apply_all_it_has() -> None:
    spec = {
        "paths": ["p"],
        "targets": [{"name": "t", "clusterGroup": "g"}],
        "targetNamespace": "n",
        "serviceAccount": "sa",
        "forceSyncGeneration": 3,
        "paused": True,
        "keepResources": True,
        "deleteNamespace": True,
        "correctDrift": {"enabled": True},
        "bundles": [{"base": "b", "options": "o.yaml"}],
    }
    repo = decode(GitRepo, {"metadata": {"name": "r", "namespace": "ws", "labels": {"a": "b"}}, "spec": spec})
    told = Scan.of(repo)
    assert (told.name, told.namespace, told.paths, told.labels) == ("r", "ws", ("p",), {"a": "b", "fleet.cattle.io/repo-name": "r"})
    assert (told.target_namespace, told.service_account, told.sync_generation) == ("n", "sa", 3)
    assert (told.paused, told.keep_resources, told.delete_namespace, told.correct_drift) == (True, True, True, CorrectDrift(enabled=True))
    assert [(path.base, path.options) for path in told.bundles] == [("b", "o.yaml")]
    assert (told.targets, told.target_restrictions) == ((BundleTarget(name="t", cluster_group="g"),), (GitTarget("t", cluster_group="g"),))


def test_a_gitrepo_without_targets_means_the_group_default() -> None:
    told = Scan.of(GitRepo())
    assert told.targets == (BundleTarget(name="default", cluster_group="default"),)
    assert told.target_restrictions == (GitTarget(name="default", cluster_group="default"),)


def test_bundles_of_a_gitrepo_replace_its_paths() -> None:
    scan = Scan.of(decode(GitRepo, {"metadata": {"name": "demo"}, "spec": {"paths": ["b"], "bundles": [{"base": "a"}]}}))
    tree = {"a/x.yaml": CM, "b/x.yaml": CM}
    assert names(apply(tree, paths=scan.paths, bundles=scan.bundles)) == ["demo-a"]


def test_the_workspace_is_that_of_the_gitrepo() -> None:
    assert only({"a/fleet.yaml": "namespace: other", "a/x.yaml": CM}, namespace="ws").metadata.namespace == "ws"
