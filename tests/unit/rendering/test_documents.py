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
        pytest.param("kind: List\nitems: [1]\n", "an item is no object", id="bad-item"),
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
