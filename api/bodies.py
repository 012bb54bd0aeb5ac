"""Request bodies: JSON or YAML by content type, checked before anything looks at them."""

from __future__ import annotations

from typing import Any

import orjson
from flask import request

from api.errors import InvalidBody, UnsupportedMediaType
from extension.objects import yaml
from extension.objects.errors import Invalid

JSON_TYPES = ("application/json",)
YAML_TYPES = ("application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml")
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"


def read_object() -> dict[str, Any]:
    """The body as an object. Raises UnsupportedMediaType, or InvalidBody saying where it can't be read."""
    data = read(JSON_TYPES, YAML_TYPES)
    if not isinstance(data, dict):
        raise InvalidBody("the body must be an object")
    return data


def read(json_types: tuple[str, ...], yaml_types: tuple[str, ...] = ()) -> Any:
    """The body as plain data, if its content type is one of these. No content type is JSON."""
    if request.mimetype and request.mimetype not in json_types + yaml_types:
        known = ", ".join(json_types + yaml_types)
        raise UnsupportedMediaType(f"content type {request.mimetype} is not supported", hint=f"send one of {known}")
    raw = request.get_data(cache=False)
    if request.mimetype in yaml_types:
        try:
            return _writable(yaml.load(raw))
        except Invalid as error:
            raise InvalidBody(error.message) from None
    return from_json(raw)


def from_json(raw: bytes) -> Any:
    try:
        return _writable(orjson.loads(raw))
    except orjson.JSONDecodeError as error:
        raise InvalidBody(f"the body is not JSON: {error.msg} at line {error.lineno} column {error.colno}") from None


def _writable(data: Any) -> Any:
    """`data`, which must be possible to answer with later: no lone surrogates, no numbers beyond 64 bits, no deep nesting."""
    try:
        orjson.dumps(data)
    except TypeError as error:
        raise InvalidBody(f"the body holds what JSON can't: {error}") from None
    return data
