"""`${ }` templates and label texts in helm values, quirks included, by Go's own engine (fleet-semantics.md 2.7)."""

from __future__ import annotations

from typing import Any

import pytest

from extension.objects.codec import decode
from extension.objects.errors import Invalid
from extension.objects.kinds import Cluster
from extension.objects.options import BundleDeploymentOptions
from extension.rendering.gotemplate import GoTemplates
from extension.rendering.helm import NativeHelm
from extension.targeting import MemoryUniverse, plan
from tests.unit.targeting.restated import as_json
from tests.unit.targeting.worlds import bundle

TEMPLATES = GoTemplates(NativeHelm().evaluate)
LABELS = {"env": "dev", "num": "007", "empty": "", "yes": "on"}
ANNOTATIONS = {"note": "{a: 1}", "kubectl.kubernetes.io/last": "x", "x.cattle.io/y": "x", "fleet.cattle.io/z": "x"}
PREFIX = "global.fleet.clusterLabels."


def _cluster(labels: dict[str, str] | None = None) -> Cluster:
    labels = LABELS if labels is None else labels
    meta = {"name": "c1", "namespace": "ws", "labels": labels, "annotations": ANNOTATIONS}
    values = {"size": 3, "list": [1, {"a": "b"}], "nested": {"deep": {"x": "y"}}, "nothing": None}
    return decode(Cluster, {"metadata": meta, "spec": {"templateValues": values}, "status": {"namespace": "n"}})


def _options(helm: Any, labels: dict[str, str] | None = None) -> dict[str, Any]:
    """The options the cluster gets. Raises Invalid with the plan's error."""
    spec = {"targets": [{"clusterSelector": {}}], **({"helm": helm} if helm is not None else {})}
    planned = plan(bundle(spec), MemoryUniverse([_cluster(labels)]), TEMPLATES, manifest_id="s-1")
    if planned.errors:
        raise Invalid(planned.errors[0].message)
    return as_json(planned.assignments[0].variant.options)


def _values(values: Any, **helm: Any) -> Any:
    return _options({"values": values, **helm})["helm"]["values"]


@pytest.mark.parametrize(
    ("labels", "templated"),
    [
        pytest.param({"a": "b"}, True, id="a label of its own"),
        pytest.param({}, False, id="no label"),
        pytest.param({"x.cattle.io/y": "1", "kubectl.kubernetes.io/z": "1"}, False, id="only labels that are hidden"),
        pytest.param({"fleet.cattle.io/x": "1"}, True, id="one of Fleet"),
        pytest.param({"management.cattle.io/x": "1"}, True, id="one of Rancher's management"),
        pytest.param({"management.cattle.io.example.com/x": "1"}, True, id="one that looks alike"),
    ],
)
def test_only_a_cluster_with_a_visible_label_is_templated(labels: dict[str, str], templated: bool) -> None:
    helm = {"values": {"n": "${ .ClusterName }", "l": f"{PREFIX}none"}}
    expected = {"n": "c1", "l": ""} if templated else {"n": "${ .ClusterName }", "l": f"{PREFIX}none"}
    assert _options(helm, labels)["helm"]["values"] == expected


