"""The YAML that templates are evaluated over is what go-yaml v2 writes. The texts were compared with its output."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extension.objects import yaml
from extension.objects.codec import canonical
from extension.targeting import goyaml
from extension.targeting.goyaml import text_of

LONG = '${ if hasKey .ClusterLabels "tier" }has-${ .ClusterLabels.tier }${ else }has-not-one ${ end }'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("${ .ClusterValues.num }", "k: ${ .ClusterValues.num }\n"),
        ('"${ .ClusterValues.num }"', "k: '\"${ .ClusterValues.num }\"'\n"),
        ('${ index .ClusterLabels "a: b" }', "k: '${ index .ClusterLabels \"a: b\" }'\n"),
        ("first ${ .A }\nsecond\n", "k: |\n  first ${ .A }\n  second\n"),
        ("no end", "k: no end\n"),
        ("a\nb", "k: |-\n  a\n  b\n"),
        ("a\n\n", "k: |+\n  a\n\n"),
        ("tab\there\n", 'k: "tab\\there\\n"\n'),
        ("", 'k: ""\n'),
        ("no", 'k: "no"\n'),
        ("~", 'k: "~"\n'),
        ("0777", 'k: "0777"\n'),
        ("12:30", 'k: "12:30"\n'),
        ("2020-01-01", 'k: "2020-01-01"\n'),
        (".inf", 'k: ".inf"\n'),
        ("- x", "k: '- x'\n"),
        (None, "k: null\n"),
        (True, "k: true\n"),
        (1.5, "k: 1.5\n"),
        (123456789.5, "k: 1.234567895e+08\n"),
        (0.00001, "k: 1e-05\n"),
        (12345678901, "k: 12345678901\n"),
        (1e20, "k: 1e+20\n"),
        (-0.0, "k: 0\n"),
        ([], "k: []\n"),
        ({}, "k: {}\n"),
        (["a", {"b": 1}], "k:\n- a\n- b: 1\n"),
        (LONG, 'k: ${ if hasKey .ClusterLabels "tier" }has-${ .ClusterLabels.tier }${ else }has-not-one\n  ${ end }\n'),
        ("🚀", 'k: "\\U0001F680"\n'),
    ],
)
def test_a_value_is_written_as_go_writes_it(value: Any, text: str) -> None:
    assert text_of({"k": value}) == text


def test_keys_stand_in_gos_natural_order() -> None:
    keys = ["z", "a10", "a2", "a", "B", "a-b", "1", "10", "2", "_x", "key"]
    assert [line.split(":")[0].strip('"') for line in text_of(dict.fromkeys(keys, 1)).splitlines()] == [
        "_x",
        "1",
        "2",
        "10",
        "B",
        "a",
        "a-b",
        "a2",
        "a10",
        "key",
        "z",
    ]


def test_numbers_in_keys_may_be_of_any_length() -> None:
    keys = ["a" + "9" * 5000, "a" + "1" * 5000, "a10", "a1", "a01", "a100"]
    assert sorted(keys, key=goyaml.KEY_ORDER) == ["a1", "a01", "a10", "a100", "a" + "1" * 5000, "a" + "9" * 5000]


NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False).map(lambda number: number + 0.0)
SCALARS = st.none() | st.booleans() | NUMBERS | st.text()
TREES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=12)


@given(st.dictionaries(st.text(), TREES, max_size=4))
def test_what_is_written_reads_as_what_it_was(values: dict[str, Any]) -> None:
    """As JSON in Go's form, where a large number is the same whether it was read as an integer or not."""
    assert canonical(yaml.load(text_of(values))) == canonical(values)
