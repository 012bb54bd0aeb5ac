"""Marshmallow schemas made from the Structs of `kinds.py`, so that a field is declared once.

The Structs decode the way Go does: unknown keys are dropped, names match without regard to case. At the edge a person
should rather learn that `targetNamespce` means nothing. These schemas refuse what the Structs would forgive, name the
field, and describe the same shapes in the OpenAPI document. Invariants: a field's name is its name on the wire; types
are strict (`"1"` is no number, `1` no boolean); null means absent, as in Kubernetes.
"""

from __future__ import annotations

import base64
import binascii
import types
import typing
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import msgspec
from marshmallow import RAISE, Schema, fields, validate

from extension.objects.base import Object, Struct
from extension.objects.errors import Invalid, MissingRequired

INT64 = 2**63
MAX_TOLD = 5


class Whole(fields.Integer):
    """A JSON integer of 64 bits; texts, booleans and fractions are refused."""

    default_error_messages = {"invalid": "expected an integer of 64 bits"}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not -INT64 <= value < INT64:
            raise self.make_error("invalid")
        return value


class Flag(fields.Boolean):
    """A JSON boolean; `"true"` and `1` are refused."""

    default_error_messages = {"invalid": "expected true or false"}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid")
        return value


class Text(fields.String):
    default_error_messages = {"invalid": "expected a text"}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        return value


class Base64(Text):
    """Bytes as JSON holds them. The message never repeats the value: it may be a secret's."""

    default_error_messages = {"base64": "expected base64"}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise self.make_error("base64") from None
        return text


class IntOrText(fields.Raw):
    """Kubernetes' IntOrString, such as `5` or `"10%"`."""

    default_error_messages = {"invalid": "expected an integer or a text"}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise self.make_error("invalid")
        return value


_SCALARS: dict[Any, tuple[type[fields.Field[Any]], str]] = {
    str: (Text, ""),
    int: (Whole, ""),
    bool: (Flag, ""),
    bytes: (Base64, "byte"),
    Any: (fields.Raw, ""),
}
REQUIRED = "is required"
_ERRORS = {"required": REQUIRED, "null": "may not be null", "unknown": "unknown field", "type": "expected an object"}


class Shape(Schema):
    """A schema that is never changed once it is made, so a copy is itself: each step of a route's documentation copies what the
    step before had, with all schemas in it."""

    def __deepcopy__(self, _memo: dict[int, Any]) -> Shape:
        return self


@cache
def schema(cls: type[Struct]) -> type[Schema]:
    """The schema class of a Struct, named as the Struct. Objects also have `apiVersion` and `kind`."""
    hints = typing.get_type_hints(cls)
    made: dict[str, Any] = {f.encode_name: field(hints[f.name]) for f in msgspec.structs.fields(cls)}
    if issubclass(cls, Object):
        made = {"apiVersion": _constant(cls.API_VERSION), "kind": _constant(cls.KIND), **made}
    return strict(cls.__name__, made)


def strict(name: str, made: Mapping[str, Any]) -> type[Schema]:
    """A schema class of these fields that refuses others."""
    for one in made.values():
        one.error_messages["required"] = REQUIRED
    meta = type("Meta", (), {"unknown": RAISE})
    body = {**made, "Meta": meta, "error_messages": _ERRORS}
    return type(name, (Shape,), body)


def _constant(value: str) -> Text:
    return Text(validate=validate.Equal(value), metadata={"enum": [value]}, allow_none=False)


def field(hint: Any, nullable: bool = True) -> fields.Field[Any]:
    """The marshmallow field of a type of a Struct's field. Null is absent, hence nothing within a list or a map of texts.
    Raises TypeError for a type it doesn't know."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        kinds = [arg for arg in args if arg is not types.NoneType]
        return IntOrText(allow_none=nullable, metadata=_INT_OR_TEXT) if len(kinds) > 1 else field(kinds[0], nullable)
    if origin is tuple:
        return fields.List(field(args[0], nullable=False), allow_none=nullable, error_messages={"invalid": "expected a list"})
    if origin is dict:
        values = field(args[1], nullable=False)
        return fields.Dict(keys=fields.String(), values=values, allow_none=nullable, error_messages={"invalid": "expected an object"})
    if isinstance(hint, type) and issubclass(hint, Struct):
        return fields.Nested(schema(hint), allow_none=nullable)
    if hint not in _SCALARS:
        raise TypeError(f"no field for {hint!r}")
    made, format_ = _SCALARS[hint]
    return made(allow_none=nullable or made is fields.Raw, metadata={"format": format_} if format_ else {})


_INT_OR_TEXT = {"type": ["integer", "string", "null"]}


def check(cls: type[Struct], data: Any, where: str = "") -> None:
    """Raises Invalid naming every field (the first few) of `data` that a `cls` does not have or that is of another type."""
    refuse(_instance(cls).validate(data) if isinstance(data, dict) else {"": ["expected an object"]}, where)


@cache
def _instance(cls: type[Struct]) -> Schema:
    return schema(cls)()


def refuse(errors: Mapping[Any, Any], where: str = "") -> None:
    """Raises Invalid, MissingRequired when a field is not there, for marshmallow's error messages, unless there are none."""
    found = list(flatten(errors))
    if not found:
        return
    told = [f"{path}: {message}" if path else message for path, message in found[:MAX_TOLD]]
    more = [f"and {len(found) - MAX_TOLD} more"] if len(found) > MAX_TOLD else []
    error = MissingRequired if found[0][1] == REQUIRED else Invalid
    raise error("; ".join(told + more), where=where, field=found[0][0])


def flatten(errors: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Marshmallow's nested messages as (field path, message); the `key` and `value` steps of a Dict are left out."""
    if isinstance(errors, list):
        yield from ((path, str(message).rstrip(".")) for message in errors)
        return
    for key, inner in errors.items():
        if key == "_schema" or (key in ("key", "value") and isinstance(inner, list)):
            yield from flatten(inner, path)
        elif isinstance(key, int):
            yield from flatten(inner, f"{path}[{key}]")
        else:
            yield from flatten(inner, f"{path}.{key}" if path else str(key))
