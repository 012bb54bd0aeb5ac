import helm_python
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extension.objects import yaml
from extension.objects.errors import Invalid
from extension.rendering import documents

TEXT = st.one_of(
    st.sampled_from(
        ["y", "n", "on", "0644", "1e3", "0o14", "12:30:45", "2020-01-01", "=", "~", "<<", "null", ".inf", "1_000", "- a", "a: b"]
    ),
    st.text(),
)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT, lambda c: st.lists(c) | st.dictionaries(TEXT, c), max_leaves=12
)


def _objects(text: str) -> list[dict[str, object]]:
    return list(documents.objects(text, "f.yaml"))


@given(PLAIN)
def test_what_is_written_is_read_as_it_was(value: object) -> None:
    assert yaml.load(documents.to_yaml({"v": value})) == {"v": value}


@given(st.dictionaries(st.text("abc", min_size=1), PLAIN))
def test_helms_own_parser_reads_it_the_same(value: dict[str, object]) -> None:
    assert helm_python.values_from_yaml(documents.to_yaml(value)) == value


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param("", [], id="empty"),
        pytest.param("# only\n---\n---\n# a comment\n", [], id="comments"),
        pytest.param("kind: A\nv: 1\n--- # cut\nkind: A\nv: 2\n", [1, 2], id="comment-behind-the-separator"),
        pytest.param("---\r\nkind: A\r\nv: 1\r\n---\r\nkind: A\r\nv: 2\r\n", [1, 2], id="crlf"),
        pytest.param("\ufeffkind: A\nv: 1\n", [1], id="byte-order-mark"),
        pytest.param("kind: A\nv: 1\n...\nkind: A\nv: 2\n", [1], id="what-follows-an-end-mark-is-ignored"),
        pytest.param("kind: List\nitems: [{kind: A, v: 1}, {kind: B, v: 2}]\n", [1, 2], id="list"),
        pytest.param("kind: AList\nitems: []\n", [], id="empty-list"),
        pytest.param("kind: A\nv: |\n  a\n  ---\n  b\n", ["a\n---\nb\n"], id="separator-inside-a-text"),
        pytest.param('{"kind": "A", "v": 1}', [1], id="json"),
        pytest.param('{"kind": "A", "v": 1}\n---\n\n {\n\t"kind": "A", "v": 2}\n', [1, 2], id="json with tabs"),
        pytest.param('{"kind": "A", "v": "\\u00e9\\/\\ud83d\\ude00 \\ud800\u2028 x"}', ["é/😀 \ufffd\u2028 x"], id="json escapes"),
        pytest.param('{"kind": "A", "v": 1, "v": 2}', [2], id="of two equal keys the last"),
        pytest.param("---\n{kind: A, v: 1}\n", [1], id="flow style behind a first separator"),
        pytest.param("--- # c\n{kind: A, v: on}\n", [True], id="and a comment"),
        pytest.param("# c\n{kind: A, v: 1}\n", [1], id="or behind a comment"),
        pytest.param("kind: A\nv: 1\n---   \n---\nkind: A\nv: 2\n---", [1, 2], id="separators with blanks"),
        pytest.param("kind: A\nv: 18446744073709551615\n", [1.8446744073709552e19], id="beyond 64 bits"),
        pytest.param(
            '{"kind": "A", "v": [12345678901234567890, 9007199254740993]}', [[1.2345678901234567e19, 2**53 + 1]], id="json numbers"
        ),
        pytest.param("kind: AList\nitems:\n", [], id="null items"),
        pytest.param("kind: List\nitems: [{apiVersion: v1, v: 1}, {kind: A, v: 2}]\n", [1, 2], id="an item may lack a kind"),
        pytest.param("kind: L\nitems: [{kind: List, v: 1, items: [{kind: A, v: 2}]}]\n", [1], id="an inner list stays one"),
    ],
)
def test_a_stream_is_cut_into_objects(text: str, names: list[object]) -> None:
    assert [obj["v"] for obj in documents.objects(text.encode(), "f.yaml")] == names


def test_items_of_a_typed_list_get_its_kind() -> None:
    [item] = _objects("apiVersion: v1\nkind: ConfigMapList\nitems: [{metadata: {name: a}}]\n")
    assert item == {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("kind: A\n---\na: 1\n", "line 3", id="no-kind"),
        pytest.param("kind: A\n---\nkind: A\n  b: c\n", "line 4", id="broken"),
        pytest.param("- a\n", "expected an object, got a list", id="a-list"),
        pytest.param("kind: List\nitems: [1]\n", "an item is no object but a number", id="bad-item"),
        pytest.param("kind: List\nitems: {a: 1}\n", "items are a map, not a list", id="bad-items"),
        pytest.param("kind: A\n---\nkind: A\n  b: c\n", "line 4: mapping values are not allowed in this context (column 4)", id="column"),
        pytest.param("{kind: A, v: 1}\n", "json: line 1 column 2: Expecting property name", id="flow-style-is-no-json"),
        pytest.param('kind: A\n---\n\n{"kind": "A",\n "v": 1,}\n', "json: line 5 column 9: ", id="json-comma"),
        pytest.param("---\n---\n{kind: A}\n", "json: line 3 column 2", id="flow-style-behind-two-separators"),
        pytest.param('{"kind": "A"}\n{"kind": "A"}\n', "json: line 2 column 1: Extra data", id="json-twice"),
        pytest.param('{"kind": "A", "v": "a\tb"}', "json: line 1 column 22: Invalid control character", id="json-tab-in-a-text"),
        pytest.param('{"kind": "A", "v": NaN}', "NaN can't be expressed in JSON", id="json-nan"),
        pytest.param('{"kind": "A", "v": 1e400}', "1e400 can't be expressed in JSON", id="json-huge"),
        pytest.param('{"a": ' * 100_000, "json: nested too deep", id="json-deep"),
        pytest.param("kind: A\n--- {kind: A}\n", "line 2: invalid document separator: --- {kind: A}", id="separator-with-text"),
        pytest.param("kind: A\n---kind: A\n", "line 2: invalid document separator", id="separator-glued"),
    ],
)
def test_an_error_names_the_file_and_the_line(text: str, words: str) -> None:
    with pytest.raises(Invalid) as error:
        _objects(text)
    assert error.value.where == "f.yaml"
    assert words in str(error.value)


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(Invalid, match="not UTF-8"):
        list(documents.objects(b"kind: \xff", "f.yaml"))
