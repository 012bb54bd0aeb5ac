"""JSON merge patch (RFC 7386) and JSON patch (RFC 6902) over an object's representation, within bounds."""

from __future__ import annotations

from typing import Any

import json_merge_patch
import jsonpatch
import orjson
from jsonpointer import JsonPointerException

from api.errors import InvalidBody
from extension.objects.errors import Invalid

MAX_OPERATIONS = 1000
MAX_RESULT = 32 * 1024 * 1024


def merge(document: dict[str, Any], patch: Any) -> dict[str, Any]:
    """The document after a merge patch, in which null removes."""
    if not isinstance(patch, dict):
        raise InvalidBody("a merge patch must be an object")
    merged: dict[str, Any] = json_merge_patch.merge(document, patch)
    return merged


def json_patch(document: dict[str, Any], operations: Any) -> dict[str, Any]:
    """The document after the operations. Raises Invalid naming the one that does not apply; never its value."""
    if not isinstance(operations, list) or len(operations) > MAX_OPERATIONS:
        raise InvalidBody(f"a JSON patch must be a list of at most {MAX_OPERATIONS} operations")
    for i, operation in enumerate(operations):
        document = _apply(document, operation, f"[{i}]")
    return document


def _apply(document: dict[str, Any], operation: Any, field: str) -> dict[str, Any]:
    try:
        result = jsonpatch.JsonPatch([operation]).apply(document)
    except jsonpatch.JsonPatchTestFailed:
        raise Invalid(f"{field}: the test failed", field=field) from None
    except (jsonpatch.JsonPatchException, JsonPointerException, TypeError, ValueError, KeyError, IndexError, AttributeError):
        raise Invalid(
            f"{field}: the operation does not apply", field=field, hint="op, path and value or from must fit the object"
        ) from None
    if not isinstance(result, dict):
        raise Invalid(f"{field}: leaves no object", field=field)
    if operation.get("op") == "copy" and len(orjson.dumps(result)) > MAX_RESULT:
        raise Invalid(f"{field}: makes the object larger than {MAX_RESULT} bytes", field=field)
    return result
