"""YAML is read as Go reads it; Go's own parser, which Helm brings along, is asked (design.md, "YAML scalars")."""

from __future__ import annotations

import json
from typing import Any

import helm_python
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from extension.objects import yaml
from extension.objects.codec import canonical
from extension.objects.errors import Invalid
from extension.rendering.helm import ChartRequest, NativeHelm

HELM = NativeHelm()
CHART = b"apiVersion: v2\nname: c\nversion: 1.0.0\n"
KINDS = {"bool": bool, "float64": (int, float), "string": str, "invalid": type(None), "map": dict, "slice": list}

WORDS = [
    "y",
    "Y",
    "yes",
    "Yes",
    "YES",
    "yEs",
    "n",
    "N",
    "no",
    "No",
    "NO",
    "on",
    "On",
    "ON",
    "oN",
    "off",
    "Off",
    "OFF",
    "true",
    "True",
    "TRUE",
    "tRue",
    "false",
    "False",
    "FALSE",
    "~",
    "null",
    "Null",
    "NULL",
    "nuLL",
    "0",
    "-0",
    "+0",
    "1",
    "-1",
    "+1",
    "007",
    "0644",
    "08",
    "09",
    "0o14",
    "0o8",
    "-0o17",
    "+0o17",
    "0x1F",
    "-0x1f",
    "0x",
    "0xG",
    "0b101",
    "-0b11",
    "0b2",
    "0b",
    "1_000",
    "1__0",
    "_1",
    "1_",
    "0_7",
    "0x_1",
    "1.0",
    "1.",
    ".5",
    "-.5",
    "+.5",
    ".",
    "..",
    "1.5_0",
    ".0_7",
    ".1__0",
    "._1",
    "1.e5",
    "1e3",
    "1e+3",
    "1E-3",
    "1e",
    "1e+",
    "e1",
    "1e400",
    "-1e400",
    "1e-400",
    ".5e3",
    "1.2.3",
    "1,5",
    "1-1",
    "--1",
    ".inf",
    "-.INF",
    "+.Inf",
    ".iNF",
    ".nan",
    ".NaN",
    "-.nan",
    "inf",
    "nan",
    "Infinity",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "+18446744073709551615",
    "12345678901234567890123",
    "0x8000000000000000",
    "0777777777777777777777",
    "12:30",
    "12:30:45",
    "1:2:3.5",
    "2020-01-01",
    "2020-1-1",
    "2020-01-01T00:00:00Z",
    "2020-01-01_x",
    "=",
    "<<",
    "<<x",
    "=x",
    "/a",
    "./a",
    "a/b",
    "x.y",
    "v1.2.3",
    "1.2.3-rc",
]
SCALARS = st.one_of(
    st.sampled_from(WORDS),
    st.builds(lambda a, b: a + b, st.sampled_from(WORDS), st.text("0123456789.eExo_-+", max_size=3)),
    st.text("0123456789+-._eExXobBinfNaAyYtrue~=<", min_size=1, max_size=7),
)


def _go(text: str) -> Any:
    """What Go reads, or None where it refuses."""
    try:
        return canonical(helm_python.values_from_yaml(text))
    except helm_python.HelmError:
        return None


def _ours(text: str) -> Any:
    try:
        return canonical(yaml.load(text))
    except Invalid:
        return None


@given(SCALARS)
@settings(max_examples=600, deadline=None)
def test_an_unquoted_scalar_means_what_it_means_to_go(scalar: str) -> None:
    text = f"k: {scalar}\nl:\n- {scalar}\nm: [{scalar}]\n"
    assume("?" not in scalar and not scalar.endswith(":"))
    assert _ours(text) == _go(text)


@given(SCALARS)
@settings(max_examples=400, deadline=None)
def test_a_key_is_the_text_go_makes_of_it(scalar: str) -> None:
    assume(scalar not in ("-", "<<", "--", "---"))
    text = f"{scalar}: 1\n"
    assert _ours(text) == _go(text)


@given(SCALARS, st.sampled_from(("!!str", "!!int", "!!float", "!!bool", "!!null", "!own")), st.sampled_from(("", "'", '"')))
@settings(max_examples=300, deadline=None)
def test_a_tag_is_believed_only_where_it_fits(scalar: str, tag: str, quote: str) -> None:
    text = f"k: {tag} {quote}{scalar}{quote}\n"
    assert _ours(text) == _go(text)


