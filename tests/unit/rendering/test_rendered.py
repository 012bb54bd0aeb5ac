"""Rendered templates on their way through Helm (fleet-semantics.md 4.2): each case is what Helm 4.2.3 was seen to do."""

from __future__ import annotations

from typing import Any

import pytest

from extension.objects import yaml
from extension.objects.errors import Invalid
from extension.rendering import rendered
from extension.rendering.documents import MissingKind

HEAD = "apiVersion: v1\nkind: X\nmetadata:\n  name: a\n"
PATH = "c/templates/a.yaml"


def _objects(text: str, path: str = PATH) -> list[dict[str, Any]]:
    return [obj for _, obj in rendered.objects(rendered.read({path: text}))]


def _values(text: str) -> Any:
    [obj] = _objects(HEAD + text)
    return {key: value for key, value in obj.items() if key not in ("apiVersion", "kind", "metadata")}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param(" \n\n# only\n---\n--- # c\n~\n", [], id="blanks, comments and nulls"),
        pytest.param("---\nkind: A\nv: 1\n---\nkind: A\nv: 2\n", [1, 2], id="two documents"),
        pytest.param("kind: A\nv: 1\n---kind: A\nv: 2\n", [1, 2], id="a separator glued to what follows"),
        pytest.param("kind: A\nv: 1\n--- {kind: A, v: 2}\n", [1, 2], id="a document behind the separator"),
        pytest.param("kind: A\r\nv: 1\r\n---\r\nkind: A\r\nv: |\r\n  a\r\n  b\r\n", [1, "a\nb\n"], id="as Windows writes it"),
        pytest.param("kind: A\nv: |\n  a\n---\nkind: A\nv: |\n  b\n", ["a", "b\n"], id="a block before a separator loses its end"),
        pytest.param("kind: A\nv: |\n  a\n  ---\n  b\n", ["a\n---\nb\n"], id="an indented one is text"),
        pytest.param("\ufeffkind: A\nv: 1\n", [1], id="a byte order mark"),
        pytest.param("kind: List\nitems: [{kind: A, v: 1}, ~, {kind: A, v: 2}]\n", [1, 2], id="a list, without its nulls"),
        pytest.param("kind: ResourceList\nitems: [{kind: A, v: 1}]\n", [1], id="a list of functions"),
        pytest.param("kind: List\nitems: [{kind: AList, apiVersion: v1, items: [{v: 1}]}]\n", [1], id="a list in a list"),
        pytest.param("kind: List\nitems:\n", [], id="a list of nothing"),
    ],
)
def test_a_file_is_cut_into_objects(text: str, values: list[Any]) -> None:
    assert [obj["v"] for obj in _objects(text)] == values


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("d: {a: , b: {c: }, e: [ {f: } ]}\n", {"a": "", "b": {"c": ""}, "e": [{"f": ""}]}, id="nothing in braces is a text"),
        pytest.param("d: {a: ~, b: null, c: !!null }\n", {"a": None, "b": None, "c": None}, id="a null is one"),
        pytest.param("d:\n  a:\n  b:\n  -\n", {"a": None, "b": [None]}, id="nothing elsewhere is null"),
        pytest.param("d: {a: &x , b: *x}\n", {"a": "", "b": ""}, id="by its anchor too"),
        pytest.param("d: on\n", True, id="words are those of YAML 1.1"),
        pytest.param("d: [9007199254740993, 18446744073709551615]\n", [9007199254740993, 1.8446744073709552e19], id="numbers"),
    ],
)
def test_values_are_read_as_helm_leaves_them(text: str, value: Any) -> None:
    assert _values(text) == {"d": value}


def test_in_a_document_in_flow_style_numbers_are_floats() -> None:
    text = '{"apiVersion": "v1", "kind": "X", "metadata": {"name": "a"}, "n": [9007199254740993, 7]}'
    assert _objects(text)[0]["n"] == [9007199254740992, 7]
    assert _objects("kind: List\nitems:\n- " + text)[0]["n"] == [9007199254740992, 7]
    assert _objects("# first\n" + text)[0]["n"] == [9007199254740993, 7]


def test_metadata_is_there_in_any_case() -> None:
    assert [obj["metadata"] for obj in _objects("kind: A\n---\nkind: A\nmetadata:\n---\nkind: A\nmetadata: {}\n")] == [{}, {}, {}]