@pytest.mark.parametrize(
    ("helm", "with_label", "without"),
    [
        pytest.param(None, {}, None, id="a block appears"),
        pytest.param({}, {"values": {}}, {}, id="with values"),
        pytest.param({"chart": "c"}, {"chart": "c", "values": {}}, {"chart": "c"}, id="beside what is there"),
        pytest.param({"values": {}}, {"values": {}}, {"values": {}}, id="as they are"),
    ],
)
def test_a_label_gives_options_a_helm_block(helm: Any, with_label: Any, without: Any) -> None:
    assert (_options(helm).get("helm"), _options(helm, {}).get("helm")) == (with_label, without)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param({"k": f"{PREFIX}env"}, {"k": "dev"}, id="a label"),
        pytest.param({"k": f"{PREFIX}none"}, {"k": ""}, id="a missing one is empty"),
        pytest.param({"k": f"{PREFIX}num"}, {"k": "007"}, id="it stays text"),
        pytest.param({"k": f"a {PREFIX}env"}, {"k": f"a {PREFIX}env"}, id="only at the beginning"),
        pytest.param({"k": f"{PREFIX}env b"}, {"k": ""}, id="the rest is the label's name"),
        pytest.param({"m": {"k": f"{PREFIX}env"}}, {"m": {"k": "dev"}}, id="in maps"),
        pytest.param({"l": [{"k": f"{PREFIX}env"}]}, {"l": [{"k": "dev"}]}, id="in maps of lists"),
        pytest.param({"l": [f"{PREFIX}env"]}, {"l": [f"{PREFIX}env"]}, id="not in lists themselves"),
        pytest.param({"l": [[{"k": f"{PREFIX}env"}]]}, {"l": [[{"k": f"{PREFIX}env"}]]}, id="nor in lists of lists"),
        pytest.param({f"{PREFIX}env": 1}, {f"{PREFIX}env": 1}, id="nor in keys"),
    ],
)
def test_a_label_text_is_replaced_whether_or_not_templates_are(values: Any, expected: Any) -> None:
    assert _values(values) == _values(values, disablePreProcess=True) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("${ .ClusterLabels.env }", "dev", id="label"),
        pytest.param("${ .ClusterLabels.num }", 7, id="text that reads as a number becomes one"),
        pytest.param("'${ .ClusterLabels.num }'", "'007'", id="quotes in the text are text"),
        pytest.param("${ .ClusterLabels.num | quote }", "007", id="quotes around the result are not"),
        pytest.param("${ .ClusterLabels.yes }", True, id="or as a boolean"),
        pytest.param("${ .ClusterLabels.empty }", None, id="nothing is null"),
        pytest.param("x${ .ClusterLabels.empty }", "x", id="beside text it is nothing"),
        pytest.param("${ .ClusterName }.${ .ClusterNamespace }", "c1.ws", id="name and namespace"),
        pytest.param("${ .ClusterAnnotations.note }", {"a": 1}, id="an annotation may bring a map"),
        pytest.param("${ .ClusterValues.size }", 3, id="a number"),
        pytest.param("${ .ClusterValues.list | toJson }", [1, {"a": "b"}], id="a list"),
        pytest.param("${ .ClusterValues.nested.deep.x }", True, id="y is a boolean"),
        pytest.param("${ len .ClusterAnnotations }", 1, id="annotations of Kubernetes and Rancher are hidden, Fleet's too"),
        pytest.param("${ if eq .ClusterLabels.env `dev` }a${ else }b${ end }", "a", id="a condition"),
        pytest.param('${ get .ClusterLabels "none" | default "d" }', "d", id="sprig's get and default"),
        pytest.param("${ .ClusterValues.nothing }", "<no value>", id="a null"),
        pytest.param("{{ .Values.x }} $x ${ 1 }", "{{ .Values.x }} $x 1", id="other braces and dollars stay"),
    ],
)
def test_a_template_in_values(text: str, expected: Any) -> None:
    assert _values({"k": text})["k"] == expected


def test_templates_stand_anywhere_in_values_and_all_are_one_document() -> None:
    values = {"${ .ClusterName }": ["${ .ClusterLabels.env }", {"a": "${ .ClusterValues.size }"}], "b": "plain", "n": None}
    assert _values(values) == {"c1": ["dev", {"a": 3}], "b": "plain", "n": None}


def test_a_variable_of_one_value_is_seen_in_those_that_are_written_behind_it() -> None:
    assert _values({"a1": "${ $x := 5 }", "a2": "${ $x }"}) == {"a1": None, "a2": 5}
    with pytest.raises(Invalid, match="undefined variable"):
        _values({"a2": "${ $x := 5 }", "a1": "${ $x }"})


