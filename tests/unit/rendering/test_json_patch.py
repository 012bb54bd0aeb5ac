"""JSON patches in overlays (fleet-semantics.md 2.9): RFC 6902 as the library takes it that Fleet uses."""

from __future__ import annotations

from typing import Any

import pytest

from extension.objects.errors import Invalid
from extension.rendering import json_patch

DOCUMENT = {"kind": "X", "meta": {"name": "a", "a/b~c": 1}, "l": [1, 2, 3], "none": None}


def _op(op: str, path: str, **more: Any) -> dict[str, Any]:
    return {"op": op, "path": path, **more}


@pytest.mark.parametrize(
    ("operations", "change"),
    [
        pytest.param([], {}, id="nothing"),
        pytest.param([_op("add", "/new", value={"b": []})], {"new": {"b": []}}, id="a key is added"),
        pytest.param([_op("add", "/kind", value="Y")], {"kind": "Y"}, id="adding replaces"),
        pytest.param([_op("add", "/new")], {"new": None}, id="without a value it is null"),
        pytest.param([_op("add", "/l/-", value=4)], {"l": [1, 2, 3, 4]}, id="behind a list"),
        pytest.param([_op("add", "/l/0", value=0)], {"l": [0, 1, 2, 3]}, id="before it"),
        pytest.param([_op("add", "/l/-1", value=9)], {"l": [1, 2, 3, 9]}, id="counted from behind the end"),
        pytest.param([_op("remove", "/l/-1")], {"l": [1, 2]}, id="the last is removed"),
        pytest.param([_op("remove", "/l/01")], {"l": [1, 3]}, id="an index with a zero before it"),
        pytest.param([_op("remove", "/none")], {"none": ...}, id="a null is removed"),
        pytest.param([_op("replace", "/l/1", value=9)], {"l": [1, 9, 3]}, id="an item is replaced"),
        pytest.param([_op("replace", "/new", value=1)], {"new": 1}, id="replacing a key that is not there sets it"),
        pytest.param([_op("replace", "", value={"kind": "Y"})], {"kind": "Y", "meta": ..., "l": ..., "none": ...}, id="all is replaced"),
        pytest.param([_op("move", "/m", **{"from": "/kind"})], {"kind": ..., "m": "X"}, id="a key is moved"),
        pytest.param([_op("copy", "/l/-", **{"from": "/l/0"})], {"l": [1, 2, 3, 1]}, id="an item is copied"),
        pytest.param([_op("remove", "/meta/a~1b~0c")], {"meta": {"name": "a"}}, id="escapes"),
        pytest.param([_op("add", "/a", value={}), _op("add", "/a/b", value=1)], {"a": {"b": 1}}, id="one upon the other"),
        pytest.param([_op("test", "/kind", value="X"), _op("test", "/l", value=[1, 2, 3])], {}, id="a test that holds"),
        pytest.param([_op("test", "/nope", value=None), _op("test", "/nope")], {}, id="nothing is null"),
        pytest.param([_op("test", "", value=DOCUMENT)], {}, id="a test of all"),
        pytest.param([_op("add", "/z", value=1, more=2)], {"z": 1}, id="what else an operation says is passed over"),
    ],
)
def test_operations_are_applied(operations: list[Any], change: dict[str, Any]) -> None:
    want = {key: value for key, value in {**DOCUMENT, **change}.items() if value is not ...}
    assert json_patch.apply(DOCUMENT, operations, "p") == want


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        pytest.param(_op("remove", "/nope"), "there is no /nope", id="removing what is not there"),
        pytest.param(_op("remove", ""), "a path begins with a slash", id="removing all"),
        pytest.param(_op("add", "", value={}), "a path begins with a slash", id="adding all"),
        pytest.param(_op("replace", "", value="x"), "only an object or a list", id="a text for all"),
        pytest.param(_op("add", "a", value=1), "a path begins with a slash", id="no slash"),
        pytest.param(_op("add", "/no/b", value=1), "there is no /no/b", id="no parent"),
        pytest.param(_op("add", "/kind/b", value=1), "there is no /kind/b", id="a parent that is text"),
        pytest.param(_op("add", "/l/5", value=1), "there is no /l/5, a place that the list does not have", id="beyond the end"),
        pytest.param(_op("add", "/l/x", value=1), "there is no /l/x", id="no index"),
        pytest.param(_op("replace", "/l/-", value=1), "there is no /l/-", id="replacing behind the end"),
        pytest.param(_op("remove", "/l/-4"), "there is no /l/-4", id="before the first"),
        pytest.param(_op("test", "/kind", value="Y"), "/kind is not what the test expects", id="a test that fails"),
        pytest.param(_op("test", "/none", value=0), "/none is not what", id="null is no zero"),
        pytest.param(_op("test", "/l/0", value=True), "/l/0 is not what", id="one is not true"),
        pytest.param(_op("move", "/m", **{"from": "/nope"}), "there is no /nope", id="moving nothing"),
        pytest.param(_op("move", "/m"), "it has no from", id="moving from nowhere"),
        pytest.param({"op": "add", "value": 1}, "it has no path", id="no path"),
        pytest.param({"op": "add", "path": 5}, "it has no path", id="a path that is no text"),
        pytest.param({"path": "/a"}, "None is none of add, remove", id="no operation"),
        pytest.param(_op("merge", "/a"), "'merge' is none of add, remove", id="an unknown one"),
        pytest.param("text", "it is no object", id="text"),
        pytest.param(None, "it is no object", id="null"),
    ],
)
def test_what_can_not_be_applied_is_an_error_that_names_the_operation(operation: Any, words: str) -> None:
    with pytest.raises(Invalid) as error:
        json_patch.apply(DOCUMENT, [_op("test", "/kind", value="X"), operation], "overlays/o/p_patch.yaml")
    assert error.value.where == "overlays/o/p_patch.yaml"
    assert "operation 2: " in error.value.message
    assert words in error.value.message


def test_what_is_given_is_not_changed() -> None:
    value = {"b": [1]}
    found = json_patch.apply(DOCUMENT, [_op("add", "/a", value=value), _op("add", "/a/b/-", value=2)], "p")
    assert (value, DOCUMENT["l"], found["a"]) == ({"b": [1]}, [1, 2, 3], {"b": [1, 2]})


def test_a_list_can_be_patched() -> None:
    assert json_patch.apply([1], [_op("add", "/-", value=2)], "p") == [1, 2]
