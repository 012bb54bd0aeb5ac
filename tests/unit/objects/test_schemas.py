"""Schemas made from the Structs: they take all that the Structs write, and nothing the Structs do not know."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extension.objects.base import Object, Struct, document
from extension.objects.errors import Invalid
from extension.objects.kinds import KINDS, Bundle, GitRepo
from extension.objects.schemas import check, schema


@pytest.mark.parametrize("cls", KINDS.values(), ids=KINDS)
def test_a_schema_has_the_fields_of_its_struct_under_their_wire_names(cls: type[Object]) -> None:
    wire = {f.encode_name for f in msgspec.structs.fields(cls)}
    assert set(schema(cls)().fields) == wire | {"apiVersion", "kind"}


def full_field(found: Any) -> Any:
    """A value for a field with everything in it set."""
    match type(found).__name__:
        case "Nested":
            return {key: full_field(inner) for key, inner in found.schema.fields.items()}
        case "List":
            return [full_field(found.inner)]
        case "Dict":
            return {"k": full_field(found.value_field)}
        case "Whole" | "IntOrText":
            return 7
        case "Flag":
            return True
        case "Base64":
            return "dmFsdWU="
        case _:
            return found.metadata.get("enum", ["text"])[0]


@pytest.mark.parametrize("cls", KINDS.values(), ids=KINDS)
def test_what_a_struct_writes_is_taken(cls: type[Object]) -> None:
    data = {key: full_field(inner) for key, inner in schema(cls)().fields.items()}
    check(cls, data)
    decoded = msgspec.convert({k: v for k, v in data.items() if k not in ("apiVersion", "kind")}, cls)
    written = msgspec.json.decode(msgspec.json.encode(document(decoded)))
    check(cls, written)
    assert written == data


PATHS = st.sampled_from(["spec", "status", "metadata"])


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(part=PATHS, key=st.from_regex(r"[a-z]{3,12}X", fullmatch=True), value=st.one_of(st.none(), st.integers(), st.text()))
def test_a_field_nobody_knows_is_refused_wherever_it_is(part: str, key: str, value: Any) -> None:
    with pytest.raises(Invalid) as caught:
        check(GitRepo, {part: {key: value}})
    assert caught.value.field == f"{part}.{key}"


@pytest.mark.parametrize(
    ("data", "field_name"),
    [
        pytest.param({"spec": {"paused": 1}}, "spec.paused", id="a number for a boolean"),
        pytest.param({"spec": {"paused": "yes"}}, "spec.paused", id="a text for a boolean"),
        pytest.param({"spec": {"forceSyncGeneration": "1"}}, "spec.forceSyncGeneration", id="a text for a number"),
        pytest.param({"spec": {"forceSyncGeneration": True}}, "spec.forceSyncGeneration", id="a boolean for a number"),
        pytest.param({"spec": {"forceSyncGeneration": 2**63}}, "spec.forceSyncGeneration", id="a number beyond 64 bits"),
        pytest.param({"spec": {"repo": 1}}, "spec.repo", id="a number for a text"),
        pytest.param({"spec": {"paths": "a"}}, "spec.paths", id="a text for a list"),
        pytest.param({"spec": {"paths": ["a", None]}}, "spec.paths[1]", id="null in a list"),
        pytest.param({"spec": {"targets": [{}, []]}}, "spec.targets[1]", id="a list for an object"),
        pytest.param({"metadata": {"labels": {"a": None}}}, "metadata.labels.a", id="null in a map of texts"),
        pytest.param({"spec": {"caBundle": "?"}}, "spec.caBundle", id="no base64"),
        pytest.param({"spec": []}, "spec", id="a list for a spec"),
        pytest.param([], "", id="a list for all"),
        pytest.param({"kind": "Bundle"}, "kind", id="another kind"),
    ],
)
def test_types_are_strict_and_the_field_is_named(data: Any, field_name: str) -> None:
    with pytest.raises(Invalid) as caught:
        check(GitRepo, data)
    assert caught.value.field == field_name


def test_null_means_absent_and_values_may_hold_null() -> None:
    check(GitRepo, {"spec": {"branch": None, "targets": None}, "metadata": None})
    check(Bundle, {"spec": {"helm": {"values": {"a": None, "b": [None, {"c": None}]}}}})


def test_many_mistakes_are_told_up_to_a_number() -> None:
    with pytest.raises(Invalid, match="and 3 more"):
        check(GitRepo, {"spec": {f"x{i}": 1 for i in range(8)}})


def test_a_message_never_repeats_what_should_have_been_base64() -> None:
    with pytest.raises(Invalid) as caught:
        check(KINDS["Secret"], {"data": {"password": "hunter2!"}})
    assert "hunter2" not in str(caught.value)


def test_a_struct_with_a_type_nobody_maps_is_an_error_of_the_programmer() -> None:
    class Odd(Struct, frozen=True):
        when: complex = 0j

    with pytest.raises(TypeError, match="complex"):
        schema(Odd)