@pytest.mark.parametrize("scalar", WORDS)
def test_a_template_sees_the_kind_that_was_read(scalar: str) -> None:
    text = f"x: {scalar}\n"
    if _go(text) is None:
        return
    files = {"Chart.yaml": CHART, "values.yaml": text.encode(), "templates/a": b"{{ kindOf .Values.x }} {{ toJson .Values.x }}"}
    kind, value = HELM.render(ChartRequest(files, "rel")).templates["c/templates/a"].split(" ", 1)
    found = yaml.load(text)["x"]
    assert isinstance(found, KINDS[kind])
    assert canonical(found) == canonical(json.loads(value))


PIECES = [
    *["a: 1\n", "b: x\n", "c: &n {x: 1, w: [2]}\n", "d: *n\n", "e:\n  <<: *n\n  x: 3\n", "f:\n  <<: [*n, {z: 9}]\n", "a: 2\n"],
    *["g: |\n  hi\n   there\n\n", "h: >-\n  fold\n  ed\n\n  para\n", "i: 'it''s'\n", 'j: "q\\n\\u00e9\\x41\\\n  cont"\n', "\n", "# c\n"],
    *["k: [1, two, {a: b}, [c]]\n", "l:\n- 1\n-  - 2\n   - 3\n- k: v\n  w: z\n", "m: # c\n", "o: x#y\n", "? p\n: q\n", "---\n", "...\n"],
    *["r:\n  s:\n    t: u\n", "  bad: indent\n", "\tq: tab\n", "u: {a: 1, a: 2}\n", "x: !!binary aGVsbG8=\n", "ac: @x\n", "aq: &x\n"],
    *["ag: |2\n   x\n", "ah: |+\n  x\n\n\n", "ai: >\n  x\n\n\n  z\n   z\n", "aj: -\n", "al: a\n  b\n", "ar: *undefined\n"],
    *["ba: 1\r\nbb: 2\r\n", "- x\n", "plain\n", "be: *n \n", "<<: {q: 1}\n", "<<: 5\n", "<<: [5]\n", "? [a]\n: b\n", "at: [a,]\n"],
    *[
        "c: &n 5\n",
        "bv: {<<: *n}\n",
        "null: 1\n",
        "1.5: b\n",
        "bm: !!omap [a: 1]\n",
        "au: {\n",
        "am: {a, b: }\n",
        "ao: !!set {a, b}\n",
        "'z': 1\n",
        'bg: "a\tb"\n',
    ],
]


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=5))
@settings(max_examples=500, deadline=None)
def test_a_document_is_what_it_is_to_go(pieces: list[str]) -> None:
    text = "".join(pieces)
    ours = _ours(text)
    assume(ours is None or ours[:1] == b"{")  # Go is asked for a map here
    assert ours == _go(text)


def test_an_anchor_may_be_defined_again() -> None:
    text = "a: &x 1\nb: *x\nc: &x {k: 2}\nd: *x\n---\ne: &x 2\nf: *x\n---\ng: &x 3\nh: &x 4\ni: *x\n"
    assert list(yaml.load_all(text)) == [{"a": 1, "b": 1, "c": {"k": 2}, "d": {"k": 2}}, {"e": 2, "f": 2}, {"g": 3, "h": 4, "i": 4}]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: &x {k: *x}\n", "in itself"),
        ("a: &x 1\nb: &x {k: *x}\n", "in itself"),
        ("? {a: b}\n: 1", "line 1: a mapping key must be a scalar"),
        ("~: 1", "line 1: ~ can't be a mapping key"),
        ("a: .inf", "can't be expressed in JSON"),
        ("a: 1\nb: !!int x", "line 2: x is no !!int"),
        ("a: !!binary '*'", "line 1: !!binary is not base64 text"),
        ("# c\n\ufeffa: 1\nb: 2\n", "did not find expected <document start>"),
        ("a: \x07", "control characters are not allowed"),
    ],
)
def test_what_can_not_be_read_is_refused_with_its_line(text: str, words: str) -> None:
    with pytest.raises(Invalid, match=r"^f: yaml: ") as caught:
        yaml.load(text, "f")
    assert words in str(caught.value)


def test_a_byte_order_mark_at_the_start_means_nothing() -> None:
    assert yaml.load(b"\xef\xbb\xbfa: 1\nb: 2\n") == yaml.load("\ufeffa: 1\nb: 2\n") == {"a": 1, "b": 2}


def _bomb(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines)


def test_aliases_may_not_expand_without_bound() -> None:
    assert len(yaml.load(_bomb(4))) == 4
    with pytest.raises(Invalid, match="excessive aliasing"):
        yaml.load(_bomb(9))


@pytest.mark.parametrize("text", ["[" * 300 + "]" * 300, "{a: " * 250 + "1" + "}" * 250, "- " * 250 + "x"])
def test_nesting_is_bounded(text: str) -> None:
    with pytest.raises(Invalid, match="nested deeper than 200 levels"):
        yaml.load(text)