@pytest.mark.parametrize(("path", "count"), [("c/templates/_h.yaml", 0), ("c/templates/NOTES.txt", 0), ("c/templates/x.txt", 1)])
def test_partials_and_notes_hold_no_objects(path: str, count: int) -> None:
    assert len(rendered.read({path: HEAD})) == count


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        pytest.param("kind: A\n---\nb: 1\n", MissingKind, "'Kind' is missing in the document at line 3", id="no kind"),
        pytest.param("{}", MissingKind, "'Kind' is missing in the document at line 1", id="an empty object"),
        pytest.param("kind: AList\napiVersion: v1\nitems: [{apiVersion: v1}]\n", MissingKind, "in an item of the document", id="an item"),
        pytest.param("kind: A\n---\n\nkind: A\n  b: c\n", Invalid, r"line 5: mapping values .* \(column 4\)", id="broken"),
        pytest.param("kind: A\n---\n- a\n", Invalid, "document at line 3: expected an object, got a list", id="a list"),
        pytest.param("text\n", Invalid, "got text", id="text"),
        pytest.param("kind: List\nitems: [1]\n", Invalid, "expected an object, got a number", id="an item that is none"),
        pytest.param("kind: List\nitems: {a: 1}\n", Invalid, "items are no list", id="items that are no list"),
        pytest.param("kind: A\nitems: text\n", Invalid, "items are text, not a list", id="items of something else"),
        pytest.param("kind: A\nmetadata: text\n", Invalid, "metadata is text, not a map", id="metadata"),
        pytest.param("kind: A\nmetadata: {annotations: [a]}\n", Invalid, "annotations are a list", id="annotations"),
    ],
)
def test_an_error_names_the_template_and_the_line(text: str, kind: type[Invalid], words: str) -> None:
    with pytest.raises(kind, match=words) as error:
        _objects(text)
    assert error.value.where == f"{PATH} (as rendered)"


def _for_kustomize(text: str) -> list[dict[str, Any]]:
    return list(yaml.load_all(rendered.for_kustomize(rendered.read({PATH: text}))))


def test_kustomize_reads_yaml_1_2_and_the_mark_of_the_file() -> None:
    [obj] = _for_kustomize(HEAD + "  annotations: {a: 1, b: ~, c: 0o17}\nd: [on, y, 2020-01-01, 1]\n")
    assert obj["d"] == ["on", "y", "2020-01-01T00:00:00Z", 1]
    assert obj["metadata"]["annotations"] == {"a": "1", "b": "~", "c": "0o17", rendered.FILE_ANNOTATION: PATH}
    assert rendered.unmarked(obj) == (PATH, {**obj, "metadata": {"name": "a", "annotations": {"a": "1", "b": "~", "c": "0o17"}}})


def test_kustomize_reads_typed_lists_and_documents_in_flow_style_as_they_are() -> None:
    found = _for_kustomize("{kind: A, d: on}\n---\nkind: AList\nitems: [{metadata: {name: a}}]\n")
    assert [obj.get("d", obj.get("items")) for obj in found] == [True, [{"metadata": {"name": "a"}}]]


def test_a_key_that_kustomize_refuses_is_an_error() -> None:
    with pytest.raises(Invalid, match="is not text") as error:
        _for_kustomize(HEAD + "d: {1: a}\n")
    assert error.value.where == f"{PATH} (as rendered)"


def test_an_object_without_a_mark_stays_as_it_is() -> None:
    for obj in ({"kind": "A"}, {"kind": "A", "metadata": None}, {"kind": "A", "metadata": {"annotations": {"a": "b"}}}):
        assert rendered.unmarked(obj) == ("", obj)


@pytest.mark.parametrize(
    ("text", "first", "second", "alone", "last"),
    [
        pytest.param("a\n", "a\n", "a\n", "a\n", "a\n", id="one break"),
        pytest.param("a\n\n\n", "a\n", "a\n\n\n\n\n", "a\n\n\n\n\n", "a\n\n\n\n", id="several"),
        pytest.param("\n", "", "\n\n\n", "\n\n\n", "\n\n", id="nothing but breaks"),
        pytest.param("a \n\n", "a \n\n", "a \n\n", "a \n\n", "a \n\n", id="what is no block"),
        pytest.param("a", "a", "a", "a", "a", id="none"),
    ],
)
def test_breaks_at_the_end_of_an_object_are_written_with_it(text: str, first: str, second: str, alone: str, last: str) -> None:
    obj = {"kind": "A", "spec": [1, {"a": "x\n\n", "z": text}]}
    found = rendered.ended([("f", obj), ("f", obj), ("", obj), ("g", obj)])
    assert [made["spec"][1]["z"] for made in found] == [first, second, alone, last]
    assert {made["spec"][1]["a"] for made in found} == {"x\n\n"}
