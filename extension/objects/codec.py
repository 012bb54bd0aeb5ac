"""Plain data to Structs and back, as Go's encoding/json would.

Reading: keys match without regard to case when no exact one exists, unknown keys are ignored, null is the zero
value, a wrong type is an error that names the field. Writing: `canonical` gives Go's bytes, which content ids,
deployment ids and values hashes are made of (`fleet-semantics.md` 1.16, 2.5, 3.3).
"""

from __future__ import annotations

import difflib
import re
import types
import typing
from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar

import msgspec

from extension.objects.base import Object, Struct
from extension.objects.errors import Invalid

T = TypeVar("T")
Plan = dict[str, tuple[str, Any]]

_WRONG_TYPE = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<field>.*)`)?$", re.DOTALL)


def decode(cls: type[T], data: Any, where: str = "", field: str = "") -> T:
    """`data` (from YAML or JSON) as a `cls`. Raises Invalid naming the field; `field` is a prefix for it."""
    try:
        return msgspec.convert(fold(cls, data), cls)
    except msgspec.ValidationError as error:
        found = _WRONG_TYPE.match(str(error))
        place = ".".join(p for p in (field, found["field"] if found else "") if p)
        what = found["what"] if found else str(error)
        raise Invalid(f"{place}: {_words(what)}" if place else _words(what), where=where, field=place) from None


def _words(text: str) -> str:
    return text.replace("`", "").replace("Expected", "expected").replace("Object", "object")


def fold(cls: Any, data: Any) -> Any:
    """`data` with every key spelled as `cls` spells it and nulls as zero values, down to plain maps, which stay as they are."""
    plan = _plan(cls)
    return data if plan is None else _fold(plan, data)


def _fold(plan: Any, data: Any) -> Any:
    if plan is _LISTED_TEXTS:
        return ["" if item is None else item for item in data] if isinstance(data, list) else data
    if isinstance(plan, list):
        return [_fold(plan[0], {} if item is None else item) for item in data] if isinstance(data, list) else data
    if not isinstance(data, dict):
        return data
    if plan is _TEXTS:
        return {key: "" if value is None else value for key, value in data.items()}
    folded, count = _known(plan, data.items())
    # Several spellings of one field: Go reads keys in the order of their bytes, so the last of them counts.
    return folded if count == len(folded) else _known(plan, sorted(data.items()))[0]


def _known(plan: Plan, items: Iterable[tuple[Any, Any]]) -> tuple[dict[str, Any], int]:
    """The fields that the plan knows, folded, and how many keys named one."""
    folded: dict[str, Any] = {}
    count = 0
    for key, value in items:
        known = plan.get(key) or plan.get(key.lower() if isinstance(key, str) else key)
        if known is not None and value is not None:
            count += 1
            folded[known[0]] = value if known[1] is None else _fold(_plan(known[1]), value)
    return folded, count


def unknown_fields(cls: Any, data: Any, field: str = "") -> Iterator[tuple[str, str]]:
    """The keys of `data` that `cls` does not have, as Go ignores them: their place, and the known key they resemble or nothing."""
    plan = _plan(cls)
    if isinstance(plan, list) and isinstance(data, list):
        for index, item in enumerate(data):
            yield from unknown_fields(_item_of(cls), item, f"{field}[{index}]")
    if not isinstance(plan, dict) or not isinstance(data, dict):
        return
    for key, value in data.items():
        place = f"{field}.{key}" if field else str(key)
        known = plan.get(key) or plan.get(str(key).lower())
        if known is None:
            yield place, next(iter(difflib.get_close_matches(str(key), [wire for wire, _ in plan.values()], 1)), "")
        elif known[1] is not None:
            yield from unknown_fields(known[1], value, place)


def _item_of(cls: Any) -> Any:
    """What a sequence holds; it may be optional."""
    args = typing.get_args(cls)
    if typing.get_origin(cls) in (typing.Union, types.UnionType):
        return next(_item_of(arg) for arg in args if arg is not types.NoneType)
    return args[0]


_TEXTS, _LISTED_TEXTS = "a map of texts", "a list of texts"


