"""Each field's own rule when a customization is laid over a bundle's options."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extension.objects.codec import decode
from extension.objects.options import BundleDeploymentOptions
from extension.targeting import merge
from extension.targeting.merging import merge_values


def _merged(base: Any, custom: Any) -> Any:
    made = merge(decode(BundleDeploymentOptions, base), decode(BundleDeploymentOptions, custom))
    return json.loads(msgspec.json.encode(made))


def _helm(**fields: Any) -> dict[str, Any]:
    return {"helm": fields}


REF = {"configMapKeyRef": {"name": "a", "key": "k"}}
OTHER = {"secretKeyRef": {"name": "a", "key": "k"}}
PATCH = {"apiVersion": "v1", "kind": "Service", "name": "s"}


@pytest.mark.parametrize(
    ("base", "custom", "expected"),
    [
        ({"namespace": "a"}, {"namespace": "b"}, {"namespace": "b"}),
        ({"namespace": "a"}, {}, {"namespace": "a"}),
        ({"defaultNamespace": "a"}, {"defaultNamespace": "-"}, {"defaultNamespace": "-"}),
        ({"serviceAccount": "a"}, {"serviceAccount": "b"}, {"serviceAccount": "b"}),
        (_helm(timeoutSeconds=5), _helm(timeoutSeconds=9), _helm(timeoutSeconds=9)),
        (_helm(timeoutSeconds=5), _helm(timeoutSeconds=-1), _helm()),
        (_helm(timeoutSeconds=5), _helm(), _helm(timeoutSeconds=5)),
        (
            _helm(values={"a": {"b": 1, "c": [1]}}),
            _helm(values={"a": {"c": [2], "d": None}}),
            _helm(values={"a": {"b": 1, "c": [2], "d": None}}),
        ),
        ({}, _helm(values={"a": 1}), _helm(values={"a": 1})),
        (_helm(templateValues={"a": "1", "b": "1"}), _helm(templateValues={"b": "2"}), _helm(templateValues={"a": "1", "b": "2"})),
        (_helm(valuesFrom=[REF]), _helm(valuesFrom=[OTHER, REF]), _helm(valuesFrom=[REF, OTHER])),
        (
            _helm(chart="a", repo="r", version="1", releaseName="x"),
            _helm(chart="b"),
            _helm(chart="b", repo="r", version="1", releaseName="x"),
        ),
        (_helm(force=True, atomic=True), _helm(force=False, waitForJobs=True), _helm(force=True, atomic=True, waitForJobs=True)),
        (
            _helm(disablePreProcess=True),
            _helm(takeOwnership=True, disableDNS=True),
            _helm(disablePreProcess=True, takeOwnership=True, disableDNS=True),
        ),
        ({}, _helm(maxHistory=5, skipSchemaValidation=True, disableDependencyUpdate=True, valuesFiles=["v"]), _helm()),
        (_helm(maxHistory=5, valuesFiles=["v"]), _helm(), _helm(maxHistory=5, valuesFiles=["v"])),
        ({"kustomize": {"dir": "a"}}, {"kustomize": {}}, {"kustomize": {"dir": "a"}}),
        ({}, {"kustomize": {"dir": "b"}}, {"kustomize": {"dir": "b"}}),
        ({"yaml": {"overlays": ["a"]}}, {"yaml": {"overlays": ["b"]}}, {"yaml": {"overlays": ["a", "b"]}}),
        ({}, {"diff": {}}, {"diff": {}}),
        (
            {"diff": {"comparePatches": [PATCH, {**PATCH, "name": "t"}]}},
            {"diff": {"comparePatches": [{**PATCH, "jsonPointers": ["/x"]}]}},
            {"diff": {"comparePatches": [{**PATCH, "jsonPointers": ["/x"]}, {**PATCH, "name": "t"}]}},
        ),
        ({"forceSyncGeneration": 3}, {"forceSyncGeneration": 2}, {"forceSyncGeneration": 2}),
        ({"forceSyncGeneration": 3}, {"forceSyncGeneration": -2}, {"forceSyncGeneration": 3}),
        ({"keepResources": True}, {}, {"keepResources": True}),
        ({"correctDrift": {"enabled": True, "force": True}}, {"correctDrift": {"enabled": True}}, {"correctDrift": {"enabled": True}}),
        (
            {"downstreamResources": [{"kind": "Secret", "name": "a"}]},
            {"downstreamResources": [{"kind": "secret", "name": "a"}, {"kind": "ConfigMap", "name": "a"}]},
            {"downstreamResources": [{"kind": "secret", "name": "a"}, {"kind": "ConfigMap", "name": "a"}]},
        ),
        ({}, {"ignore": {"conditions": [{"a": "b"}]}, "deleteNamespace": True, "deleteCRDResources": True, "createNamespace": False}, {}),
        (
            {"namespaceLabels": {"a": "1"}},
            {"namespaceLabels": {"b": "2"}, "namespaceAnnotations": {"b": "2"}},
            {"namespaceLabels": {"a": "1"}},
        ),
    ],
)
def test_a_field_follows_its_rule(base: Any, custom: Any, expected: Any) -> None:
    assert _merged(base, custom) == expected


def test_of_two_equal_keys_in_a_customization_the_first_counts_and_entries_without_a_key_are_kept() -> None:
    first, second = {"secretKeyRef": {"name": "s", "key": "k"}}, {"secretKeyRef": {"name": "s", "key": "k", "namespace": ""}}
    merged = _merged(_helm(valuesFrom=[{}]), _helm(valuesFrom=[first, second, {}]))
    assert merged == _helm(valuesFrom=[{}, first, {}])


TREES = st.recursive(st.integers() | st.none(), lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3), max_leaves=8)
MAPS = st.dictionaries(st.sampled_from("abc"), TREES, max_size=3)


@given(MAPS, MAPS)
def test_merging_values_changes_neither_side_and_the_upper_one_wins(base: dict[str, Any], over: dict[str, Any]) -> None:
    before = json.dumps([base, over])
    merged = merge_values(base, over)
    assert json.dumps([base, over]) == before
    assert merge_values(merged, over) == merged
    assert set(merged) == set(base) | set(over)
    assert all(merged[key] == value for key, value in over.items() if not isinstance(value, dict))
