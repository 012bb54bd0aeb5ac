"""Which inputs a template reads: never one too few."""

from __future__ import annotations

import pytest

from extension.targeting.reads import EVERYTHING, Reads, prefix_reads, template_reads


def _labels(*keys: str) -> Reads:
    return Reads(labels=frozenset(keys))


def _values(*keys: str) -> Reads:
    return Reads(template_values=frozenset(keys))


NOTHING = Reads()
ALL_LABELS = Reads(labels=None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain .ClusterLabels.region }", NOTHING),
        ("${ .ClusterLabels.region }", _labels("region")),
        ("${ $.ClusterLabels.region }", _labels("region")),
        ("${- .ClusterLabels.region -}", _labels("region")),
        ("${.ClusterLabels.a}${.ClusterLabels.b}", _labels("a", "b")),
        ('${ index .ClusterLabels "team.example.com/owner" }', _labels("team.example.com/owner")),
        ("${ index .ClusterLabels `x` }", _labels("x")),
        ('${ get .ClusterLabels "x" | default "none" }', _labels("x")),
        ('${ if hasKey .ClusterLabels "x" }y${ end }', _labels("x")),
        ('${ "x" | get .ClusterLabels }', ALL_LABELS),
        ("${ index .ClusterLabels $key }", ALL_LABELS),
        ('${ index .ClusterLabels "a\\x41" }', ALL_LABELS),
        ('${ dig "tier" "dug" .ClusterLabels }', ALL_LABELS),
        ("${ .ClusterLabels | toJson }", ALL_LABELS),
        ("${ range $k, $v := .ClusterLabels }${ $k }=${ $v }${ end }", ALL_LABELS),
        ("${ .ClusterName }", Reads(name=True)),
        ("${ .ClusterNamespace }", Reads(namespace=True)),
        ("${ .ClusterAnnotations.note }", Reads(annotations=frozenset(["note"]))),
        ("${ .ClusterValues.nested.deep.v }", _values("nested")),
        ('${ index .ClusterValues "a" "b" }', _values("a")),
        ("${ range .ClusterValues.ports }${ . }${ end }", _values("ports")),
        ("${ with .ClusterValues.x }${ .y }${ else }${ . }${ end }", EVERYTHING),
        ("${ range .ClusterValues.x }${ end }${ . }", EVERYTHING),
        ("${ if .ClusterValues.x }${ . }${ end }", EVERYTHING),
        ("${ . | toJson }", EVERYTHING),
        ("${ $ }", EVERYTHING),
        ("${ $x := 1 }${ $x }", NOTHING),
        ("${ range $i := until 3 }${ $i }${ end }", NOTHING),
        ('${ ".ClusterName }" }', NOTHING),
        ("${ /* .ClusterName } */ }", NOTHING),
        ("${ `}` }${ .ClusterName }", Reads(name=True)),
        ("${ '}' }${ .ClusterName }", Reads(name=True)),
        ("${ uuidv4 }", Reads(name=True, namespace=True)),
        ("${ randAlphaNum 5 }", Reads(name=True, namespace=True)),
        ("${ .ClusterLabels.region", _labels("region")),
    ],
)
def test_a_template_reads(text: str, expected: Reads) -> None:
    assert template_reads(text) == expected


def test_label_texts_are_found_anywhere_in_values() -> None:
    prefix = "global.fleet.clusterLabels."
    values = {"a": f"{prefix}x", "l": [{"b": f"{prefix}y/z"}, [f"{prefix}in-a-list"]], "no": f" {prefix}q"}
    assert prefix_reads(values) == _labels("x", "y/z", "in-a-list")


def test_two_reads_together_read_both() -> None:
    assert (_labels("a") | _labels("b") | Reads(name=True)) == Reads(labels=frozenset("ab"), name=True)
    assert (_labels("a") | ALL_LABELS) == ALL_LABELS
