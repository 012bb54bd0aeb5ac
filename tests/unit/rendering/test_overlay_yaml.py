"""How files are read that overlays patch, scalar by scalar (fleet-semantics.md 2.9): as Go's YAML 1.2 reader and JSON writer do."""

from __future__ import annotations

from typing import Any

import pytest

from extension.objects.errors import Invalid
from extension.rendering import overlay_yaml


def _load(text: str) -> Any:
    return overlay_yaml.load(text.encode(), "o.yaml")


@pytest.mark.parametrize("word", ["on", "off", "yes", "no", "y", "n", "Y", "N", "Yes", "NO", "tRUE", "nULL", "=", "190:20:30", "<<"])
def test_a_word_of_yaml_1_1_is_text(word: str) -> None:
    assert _load(f"a: {word}") == {"a": word}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("true", True), ("True", True), ("FALSE", False), ("~", None), ("null", None), ("NULL", None), ("", None)),
        *(("0644", 420), ("0o644", 420), ("08", 8), ("0x1F", 31), ("-0x10", -16), ("0b11", 3), ("-0b11", -3), ("1_000", 1000)),
        *(("1.0", 1), ("1e3", 1000), (".5", 0.5), ("-.5", -0.5), ("1.", 1), ("1e400", "1e400"), ("-0", 0)),
        *(("'1'", "1"), ('"on"', "on"), ("'~'", "~"), ("'2020-01-01'", "2020-01-01")),
    ],
)
def test_other_scalars_are_as_everywhere(text: str, value: Any) -> None:
    assert _load(f"a: {text}") == {"a": value}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2020-01-01", "2020-01-01T00:00:00Z"),
        ("2020-1-1", "2020-01-01T00:00:00Z"),
        ("0000-01-01", "0000-01-01T00:00:00Z"),
        ("2024-02-29", "2024-02-29T00:00:00Z"),
        ("2020-01-01 10:20:30", "2020-01-01T10:20:30Z"),
        ("2020-01-01  1:2:3.50", "2020-01-01T01:02:03.5Z"),
        ("2020-01-01T10:20:30Z", "2020-01-01T10:20:30Z"),
        ("2020-01-01t10:20:30Z", "2020-01-01T10:20:30Z"),
        ("2020-01-01T10:20:30.000Z", "2020-01-01T10:20:30Z"),
        ("2020-01-01T10:20:30,25Z", "2020-01-01T10:20:30.25Z"),
        ("2020-01-01T10:20:30.1234567891Z", "2020-01-01T10:20:30.123456789Z"),
        ("2020-01-01T10:20:30.5+02:00", "2020-01-01T10:20:30.5+02:00"),
        ("2020-01-01T10:20:30-01:30", "2020-01-01T10:20:30-01:30"),
        ("2020-01-01T10:20:30-00:00", "2020-01-01T10:20:30Z"),
        ("2020-01-01T10:20:30+02:60", "2020-01-01T10:20:30+03:00"),
        ("!!timestamp '2020-01-01'", "2020-01-01T00:00:00Z"),
    ],
)
def test_a_moment_is_written_as_go_writes_it(text: str, value: str) -> None:
    assert _load(f"a: {text}") == {"a": value}


@pytest.mark.parametrize(
    "text",
    [
        *("2023-02-29", "1900-02-29", "2020-13-01", "2020-00-01", "2020-01-00", "2020-01-32", "02020-01-01", "2020-01", "2020-01-01-01"),
        *("2020-01-01T10:20Z", "2020-01-01T10:20:30", "2020-01-01T10:20:60Z", "2020-01-01T24:00:00Z", "2020-01-01 10:20:30Z"),
        *("2020-01-01T10:20:30+0200", "2020-01-01T10:20:30+02", "2020-01-01T10:20:30.Z", "2020-01-01T10:20:30+25:00", "!!str 2020-01-01"),
    ],
)
def test_what_is_no_moment_stays_text(text: str) -> None:
    assert _load(f"a: {text}") == {"a": text.removeprefix("!!str ")}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("- [1, [on]]\n- {}\n- - a\n  - ~\n- b: c\n", [[1, ["on"]], {}, ["a", None], {"b": "c"}], id="lists in lists"),
        pytest.param("x: &x [1]\ny: *x\n", {"x": [1], "y": [1]}, id="an anchor"),
        pytest.param("a: 1\n---\na: 2\n", {"a": 1}, id="the first document"),
        pytest.param("---\na: 1\n...\n", {"a": 1}, id="its marks"),
        pytest.param("# nothing\n", {}, id="no document is an empty map"),
        pytest.param("~", None, id="a null stays one"),
        pytest.param('{"a": "\\u00e9"}', {"a": "é"}, id="JSON"),
        pytest.param("\ufeffa: |\r\n  b\r\n", {"a": "b\n"}, id="as Windows writes it"),
    ],
)
def test_a_file_is_read(text: str, value: Any) -> None:
    assert _load(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("d: {<<: *x, b: 2}", {"a": 1, "b": 2}, id="merged"),
        pytest.param("d: {a: 2, <<: *x}", {"a": 2}, id="what is there wins, wherever it stands"),
        pytest.param("d: {<<: [*x, {a: 3, c: 4}]}", {"a": 1, "c": 4}, id="of several the first wins"),
        pytest.param("d: {<<: {c: on}}", {"c": "on"}, id="inline"),
        pytest.param("d: {'<<': *x}", {"a": 1}, id="in quotes too"),
    ],
)
def test_a_merge_key_brings_what_is_not_there(text: str, value: Any) -> None:
    assert _load(f"x: &x {{a: 1}}\n{text}\n")["d"] == value


@pytest.mark.parametrize("key", ["on", "'1'", '"true"', "!!str 1", "a b", "'2020-01-01'", "y"])
def test_a_key_is_text(key: str) -> None:
    [(found, value)] = _load(f"{key}: 1").items()
    assert (found, value) == (key.removeprefix("!!str ").strip("'\""), 1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        *((f"a: 1\n{key}: 2\n", f"line 2: the key '{key}' .* is not text") for key in ("1", "1.5", "true", "~", "0x10", "2020-01-01")),
        ("a: {[b]: 1}\n", "line 1: the key '' .* is not text"),
        ("a: 1\nb: 2\na: 3\n", 'line 3: mapping key "a" already defined at line 1'),
        ("d:\n  a: 1\n  'a': 2\n", 'line 3: mapping key "a" already defined at line 2'),
        ("x: &x {}\nd:\n  <<: *x\n  <<: *x\n", 'line 4: mapping key "<<" already defined at line 3'),
        ("d: {<<: 1}\n", "line 1: map merge requires"),
        ("d: {<<: [1]}\n", "line 1: map merge requires"),
        ("d: {<<: }\n", "line 1: map merge requires"),
        ("a: 1\nb: !!bool yes\n", "line 2: yes is no !!bool"),
        ("a: !!timestamp x\n", "line 1: x is no !!timestamp"),
        ("a: 2020-01-01T10:20:30+24:00\n", "offset is a day or more"),
        ("a: .inf\n", "can't be expressed in JSON"),
        ("a: *nope\n", "line 1"),
        ("a: 1\n\tb: 2\n", r"line 2: .*\(column 1\)"),
        ("a: [\n", "line 2"),
    ],
)
def test_what_can_not_be_read_is_an_error_that_names_file_and_line(text: str, words: str) -> None:
    with pytest.raises(Invalid, match=words) as error:
        _load(text)
    assert error.value.where == "o.yaml"
