"""Helm values on their way into a Bundle, and out of it into a Secret (fleet-semantics.md 2.5, 2.8)."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extension.bundles import extract_values, with_values
from extension.objects.codec import canonical, decode
from extension.objects.errors import Conflict
from extension.objects.kinds import Bundle, BundleSpec
from tests.unit.bundles.apply import CHART, CM, Shelf, only, refusal, resources

FILES = {
    "a/c/Chart.yaml": CHART,
    "a/one.yaml": "m: {a: 1, l: [1, 2]}\nb: 1",
    "a/two.yaml": "m: {b: 2, l: [3], a: ~}\nb: {c: 1}",
    "a/empty.yaml": "# nothing",
    "shared.yaml": "s: 1",
}


def _bundle(options: str, **more: Any) -> Bundle:
    return only({**FILES, "a/fleet.yaml": options}, **more)


def _values(options: str, **more: Any) -> Any:
    helm = _bundle(options, **more).spec.helm
    return helm.values if helm else None


@pytest.mark.parametrize(
    ("helm", "expected"),
    [
        pytest.param("chart: c, values: {b: 0}", {"b": 0}, id="inline"),
        pytest.param("chart: c, valuesFiles: [one.yaml]", {"m": {"a": 1, "l": [1, 2]}, "b": 1}, id="a file"),
        pytest.param(
            "chart: c, values: {b: 0, x: 1, m: {x: 1}}, valuesFiles: [one.yaml]",
            {**{"x": 1, "b": 1}, "m": {"x": 1, "a": 1, "l": [1, 2]}},
            id="a file beats what is inline",
        ),
        pytest.param(
            "chart: c, valuesFiles: [one.yaml, two.yaml]",
            {"m": {"a": None, "b": 2, "l": [3]}, "b": {"c": 1}},
            id="later files win, null is a value, lists are replaced",
        ),
        pytest.param("chart: c, valuesFiles: [two.yaml, one.yaml]", {"m": {"a": 1, "b": 2, "l": [1, 2]}, "b": 1}, id="in their order"),
        pytest.param("chart: c, valuesFiles: [empty.yaml]", None, id="an empty file"),
        pytest.param("chart: c, values: {}, valuesFiles: [empty.yaml]", {}, id="an empty file over an empty map"),
        pytest.param(
            "chart: c, valuesFiles: [./c/../one.yaml, ../shared.yaml]",
            {"m": {"a": 1, "l": [1, 2]}, "b": 1, "s": 1},
            id="paths are relative to the folder, above it too",
        ),
        pytest.param("chart: c, valuesFiles: [/one.yaml]", {"m": {"a": 1, "l": [1, 2]}, "b": 1}, id="even with a slash first"),
        pytest.param(
            "chart: c, values: {k: 9007199254740993, l: [{m: 18446744073709551615}]}",
            {"k": 9007199254740992, "l": [{"m": 18446744073709552000}]},
            id="numbers are as exact as Go's floats",
        ),
        pytest.param("values: {k: -9007199254740993}", {"k": -9007199254740992}, id="without a chart as well"),
        pytest.param("valuesFiles: [one.yaml], values: {b: 0}", {"b": 0}, id="never without a chart"),
        pytest.param("valuesFiles: [none.yaml]", None, id="which then need not even be there"),
    ],
)
def test_values_of_the_root(helm: str, expected: Any) -> None:
    assert _values(f"helm: {{{helm}}}") == expected


def test_a_repository_without_a_chart_takes_values_files_too() -> None:
    shelf = Shelf({" oci://r/c ": {"c/Chart.yaml": b""}})
    assert _values("helm: {repo: 'oci://r/c', valuesFiles: [one.yaml]}", charts=shelf) == {"m": {"a": 1, "l": [1, 2]}, "b": 1}


def test_a_target_takes_its_values_files_even_without_a_chart() -> None:
    spec = _bundle("targets: [{helm: {values: {b: 0, x: 1}, valuesFiles: [one.yaml]}}, {helm: {valuesFiles: [two.yaml]}}]").spec
    assert [target.helm.values for target in spec.targets if target.helm] == [
        {"b": 1, "x": 1, "m": {"a": 1, "l": [1, 2]}},
        {"m": {"a": None, "b": 2, "l": [3]}, "b": {"c": 1}},
    ]


@pytest.mark.parametrize(
    ("options", "gone"),
    [
        pytest.param("helm: {chart: c, valuesFiles: [one.yaml]}", {"one.yaml"}, id="as it is named"),
        pytest.param("helm: {valuesFiles: [one.yaml]}", {"one.yaml"}, id="also one that is not merged"),
        pytest.param(
            "targets: [{helm: {valuesFiles: [one.yaml, c/v.yaml]}}]", {"one.yaml", "c/v.yaml", "v.yaml"}, id="of targets, and by base name"
        ),
        pytest.param("helm: {chart: c, valuesFiles: [c/v.yaml]}", {"c/v.yaml", "v.yaml"}, id="in a folder: beside fleet.yaml too"),
        pytest.param("helm: {chart: c, valuesFiles: [./one.yaml]}", {"one.yaml"}, id="with a dot: by base name"),
        pytest.param("helm: {chart: c, valuesFiles: [./c/v.yaml]}", {"v.yaml"}, id="with a dot in a folder: only beside fleet.yaml"),
        pytest.param("helm: {chart: c, valuesFiles: [../a/two.yaml]}", {"two.yaml"}, id="from above: by base name"),
    ],
)
def test_values_files_are_no_resources(options: str, gone: set[str]) -> None:
    tree = {**FILES, "a/c/v.yaml": "v: 1", "a/v.yaml": "v: 2", "a/c/one.yaml": CM, "a/fleet.yaml": options}
    every = {name.removeprefix("a/") for name in tree if name.startswith("a/")} - {"fleet.yaml"}
    assert every - set(resources(only(tree))) == gone


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("none.yaml", "a/none.yaml: reading values file: there is no such file"),
        ("c", "there is no such file"),
        ("list.yaml", "expected a map of values"),
        ("broken.yaml", "a/broken.yaml: yaml: line 2"),
        ("../../x.yaml", "outside the repository"),
    ],
)
def test_a_values_file_that_is_none_is_refused_and_named(file: str, words: str) -> None:
    tree = {**FILES, "a/list.yaml": "- a", "a/broken.yaml": "a: [", "a/fleet.yaml": f"helm: {{chart: c, valuesFiles: [{file}]}}"}
    assert words in refusal(tree)


def _spec(text: dict[str, Any]) -> Bundle:
    return Bundle(spec=decode(BundleSpec, text))


def test_a_stored_bundle_has_no_values_and_its_secret_has_them_by_target() -> None:
    helm = {"chart": "c", "valuesFiles": ["v.yaml"], "values": {"b": 2, "a": "<&>"}}
    bundle = _spec({"helm": helm, "targets": [{"name": "t", "helm": {"values": {"x": 1e21}}}, {"name": "u", "helm": {}}, {"name": "v"}]})
    stored, secret = extract_values(bundle)
    assert secret is not None
    assert secret.data == {"values.yaml": b'{"a":"\\u003c\\u0026\\u003e","b":2}', "t": b'{"x":1e+21}'}
    assert secret.type == "fleet.cattle.io/bundle-values/v1alpha1"
    assert stored.spec.values_hash == hashlib.sha256(canonical(secret.data)).hexdigest()
    assert json.loads(canonical(stored.spec))["helm"] == {"chart": "c"}
    assert [target.helm.values if target.helm else None for target in stored.spec.targets] == [None, None, None]


def test_a_bundle_without_values_has_no_secret_and_no_hash() -> None:
    stored, secret = extract_values(_spec({"helm": {"chart": "c", "values": {}}, "targets": [{"name": "t"}]}))
    assert (secret, stored.spec.values_hash) == (None, "")


def test_values_of_another_secret_are_not_taken() -> None:
    stored, secret = extract_values(_spec({"helm": {"values": {"a": 1}}}))
    assert secret is not None
    for other in (None, msgspec.structs.replace(secret, data={"values.yaml": b'{"a":2}'})):
        with pytest.raises(Conflict, match="are being replaced"):
            with_values(stored, other)


VALUES = st.dictionaries(
    st.sampled_from("abc"), st.recursive(st.none() | st.integers(-9, 9) | st.text(), st.lists, max_leaves=3), min_size=1
)


@given(st.none() | VALUES, st.lists(st.none() | VALUES, max_size=3))
def test_what_was_taken_out_comes_back(root: Any, targets: list[Any]) -> None:
    named = [{"name": f"t{n}", "helm": {"values": values}} if values else {"name": f"t{n}"} for n, values in enumerate(targets)]
    bundle = _spec({"targets": named, **({"helm": {"values": root}} if root else {})})
    stored, secret = extract_values(bundle)
    back = with_values(stored, secret)
    assert msgspec.structs.replace(back, spec=msgspec.structs.replace(back.spec, values_hash="")) == bundle
