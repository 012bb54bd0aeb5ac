"""Where a helm value comes from when several places give it, from the repository to the template (fleet-semantics.md 2.8)."""

from __future__ import annotations

from typing import Any

import pytest

from extension.bundles import Scan, read
from extension.objects.codec import decode
from extension.objects.kinds import BundleTarget, Cluster, GitTarget
from extension.rendering import render
from extension.rendering.gotemplate import GoTemplates
from extension.rendering.helm import NativeHelm
from extension.rendering.kustomize import Kubectl
from extension.targeting import MemoryUniverse, plan
from tests.fakes.tree import DictTree
from tests.unit.bundles.apply import Shelf

HELM = NativeHelm()
KUBECTL = Kubectl()
LAYERS = ("chart", "root", "first", "second", "custom", "customfile", "template", "configmap", "secret")
"""From the lowest to the highest."""


def _from(layer: str) -> str:
    """What a layer says: a value under its own name and that of every higher layer, flat and in a map."""
    higher = LAYERS[LAYERS.index(layer) :]
    flat = "".join(f"{name}: {layer}\n" for name in higher)
    return flat + "map:\n" + "".join(f"  {name}: {layer}\n" for name in higher) + f"list: [{layer}]\n"


def _indented(text: str, by: int) -> str:
    return "".join(f"{' ' * by}{line}\n" for line in text.splitlines())


FLEET_YAML = f"""
helm:
  chart: .
  valuesFiles: [first.yaml, second.yaml]
  values:
{_indented(_from("root"), 4)}
  templateValues:
    template: template
targetCustomizations:
- name: all
  clusterSelector: {{}}
  helm:
    valuesFiles: [customfile.yaml]
    values:
{_indented(_from("custom"), 6)}
"""
TREE = {
    "Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n",
    "values.yaml": _from("chart"),
    "first.yaml": _from("first"),
    "second.yaml": _from("second"),
    "customfile.yaml": _from("customfile"),
    "fleet.yaml": FLEET_YAML,
    "templates/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {{ .Values | toJson }}\n",
}
ALL = GitTarget(name="default", cluster_selector=decode(BundleTarget, {"clusterSelector": {}}).cluster_selector)


def _values(tree: dict[str, str], *sources: str) -> dict[str, Any]:
    """What the templates of the chart see, with these texts of ConfigMaps and Secrets on top."""
    from extension.rendering.values import from_source

    scan = Scan(name="demo", targets=(BundleTarget(name="default", cluster_selector=ALL.cluster_selector),), target_restrictions=(ALL,))
    [bundle] = read(DictTree(tree), scan, Shelf()).bundles
    cluster = decode(Cluster, {"metadata": {"name": "c", "namespace": "", "labels": {"env": "dev"}}, "status": {"namespace": "n"}})
    planned = plan(bundle, MemoryUniverse([cluster]), GoTemplates(HELM.evaluate), manifest_id="s-1")
    read_values = tuple(from_source({"values.yaml": text}, "values.yaml", "ConfigMap") for text in sources)
    given = render.Input("demo", planned.assignments[0].variant.options, bundle.spec.resources, values_from=read_values)
    [made] = render.render(given, HELM, KUBECTL).objects
    found: dict[str, Any] = made["data"]
    return found


@pytest.fixture(scope="module")
def layered() -> dict[str, Any]:
    return _values(TREE, _from("configmap"), _from("secret"))


@pytest.mark.parametrize("layer", LAYERS)
def test_a_value_is_that_of_the_highest_layer_that_gives_it(layered: dict[str, Any], layer: str) -> None:
    assert layered[layer] == layer


@pytest.mark.parametrize("layer", [layer for layer in LAYERS if layer != "template"])
def test_so_is_a_value_within_a_map(layered: dict[str, Any], layer: str) -> None:
    assert layered["map"][layer] == layer


def test_a_list_is_that_of_the_highest_layer_alone(layered: dict[str, Any]) -> None:
    assert layered["list"] == ["secret"]


def _with(options: str, **files: str) -> dict[str, str]:
    return {**TREE, "values.yaml": "{a: 1, m: {b: 1, c: 1}}", "fleet.yaml": options, **files}


@pytest.mark.parametrize(
    ("options", "sources", "expected"),
    [
        pytest.param("helm: {values: {a: ~, m: {b: ~}}}", (), {"m": {"c": 1}}, id="a null takes away what the chart gives"),
        pytest.param("helm: {values: {m: 5}}", (), {"a": 1, "m": 5}, id="a scalar takes the place of a map"),
        pytest.param("helm: {values: {a: {x: 1}}}", (), {"a": {"x": 1}, "m": {"b": 1, "c": 1}}, id="and a map that of a scalar"),
        pytest.param("helm: {values: {m: {b: 2}}}", ("m: {b: ~}",), {"a": 1, "m": {"c": 1}}, id="a null of a source counts too"),
        pytest.param("helm: {templateValues: {m: 'd: 1'}}", (), {"a": 1, "m": {"b": 1, "c": 1, "d": 1}}, id="templates lie over the chart"),
        pytest.param(
            "helm: {values: {m: {b: 2}}, templateValues: {m: 'd: 1'}}",
            ("m: {e: 1}",),
            {"a": 1, "m": {"b": 1, "c": 1, "d": 1, "e": 1}},
            id="a template takes the place of the values beside it, sources are merged in",
        ),
        pytest.param(
            "helm: {values: {a: '${ .ClusterLabels.env }'}}",
            ("a: '${ .X }'",),
            {"a": "${ .X }", "m": {"b": 1, "c": 1}},
            id="sources are no templates",
        ),
        pytest.param("{}", ("", "a: 2"), {"a": 2, "m": {"b": 1, "c": 1}}, id="an empty source gives nothing"),
    ],
)
def test_values_meet(options: str, sources: tuple[str, ...], expected: dict[str, Any]) -> None:
    assert _values(_with(options), *sources) == expected
