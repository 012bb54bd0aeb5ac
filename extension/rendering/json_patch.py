"""JSON patches (RFC 6902) with the liberties of the library that Fleet uses (evanphx/json-patch 4), not those of ours.

`replace` sets a key that is not there, an index may be negative, an `add` without a value adds null, a `test` for null passes
where nothing is, and the whole document can be replaced but not added or removed.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

from extension.objects.errors import Invalid

_INDEX = re.compile(r"[-+]?[0-9]+", re.ASCII)


class _Failed(Exception):
    """Why an operation can't be applied."""


def apply(document: Any, operations: list[Any], where: str) -> Any:
    """The document, an object or a list, with all operations applied in order. Raises Invalid with the number of the one that failed."""
    found = copy.deepcopy(document)
    for number, operation in enumerate(operations, 1):
        try:
            found = _applied(found, operation)
        except _Failed as error:
            raise Invalid(f"the JSON patch can't be applied: operation {number}: {error}", where=where) from None
    return found


def _applied(document: Any, operation: Any) -> Any:
    if not isinstance(operation, dict):
        raise _Failed("it is no object")
    name = operation.get("op")
    if not isinstance(name, str) or name not in _OPERATIONS:
        raise _Failed(f"{name!r} is none of {', '.join(_OPERATIONS)}")
    path = _text(operation, "path")
    if path == "" and name == "replace":
        if not isinstance(operation.get("value"), dict | list):
            raise _Failed("only an object or a list can take the place of the whole document")
        return copy.deepcopy(operation["value"])
    if path == "" and name == "test":
        _same(document, operation, path)
    else:
        _OPERATIONS[name](document, operation, path)
    return document


def _text(operation: dict[str, Any], key: str) -> str:
    value = operation.get(key)
    if not isinstance(value, str):
        raise _Failed(f"it has no {key}")
    return value


def _add(document: Any, operation: dict[str, Any], path: str) -> None:
    _put(document, path, copy.deepcopy(operation.get("value")))


def _remove(document: Any, _: dict[str, Any], path: str) -> None:
    _take(document, path)


def _replace(document: Any, operation: dict[str, Any], path: str) -> None:
    parent, key = _found(document, path)
    at = key if isinstance(parent, dict) else _index(key, len(parent), path)
    parent[at] = copy.deepcopy(operation.get("value"))


def _move(document: Any, operation: dict[str, Any], path: str) -> None:
    source = _text(operation, "from")
    value = _get(document, source)
    _take(document, source)
    _put(document, path, value)


def _copy(document: Any, operation: dict[str, Any], path: str) -> None:
    _put(document, path, copy.deepcopy(_get(document, _text(operation, "from"))))


def _test(document: Any, operation: dict[str, Any], path: str) -> None:
    _same(_get(document, path), operation, path)


def _same(value: Any, operation: dict[str, Any], path: str) -> None:
    if not _equal(value, operation.get("value")):
        raise _Failed(f"{path or 'the document'} is not what the test expects")


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    return type(one) is type(other) and bool(one == other)


def _found(document: Any, path: str) -> tuple[Any, str]:
    """The map or list that holds what `path` names, and its key there. A path without a leading slash names nothing."""
    parts = path.split("/")
    if len(parts) < 2:
        raise _Failed(f"there is no {path!r}, a path begins with a slash")
    keys = [part.replace("~1", "/").replace("~0", "~") for part in parts[1:]]
    at = document
    for key in keys[:-1]:
        if isinstance(at, dict):
            at = at.get(key)
        elif isinstance(at, list):
            at = at[_index(key, len(at), path)]
        if not isinstance(at, dict | list):
            raise _Failed(f"there is no {path}")
    return at, keys[-1]


def _index(key: str, length: int, path: str) -> int:
    at = int(key) if _INDEX.fullmatch(key) else length
    if not -length <= at < length:
        raise _Failed(f"there is no {path}, a place that the list does not have")
    return at % length


def _get(document: Any, path: str) -> Any:
    parent, key = _found(document, path)
    return parent.get(key) if isinstance(parent, dict) else parent[_index(key, len(parent), path)]


def _put(document: Any, path: str, value: Any) -> None:
    parent, key = _found(document, path)
    if isinstance(parent, dict):
        parent[key] = value
    else:
        parent.insert(len(parent) if key == "-" else _index(key, len(parent) + 1, path), value)


def _take(document: Any, path: str) -> None:
    parent, key = _found(document, path)
    if isinstance(parent, dict):
        if key not in parent:
            raise _Failed(f"there is no {path}")
        del parent[key]
    else:
        del parent[_index(key, len(parent), path)]


_OPERATIONS: dict[str, Callable[[Any, dict[str, Any], str], None]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}