def test_templates_can_be_turned_off() -> None:
    helm = {"values": {"k": "${ .ClusterName }"}, "templateValues": {"t": "1"}, "disablePreProcess": True}
    assert _options(helm)["helm"]["values"] == {"k": "${ .ClusterName }"}


@pytest.mark.parametrize(
    ("values", "template", "expected"),
    [
        pytest.param({"k": {"a": 1}}, {"k": "b: ${ .ClusterValues.size }"}, {"k": {"b": 3}}, id="replaces a key at the top, not deeply"),
        pytest.param({}, {"k": "[${ .ClusterLabels.env }]"}, {"k": ["dev"]}, id="needs no values"),
        pytest.param(None, {"k": "x"}, {"k": "x"}, id="not even a block of them"),
        pytest.param({"k": 1}, {"k": ""}, {"k": None}, id="nothing is null"),
        pytest.param(
            {"k": 1}, {"l": "${ range $n := until 2 }\nk${ $n }: ${ $n }${ end }"}, {"k": 1, "l": {"k0": 0, "k1": 1}}, id="a loop"
        ),
        pytest.param({"k": f"{PREFIX}env"}, {"l": f"{PREFIX}env"}, {"k": "dev", "l": f"{PREFIX}env"}, id="knows no label texts"),
    ],
)
def test_template_values(values: Any, template: dict[str, str], expected: Any) -> None:
    helm = {"templateValues": template, **({"values": values} if values is not None else {})}
    assert _options(helm)["helm"]["values"] == expected


@pytest.mark.parametrize(
    ("helm", "words"),
    [
        ({"values": {"k": "${ .ClusterLabels.none }"}}, 'map has no entry for key "none"'),
        ({"values": {"k": "${ .Nothing }"}}, 'map has no entry for key "Nothing"'),
        ({"templateValues": {"k": "${ .ClusterLabels.none }"}}, 'map has no entry for key "none"'),
        ({"values": {"k": '${ env "HOME" }'}}, 'function "env" not defined'),
        ({"values": {"k": '${ include "x" . }'}}, 'function "include" not defined'),
        ({"values": {"k": "${ fail `because` }"}}, "because"),
        ({"values": {"k": "a ${ .ClusterName"}}, "template: values:2: unclosed action started at values:1"),
        ({"templateValues": {"k": "a: ["}}, "failed to interpret rendered template as helm values"),
        ({"values": {"k": "${ `[` }"}}, "failed to interpret rendered template as helm values"),
    ],
)
def test_a_template_that_fails_is_the_clusters_error_with_its_cause(helm: Any, words: str) -> None:
    with pytest.raises(Invalid) as caught:
        _options(helm)
    assert words in str(caught.value)
    assert str(caught.value).startswith(("failed to render helm values template", "failed to interpret"))


def _nested(depth: int, in_lists: bool) -> Any:
    values: Any = {"k": 1}
    for _ in range(depth):
        values = {"a": [values] if in_lists else values}
    return values


@pytest.mark.parametrize("in_lists", [False, True])
def test_values_may_be_nested_fifty_deep(in_lists: bool) -> None:
    assert _values(_nested(50, in_lists)) == _nested(50, in_lists)
    with pytest.raises(Invalid, match="maximum recursion depth of 50 exceeded"):
        _values(_nested(51, in_lists))


def test_nothing_but_helm_values_is_templated() -> None:
    text = "${ .ClusterName }"
    spec: dict[str, Any] = {
        "namespace": text,
        "defaultNamespace": text,
        "serviceAccount": text,
        "helm": {"releaseName": text, "chart": text, "version": text, "valuesFrom": [{"secretKeyRef": {"name": text}}]},
        "kustomize": {"dir": text},
        "yaml": {"overlays": [text]},
    }
    app = bundle({**spec, "targets": [{"clusterSelector": {}}]})
    (assignment,) = plan(app, MemoryUniverse([_cluster()]), TEMPLATES, manifest_id="s-1").assignments
    expected = decode(BundleDeploymentOptions, {**spec, "helm": {**spec["helm"], "values": {}}})
    assert assignment.variant.options == expected
