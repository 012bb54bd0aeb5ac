"""The YAML that templates are evaluated over is what go-yaml v2 writes, which Helm's `toYaml` does too."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from extension.objects import yaml
from extension.objects.codec import canonical
from extension.rendering.helm import ChartRequest, NativeHelm
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
        (2**64 - 1, "k: 1.8446744073709552e+19\n"),
        (-(2**63), "k: -9.223372036854776e+18\n"),
        ("1e400", "k: 1e400\n"),
        ("<<", "k: <<\n"),
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
KEYS = st.text().filter(lambda key: key != "<<")  # which Go writes as it is, and reads as a merge
TREES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=12)


@given(st.dictionaries(KEYS, TREES, max_size=4))
def test_what_is_written_reads_as_what_it_was(values: dict[str, Any]) -> None:
    """As JSON in Go's form, where a large number is the same whether it was read as an integer or not."""
    assert canonical(yaml.load(text_of(values))) == canonical(values)


HELM = NativeHelm()
CHART = {
    "Chart.yaml": b"apiVersion: v2\nname: c\nversion: 1.0.0\n",
    "templates/a": b"{{ range .Values.xs }}{{ toYaml . | b64enc }}\n{{ end }}",
}
AWKWARD = st.sampled_from(
    [
        *[
            "yes",
            "No",
            "~",
            "null",
            "0644",
            "1e3",
            "1e400",
            "12:30",
            "2020-01-01",
            "=",
            "<<",
            ".inf",
            "0o14",
            "1_000",
            "0x1F",
            "- x",
            "a: b",
        ],
        *[
            "a #b",
            "#a",
            " x",
            "x ",
            "",
            "a\nb",
            "a\n",
            " a\nb",
            "\n",
            "\na",
            "a\n\n",
            "x" * 100,
            "long " * 30,
            "${ .A.b }",
            '"${ .a }"',
            "'a'",
        ],
        *[
            "%a",
            "@a",
            "`a",
            "!a",
            "&a",
            "*a",
            "?a",
            "? a",
            "-",
            "--",
            "---",
            "...",
            ":",
            "a:",
            "{a}",
            "[a]",
            "a,b",
            "a\tb",
            "\u00e9",
            "y",
            "n",
        ],
    ]
)
PRINTABLE = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Cs", "Nd", "Zl", "Zp"], include_characters="0123456789\n\t"), max_size=8
)
WRITTEN = st.recursive(
    SCALARS.filter(lambda value: not isinstance(value, str)) | AWKWARD | PRINTABLE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(AWKWARD | PRINTABLE, inner, max_size=4),
    max_leaves=10,
)


@given(st.lists(st.dictionaries(AWKWARD | PRINTABLE, WRITTEN, max_size=4), max_size=6))
@example([{"yes": None, "\U00031350": None}])  # a letter that Go knew before Python did
@settings(deadline=None)
def test_any_values_are_written_as_go_writes_them(items: list[dict[str, Any]]) -> None:
    """But for control characters, which Go refuses to write or writes in other escapes."""
    out = HELM.render(ChartRequest(CHART, "rel", values={"xs": items})).templates["c/templates/a"]
    written = [base64.b64decode(line).decode() for line in out.split("\n")[: len(items)]]
    assert [text_of(item).rstrip("\n") for item in items] == [text.rstrip("\n") for text in written]
