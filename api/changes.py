"""Changes of an object's spec that actions of several nouns make. Pure."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from api.errors import MaxLimitExceeded
from extension.objects.base import Object
from extension.objects.schemas import INT64

T = TypeVar("T", bound=Object)


def with_spec(obj: T, **fields: object) -> T:
    spec: Any = getattr(obj, "spec", None)
    return msgspec.structs.replace(obj, spec=msgspec.structs.replace(spec, **fields))


def counted_up(obj: T, name: str) -> T:
    """The object with a generation one higher: the dashboard's formula, whose first click writes 2. Raises MaxLimitExceeded at the
    end of 64 bits: Kubernetes would refuse the next number, and another one is for a person to choose."""
    spec: Any = getattr(obj, "spec", None)
    number = (getattr(spec, name) or 1) + 1
    if number >= INT64:
        field = next(f"spec.{f.encode_name}" for f in msgspec.structs.fields(spec) if f.name == name)
        hint = "set it to another number, such as 1: any change of it has the same effect"
        raise MaxLimitExceeded(f"{field}: {number - 1} is the highest number there is", field=field, hint=hint)
    return with_spec(obj, **{name: number})
