"""Overlays file by file, and the style they are for (fleet-semantics.md 2.6, 2.9)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extension.objects import yaml
from extension.objects.errors import Invalid
from extension.objects.options import BundleDeploymentOptions, HelmOptions, KustomizeOptions
from extension.rendering import style
from extension.rendering.kustomize import Kubectl
from extension.rendering.overlays import lay

KUBECTL = Kubectl()
BASE = b"apiVersion: x.io/v1\nkind: X\nspec: {a: 1, l: [1, 2]}\n"


def _laid(files: dict[str, bytes], *overlays: str) -> dict[str, Any]:
    return {name: yaml.load(data) for name, data in lay(files, overlays, KUBECTL.strategic_merge).items()}


@pytest.mark.parametrize(
    ("files", "overlays", "expected"),
    [
        pytest.param({"overlays/o/a": b"1"}, (), {}, id="without overlays the folder is dropped all the same"),
        pytest.param({"a": b"0", "overlays/o/a": b"1"}, ("o",), {"a": 1}, id="a file is replaced"),
        pytest.param({"overlays/o/d/a": b"1"}, ("o",), {"d/a": 1}, id="or added, in folders too"),
        pytest.param({"a": b"0", "overlays/oo/a": b"1"}, ("o",), {"a": 0}, id="a name that begins alike is another"),
        pytest.param({"a": b"0"}, ("none",), {"a": 0}, id="one that is not there changes nothing"),
        pytest.param({"overlays/one/a": b"1", "overlays/two/a": b"2"}, ("two", "one"), {"a": 1}, id="the last one wins"),
        pytest.param({"overlays/one/a": b"1", "overlays/two/a": b"2"}, ("one", "two", "one"), {"a": 1}, id="one may come twice"),
        pytest.param({"overlays/d/e/a": b"1"}, ("d/e",), {"a": 1}, id="a name may be a path"),
        pytest.param({"a": b"0", "overlays/o/overlays/p/a": b"1"}, ("o", "p"), {"a": 1}, id="an overlay may bring another"),
        pytest.param({"a.yaml": BASE, "overlays/o/a_patch.yaml": b"{}"}, ("o",), {"a.yaml": yaml.load(BASE)}, id="an empty patch"),
        pytest.param({"a.yaml": b"k: 1", "overlays/o/a_patch.yaml": b"k: ~"}, ("o",), {"a.yaml": {}}, id="what is no object is merged too"),
        pytest.param({"a.yaml": b"", "overlays/o/a_patch.yaml": b"k: 1"}, ("o",), {"a.yaml": {"k": 1}}, id="an empty file is an empty map"),
        pytest.param({"a.json": b'{"k": 1}', "overlays/o/a_patch.json": b'{"l": 2}'}, ("o",), {"a.json": {"k": 1, "l": 2}}, id="JSON"),
        pytest.param(
            {"a_patch/b.yaml": b"1", "overlays/o/a_patch/b.yaml": b"2"}, ("o",), {"a_patch/b.yaml": 2}, id="a folder's name is none"
        ),
        pytest.param({"a_patch.yaml": b"k: 1"}, ("o",), {"a_patch.yaml": {"k": 1}}, id="nor is a patch outside of an overlay"),
        pytest.param(
            {"a.b_patch.c": b"k: 0", "overlays/o/a_patch.b_patch.c": b"k: 1"}, ("o",), {"a.b_patch.c": {"k": 1}}, id="the first word alone"
        ),
        pytest.param(
            {"overlays/o/a.yaml": b"k: 1", "overlays/o/a_patch.yaml": b"l: 2"},
            ("o",),
            {"a.yaml": {"k": 1, "l": 2}},
            id="a patch of its own file",
        ),
        pytest.param(
            {"a.yaml": b"k: 1\n", "overlays/o/a_patch.yaml": b"[{op: add, path: /l, value: [0]}, {op: add, path: /l/-, value: 1}]"},
            ("o",),
            {"a.yaml": {"k": 1, "l": [0, 1]}},
            id="operations in order",
        ),
        pytest.param(
            {"a.yaml": b"k: 1\n---\nk: 2\n", "overlays/o/a_patch.yaml": b"l: 2"},
            ("o",),
            {"a.yaml": {"k": 1, "l": 2}},
            id="of documents the first",
        ),
    ],
)
def test_an_overlay_is_laid(files: dict[str, bytes], overlays: tuple[str, ...], expected: dict[str, Any]) -> None:
    assert _laid(files, *overlays) == expected


@pytest.mark.parametrize(
    ("kind", "version", "expected"),
    [
        pytest.param("Service", "v1", [{"name": "b", "port": 2}, {"name": "a", "port": 1}], id="Kubernetes' own: by key"),
        pytest.param("Service", "x.io/v1", [{"name": "b", "port": 2}], id="a group of somebody's own: replaced"),
        pytest.param("Other", "v1", [{"name": "b", "port": 2}], id="a kind nobody knows: replaced"),
        pytest.param("", "v1", [{"name": "b", "port": 2}], id="no kind: replaced"),
        pytest.param("CustomResourceDefinition", "apiextensions.k8s.io/v1", [{"name": "b", "port": 2}], id="a CRD: replaced"),
    ],
)
def test_lists_are_merged_by_key_in_kubernetes_own_kinds_only(kind: str, version: str, expected: list[Any]) -> None:
    base = json.dumps({"apiVersion": version, "kind": kind, "spec": {"ports": [{"name": "a", "port": 1}]}}).encode()
    patch = b"spec: {ports: [{name: b, port: 2}]}"
    found = _laid({"s.yaml": base, "overlays/o/s_patch.yaml": patch}, "o")["s.yaml"]["spec"]["ports"]
    assert sorted(found, key=str) == sorted(expected, key=str)


def _patched(base: str, patch: str) -> Any:
    return _laid({"a.yaml": base.encode(), "overlays/o/a_patch.yaml": patch.encode()}, "o")["a.yaml"]


@pytest.mark.parametrize(
    ("base", "patch", "expected"),
    [
        pytest.param("{apiVersion: v1, kind: List, items: [{kind: A}]}", "x: 1", {"items": [{"kind": "A"}], "x": 1}, id="a list is a map"),
        pytest.param("{apiVersion: v1, kind: SecretList, items: []}", "items: [1]", {"items": [1]}, id="a typed one too"),
        pytest.param("{apiVersion: v1, kind: ConfigMap, n: 1}", "~", {"n": 1}, id="of Kubernetes' own kinds null patches nothing"),
        pytest.param(
            "{apiVersion: v1, kind: ConfigMap, n: 9007199254740993}", "m: 9007199254740993", {"n": 2**53, "m": 2**53}, id="floats"
        ),
        pytest.param("{apiVersion: x.io/v1, kind: X, n: 9007199254740993}", "m: 1", {"n": 2**53 + 1, "m": 1}, id="of others no floats"),
        pytest.param("{kind: X, a: on, d: 2020-01-01}", "b: y", {"a": "on", "b": "y", "d": "2020-01-01T00:00:00Z"}, id="YAML 1.2"),
        pytest.param("{kind: X, a: {b: [1, ~]}}", "a: {b: [~, {c: ~}], d: {e: ~}}", {"a": {"b": [None, {}], "d": {}}}, id="nulls"),
    ],
)
def test_a_patch_is_merged(base: str, patch: str, expected: dict[str, Any]) -> None:
    assert {key: value for key, value in _patched(base, patch).items() if key not in ("apiVersion", "kind")} == expected


@pytest.mark.parametrize(
    ("base", "patch", "words"),
    [
        pytest.param("{apiVersion: x.io/v1, kind: X}", "~", "the patch is nothing", id="null for others"),
        pytest.param("- a", "b: 1", "must be objects", id="a list by a map"),
        pytest.param("text", "- {op: add, path: /a, value: 1}", "must be an object or a list", id="text by a list"),
        pytest.param("kind: X", "- {op: replace, path: /a/b, value: 1}", "operation 1: there is no /a/b", id="a path that is not there"),
        pytest.param("a: 1\na: 2", "b: 1", r'line 2: mapping key "a" already defined at line 1', id="a base with two equal keys"),
    ],
)
def test_a_patch_that_can_not_be_merged_is_an_error(base: str, patch: str, words: str) -> None:
    with pytest.raises(Invalid, match=words) as error:
        _patched(base, patch)
    assert error.value.where in ("a.yaml", "overlays/o/a_patch.yaml")


def test_every_patch_of_an_overlay_needs_its_file() -> None:
    with pytest.raises(Invalid, match=r"failed to find base file x\.yaml to patch"):
        _laid({"d/x.yaml": BASE, "overlays/o/x_patch.yaml": b"{}"}, "o")


@pytest.mark.parametrize(
    ("names", "options", "helm", "kustomize"),
    [
        pytest.param(["c/Chart.yaml"], {"helm": HelmOptions(repo="c")}, "c/Chart.yaml", "", id="a repository that is a folder"),
        pytest.param(["c/Chart.yaml"], {"helm": HelmOptions(chart="/c")}, "c/Chart.yaml", "", id="a slash before it"),
        pytest.param(["Chart.yaml"], {"helm": HelmOptions(chart="x/..")}, "Chart.yaml", "", id="cleaned"),
        pytest.param(["Chart.yaml"], {"helm": HelmOptions(chart="c")}, "", "", id="a chart elsewhere leaves this one alone"),
        pytest.param(["Chart.yaml"], {"helm": HelmOptions(values={})}, "Chart.yaml", "", id="a block that names none"),
        pytest.param(["chart.yaml", "Chart.yml"], {}, "", "", id="spelled exactly"),
        pytest.param(["a/kustomization.yaml"], {"kustomize": KustomizeOptions(dir="a/")}, "", "a/kustomization.yaml", id="a folder"),
        pytest.param(["kustomization.yaml"], {"kustomize": KustomizeOptions(dir="a")}, "", "", id="only that folder"),
        pytest.param(["kustomization.yaml"], {"kustomize": KustomizeOptions()}, "", "kustomization.yaml", id="none is the root"),
    ],
)
def test_a_style_is_told_by_the_names_of_files(names: list[str], options: dict[str, Any], helm: str, kustomize: str) -> None:
    found = style.determine(names, BundleDeploymentOptions(**options))
    assert (found.chart_path, found.kustomize_path) == (helm, kustomize)
    assert (found.is_helm, found.is_kustomize, found.is_raw_yaml) == (bool(helm), bool(kustomize), not (helm or kustomize))