@cache
def _plan(cls: Any) -> Any:
    """How to fold a type: a dict for a Struct, a one-element list for a sequence, _TEXTS, _LISTED_TEXTS, None for anything else."""
    origin = typing.get_origin(cls)
    if origin is dict:
        return _TEXTS if typing.get_args(cls) == (str, str) else None
    if origin in (typing.Union, types.UnionType):
        found = [_plan(arg) for arg in typing.get_args(cls)]
        return next((p for p in found if p is not None), None)
    if origin in (tuple, list):
        if typing.get_args(cls)[0] is str:
            return _LISTED_TEXTS
        item = _plan(typing.get_args(cls)[0])
        return None if item is None else [item]
    if not (isinstance(cls, type) and issubclass(cls, Struct)):
        return None
    hints = typing.get_type_hints(cls)
    names = [(f.name, f.encode_name) for f in msgspec.structs.fields(cls)]
    plan: Plan = {}
    for name, wire in names:
        child = hints[name] if _plan(hints[name]) is not None else None
        plan.setdefault(wire.lower(), (wire, child))
    return plan | {wire: plan[wire.lower()] for _, wire in names}


def decode_object(cls: type[T], data: Any, where: str = "") -> T:
    """A Kubernetes document as the object kind `cls`. Raises Invalid, also for another kind or API version."""
    if not isinstance(data, dict):
        raise Invalid("expected an object", where=where)
    if issubclass(cls, Object):
        for name, want in (("kind", cls.KIND), ("apiVersion", cls.API_VERSION)):
            if data.get(name, want) != want:
                raise Invalid(f"expected {name} {want}, got {data[name]}", where=where, field=name)
    return decode(cls, data, where)


def canonical(value: Any) -> bytes:
    """Go's `json.Marshal` of a Struct or plain data: struct fields in order, map keys sorted, HTML characters escaped."""
    raw = msgspec.json.encode(_numbers(value), order="deterministic")
    for character, escape in _ESCAPED:
        raw = raw.replace(character, escape)
    return raw


_ESCAPED = ((b"<", b"\\u003c"), (b">", b"\\u003e"), (b"&", b"\\u0026"), ("\u2028".encode(), b"\\u2028"), ("\u2029".encode(), b"\\u2029"))


def _numbers(value: Any) -> Any:
    """`value` with only numbers that msgspec writes as Go does; Structs keep their field order."""
    if isinstance(value, Struct):
        fields = {f: getattr(value, f) for f in value.__struct_fields__}
        changed = {f: new for f, old in fields.items() if (new := _numbers(old)) is not old}
        # An unchanged Struct stays itself: a default is left out only while it is that very object.
        return msgspec.structs.replace(value, **changed) if changed else value
    if isinstance(value, tuple):
        items = tuple(_numbers(item) for item in value)
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    if isinstance(value, dict):
        return {key: _numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if isinstance(value, int) and abs(value) < 2**53:
        return value
    return msgspec.Raw(go_float(float(value)).encode())


def rounded(value: Any) -> Any:
    """Plain data with the numbers Go's `map[string]any` holds: an integer that a float64 can't hold loses digits."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    if not isinstance(value, int) or abs(value) < 2**53:
        return value
    text = go_float(float(value))
    return float(text) if "e" in text else int(text)


def go_float(value: float) -> str:
    """A float64 as Go's encoding/json writes it: shortest digits, exponent form below 1e-6 and from 1e21."""
    if value == 0:
        return "-0" if str(value)[0] == "-" else "0"
    if 1e-6 <= abs(value) < 1e21:
        text = format(Decimal(repr(value)), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    mantissa, exponent = f"{Decimal(repr(value)):e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{mantissa}e{exponent[0]}{int(exponent[1:]):02d}" if exponent[0] == "+" else f"{mantissa}e-{int(exponent[1:])}"


def go_general(value: Decimal) -> str:
    """A number as Go's verb `g` writes its shortest digits: in exponent form below 1e-4 and from 1e6."""
    mantissa, exponent = f"{value.normalize():e}".split("e")
    if -4 <= int(exponent) < 6:
        return format(value.normalize(), "f")
    return f"{mantissa}e{exponent[0]}{int(exponent[1:]):02d}"
