"""What a fleet.yaml may say, how leniently it is read, and what people are told (fleet-semantics.md 2.1)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extension.bundles.fleetyaml import FleetYAML, parse
from extension.objects.codec import canonical
from extension.objects.errors import Invalid
from tests.unit.bundles.apply import CM, apply, refusal, with_fleet_yaml


def _options(text: str) -> FleetYAML:
    return parse(text.encode(), "fleet.yaml")[0]


def _warnings(text: str) -> list[str]:
    return [warning.removeprefix("fleet.yaml: ") for warning in parse(text.encode(), "fleet.yaml")[2]]


def _written(text: str) -> dict[str, Any]:
    written: dict[str, Any] = json.loads(canonical(_options(text)))
    return written


@pytest.mark.parametrize("text", ["", "{}", "null", "~", "# nothing\n", "---\n", "---\n...\n"])
def test_a_file_that_says_nothing_sets_nothing(text: str) -> None:
    assert parse(text.encode(), "f") == parse(b"{}", "f")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("defaultNamespace: a", {"defaultNamespace": "a"}, id="as it is spelled"),
        pytest.param("DEFAULTnamespace: a", {"defaultNamespace": "a"}, id="whatever the case"),
        pytest.param("helm: {ReleaseName: a, DISABLEDNS: true}", {"helm": {"releaseName": "a", "disableDNS": True}}, id="deeper too"),
        pytest.param("namespace: a\nnamespace: b", {"namespace": "b"}, id="the last of two"),
        pytest.param("namespace: a\nNamespace: b\nNAMESPACE: c", {"namespace": "a"}, id="of several spellings the last by its bytes"),
        pytest.param("namespacE: a\nnamespace: b", {"namespace": "b"}, id="whatever their order in the file"),
        pytest.param("helm: {Chart: a, chart: b, cHART: c}", {"helm": {"chart": "b"}}, id="deeper too, by their bytes"),
        pytest.param("namespace: a\n---\nnamespace: b", {"namespace": "a"}, id="the first document"),
        pytest.param("namespace: null\nhelm: ~\ntargets:", {}, id="null is absent"),
        pytest.param("labels: {a: , b: ~, c: x}", {"labels": {"a": "", "b": "", "c": "x"}}, id="a null text is empty"),
        pytest.param("helm: {templateValues: {a: }}", {"helm": {"templateValues": {"a": ""}}}, id="also in templates"),
        pytest.param("targets: [~, {name: a}]", {"targets": [{}, {"name": "a"}]}, id="a null entry is an empty one"),
        pytest.param("helm: {values: {a: ~}}", {"helm": {"values": {"a": None}}}, id="a null value is a value"),
        pytest.param(
            "rolloutStrategy: {maxUnavailable: 10%, maxNew: 0}", {"rolloutStrategy": {"maxUnavailable": "10%", "maxNew": 0}}, id="r"
        ),
        pytest.param("keepResources: off\npaused: yes", {"paused": True}, id="words of YAML 1.1"),
        pytest.param("yaml: {overlays: [a, ~]}", {"yaml": {"overlays": ["a", ""]}}, id="a null in a list of texts is an empty one"),
        pytest.param(
            "dependsOn: [{selector: {matchExpressions: [{values: [x]}]}}]",
            {"dependsOn": [{"selector": {"matchExpressions": [{"key": "", "operator": "", "values": ["x"]}]}}]},
            id="key and operator are written though empty",
        ),
        pytest.param(
            "helm: {valuesFrom: [{secretKeyRef: {key: k}}]}",
            {"helm": {"valuesFrom": [{"secretKeyRef": {"name": "", "key": "k"}}]}},
            id="so is the name of a reference",
        ),
        pytest.param("overrideTargets: []", {"overrideTargets": []}, id="an empty list of overrides is one"),
        pytest.param("overrideTargets: ~", {}, id="null is none"),
        pytest.param("helm: {timeoutSeconds: 1e2, maxHistory: 0x10}", {"helm": {"timeoutSeconds": 100, "maxHistory": 16}}, id="numbers"),
    ],
)
def test_a_file_is_read_as_go_reads_it(text: str, expected: dict[str, Any]) -> None:
    assert _written(text) == expected


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("namespace: 1", "namespace"),
        ("namespace: n", "namespace"),
        ("name: 5", "name"),
        ("labels: {a: 1}", "labels[...]"),
        ("annotations: {a: true}", "annotations[...]"),
        ("generation: x", "generation"),
        ("generateName: 1", "generateName"),
        ("uid: yes", "uid"),
        ("finalizers: x", "finalizers"),
        ("ownerReferences: [{name: 1}]", "ownerReferences[0].name"),
        ("creationTimestamp: 2026-01-31", "creationTimestamp"),
        ("deletionTimestamp: now", "deletionTimestamp"),
        ("imageScans: [{image: i, tagName: t}, {interval: 1d}]", "imageScans[1].interval"),
        ("imageScans: [{interval: 5}]", "imageScans[0].interval"),
        ("paused: 'true'", "paused"),
        ("helm: {releaseName: 1}", "helm.releaseName"),
        ("helm: {templateValues: {a: 1}}", "helm.templateValues[...]"),
        ("helm: [a]", "helm"),
        ("targets: [{name: 1}]", "targets[0].name"),
        ("targetCustomizations: [{namespace: 1}]", "targetCustomizations[0].namespace"),
        ("targetCustomizations: {name: a}", "targetCustomizations"),
        ("dependsOn: [{name: 1}]", "dependsOn[0].name"),
        ("forceSyncGeneration: 1.5", "forceSyncGeneration"),
        ("rolloutStrategy: {maxUnavailable: 1.5}", "rolloutStrategy.maxUnavailable"),
    ],
)
def test_a_value_of_another_type_is_refused_and_its_field_named(text: str, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        _options(text)
    assert (caught.value.field, caught.value.where) == (field, "fleet.yaml")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("targetCustomizations: [{name: 1}]", {"name": "1"}),
        ("targetCustomizations: [{clusterName: 007}]", {"clusterName": "7"}),
        ("targetCustomizations: [{clusterGroup: on}]", {"clusterGroup": "true"}),
        (
            "targetCustomizations: [{clusterSelector: {matchLabels: {gpu: true, v: 1.5}}}]",
            {"clusterSelector": {"matchLabels": {"gpu": "true", "v": "1.5"}}},
        ),
        (
            "TargetCustomizations: [{ClusterGroupSelector: {matchExpressions: [{key: 1, operator: In, values: [1, no]}]}}]",
            {"clusterGroupSelector": {"matchExpressions": [{"key": "1", "operator": "In", "values": ["1", "false"]}]}},
        ),
        ("targetCustomizations: [{namespaceLabels: {a: 1}}]", {"namespaceLabels": {"a": "1"}}),
        ("overrideTargets: [{clusterGroup: 5}]", {"clusterGroup": "5"}),
    ],
)
def test_targets_take_numbers_and_booleans_for_text(text: str, expected: dict[str, Any]) -> None:
    [[target]] = _written(text).values()
    assert target == expected


def test_values_of_targets_stay_what_they_are() -> None:
    assert _written("targetCustomizations: [{name: a, helm: {values: {name: 1, b: true}}}]") == {
        "targetCustomizations": [{"name": "a", "helm": {"values": {"name": 1, "b": True}}}]
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("namespace: a\nhelm: {values: {anything: 1}}", []),
        ("targetNamespace: a", ["targetNamespace is no known field and was ignored, namespace is one"]),
        ("defaultNamespce: a", ["defaultNamespce is no known field and was ignored, defaultNamespace is one"]),
        ("helm: {relaseName: a}", ["helm.relaseName is no known field and was ignored, releaseName is one"]),
        (
            "targetCustomizations: [{}, {clusterSelector: {matchLabel: {}}}]",
            ["targetCustomizations[1].clusterSelector.matchLabel is no known field and was ignored, matchLabels is one"],
        ),
        ("overrideTargets: [{clusterGrup: a}]", ["overrideTargets[0].clusterGrup is no known field and was ignored, clusterGroup is one"]),
        (
            "diff: {comparePatches: [{jsonPointer: []}]}",
            ["diff.comparePatches[0].jsonPointer is no known field and was ignored, jsonPointers is one"],
        ),
        ("xyzzy: 1\nplugh: 2", ["xyzzy is no known field and was ignored", "plugh is no known field and was ignored"]),
        ("annotations: {a: b}\nfinalizers: [x]\ngeneration: 1", []),
        ("imageScans: [{name: unused, image: i, tagName: t}]", []),
        ("NAMESPACE: a", []),
        ("off: 1", ["false is no known field and was ignored"]),
    ],
)
def test_a_field_nobody_knows_is_told_and_changes_nothing(text: str, expected: list[str]) -> None:
    assert _warnings(text) == expected


def test_warnings_come_with_the_bundles_and_name_the_file() -> None:
    found = apply({"a/fleet.yaml": "nmespace: x", "a/x.yaml": CM, "a/b/fleet.yml": "nmespace: x", "a/b/x.yaml": CM})
    assert [warning.partition(":")[0] for warning in found.warnings] == ["a/fleet.yaml", "a/b/fleet.yml"]
    assert [bundle.spec.namespace for bundle in found.bundles] == ["", ""]


def test_warnings_are_told_though_there_is_nothing_to_deploy() -> None:
    assert len(apply({"a/fleet.yaml": "nmespace: x"}).warnings) == 1


@pytest.mark.parametrize("interval", ["0", "5m", "1h30m", "1.5h", ".5s", "-5m", "+1m", "10us", "10\u00b5s", ""])
def test_intervals_are_durations_of_go(interval: str) -> None:
    assert _options(f"imageScans: [{{image: i, tagName: t, interval: '{interval}'}}]").image_scans[0].interval == interval


def test_a_time_of_the_metadata_is_one() -> None:
    assert with_fleet_yaml("creationTimestamp: 2026-01-31T12:00:00Z\ndeletionTimestamp: ~").metadata.creation_timestamp is None


def test_metadata_at_the_top_reaches_the_bundle() -> None:
    meta = with_fleet_yaml("annotations: {a: b}\nlabels: {c: d}\nfinalizers: [e/f]\ngeneration: 7\nuid: x").metadata
    assert (meta.annotations, meta.labels, meta.finalizers, meta.generation, meta.uid) == ({"a": "b"}, {"c": "d"}, ("e/f",), 0, "")


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("{}", "dependsOn[1]: must specify either 'name' or 'selector'"),
        ("{acceptedStates: [Ready]}", "dependsOn[1]: must specify either 'name' or 'selector'"),
        ("{name: b, acceptedStates: [Ready, ready]}", "invalid state 'ready' in acceptedStates, must be one of: Ready, NotReady, Pending"),
    ],
)
def test_a_dependency_that_means_nothing_is_refused_and_numbered(entry: str, words: str) -> None:
    message = refusal({"a/fleet.yaml": f"dependsOn: [{{name: a}}, {entry}]", "a/x.yaml": CM})
    assert words in message
    assert "a/fleet.yaml" in message


def test_a_dependency_needs_a_name_or_a_selector_and_an_empty_selector_is_one() -> None:
    found = _options("dependsOn: [{name: a, acceptedStates: [Modified, ErrApplied]}, {selector: {}}]").depends_on
    assert [(ref.name, ref.selector is not None, ref.accepted_states) for ref in found] == [
        ("a", False, ("Modified", "ErrApplied")),
        ("", True, ()),
    ]


@pytest.mark.parametrize("text", ["- a", "text", "5", "[", "a: b: c", "\tx: 1"])
def test_what_is_no_map_is_refused_with_the_file(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        _options(text)
    assert caught.value.where == "fleet.yaml"
