"""What is dumped reads back as the same data, by our reader and by others'."""

from __future__ import annotations

from typing import Any

import pytest
import yaml as pyyaml
from hypothesis import example, given
from hypothesis import strategies as st

from extension.objects import yaml
from extension.objects.yaml_dump import dump, dump_all

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=40)
AWKWARD = st.sampled_from(
    [
        *["y", "No", "on", "~", "", "null", "1e3", "0o14", "0644", "12:30:45", "2020-01-01", "=", "<<", "- a", "a: b", "a #b", " x", "x "],
        *["'", '"', "{{ x }}", "a\nb", "a\n", "a\n\n", "\na", " a\nb", "a \nb", "tab\there\nb", "#", "&a", "*a", "!t", "%x", "@x", "`x"],
        *["a:b", "a:", ":", "-", "?", "|", ">", "[", "]", "\x85", "\u2028", "\x07", "\ufeff", "a\r\nb", ".inf", "0x1f", "1_000", "+1"],
        *["é", "🚀", "\x7f🚀", "a\n b\n  c", "a\n \nb"],
    ]
)
SCALARS = st.one_of(TEXT, AWKWARD, st.booleans(), st.none(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False))
DATA: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.one_of(TEXT, AWKWARD), inner, max_size=4)),
    max_leaves=20,
)


def same(left: Any, right: Any) -> bool:
    if isinstance(left, dict):
        return isinstance(right, dict) and left.keys() == right.keys() and all(same(left[k], right[k]) for k in left)
    if isinstance(left, list):
        return isinstance(right, list) and len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))
    if isinstance(left, bool) or isinstance(right, bool) or not isinstance(left, int | float):
        return type(left) is type(right) and left == right
    return isinstance(right, int | float) and float(left) == float(right)  # as Go writes and reads numbers


@given(DATA)
def test_dumped_data_reads_back_as_the_same(data: Any) -> None:
    assert same(yaml.load(dump(data)), data), dump(data)


@given(st.one_of(TEXT, AWKWARD))
def test_text_is_text_to_a_reader_of_another_make(text: str) -> None:
    assert pyyaml.safe_load(dump({"a": text, "b": [text]})) == {"a": text, "b": [text]}, dump({"a": text})


@given(st.floats(allow_nan=False, allow_infinity=False))
@example(1e21)
@example(1e-07)
@example(1.5e300)
def test_a_number_is_a_number_to_a_reader_of_another_make(number: float) -> None:
    """One that keeps to YAML 1.1 wants a point before an exponent."""
    found = pyyaml.safe_load(dump({"a": number}))["a"]
    assert isinstance(found, int | float)
    assert float(found) == number


@pytest.mark.parametrize("key", ["...", "... a", "...a", "---", "--- a"])
def test_a_key_at_the_start_of_a_line_ends_no_document(key: str) -> None:
    text = dump_all([{"a": 1}, {key: {"b": 1}}])
    assert list(yaml.load_all(text)) == list(pyyaml.safe_load_all(text)) == [{"a": 1}, {key: {"b": 1}}]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"a": {"b": [1, {"c": "x", "d": []}]}}, "a:\n  b:\n  - 1\n  - c: x\n    d: []\n"),
        ({"t": "one\ntwo\n"}, "t: |\n  one\n  two\n"),
        ({"t": {"u": "one\ntwo"}}, "t:\n  u: |-\n    one\n    two\n"),
        ([["a"], "on"], '- - a\n- "on"\n'),
        ({}, "{}\n"),
        ("x", "x\n"),
    ],
    ids=["nested", "literal", "nested literal", "lists", "empty", "scalar"],
)
def test_the_form_is_what_people_write(data: Any, text: str) -> None:
    assert dump(data) == text


def test_documents_are_separated() -> None:
    assert list(yaml.load_all(dump_all([{"a": 1}, {"b": 2}]))) == [{"a": 1}, {"b": 2}]
