"""YAML as Kubernetes reads it: YAML 1.1 the way Go's parser does, over libyaml's C scanner.

PyYAML alone differs (`design.md` "YAML scalars", measured): `y` and `n` are booleans here, `12:30:45` and dates
are text, `0o14` and `1e3` are numbers, a float without a fraction is an integer, `=` is text, every mapping key
is a string and of two equal keys the last wins. What aliases expand to is bounded before anything is built,
so a small file can't become gigabytes.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any, cast

import yaml

from extension.objects.errors import Invalid

MAX_EXPANDED_NODES = 1_000_000
MAX_DEPTH = 200

_TAG = "tag:yaml.org,2002:"
_PLAIN = "plain"
_WORDS: dict[str, Any] = {
    **{w: True for word in ("y", "yes", "on", "true") for w in (word, word.capitalize(), word.upper())},
    **{w: False for word in ("n", "no", "off", "false") for w in (word, word.capitalize(), word.upper())},
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
}
_NUMBER_START = frozenset("-+.0123456789")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


class _Loader(yaml.CSafeLoader):
    """The C composer, told to leave plain scalars unresolved: `_scalar` resolves them."""

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        if kind is yaml.ScalarNode:
            return _PLAIN if implicit[0] else _TAG + "str"
        return _TAG + ("map" if kind is yaml.MappingNode else "seq")


def load(text: str | bytes, where: str = "") -> Any:
    """The first document of `text` as plain data, None for an empty one. Raises Invalid with the line."""
    return next(load_all(text, where), None)


def load_all(text: str | bytes, where: str = "") -> Iterator[Any]:
    """Every document of `text`, in order, empty ones as None. Raises Invalid with the line."""
    try:
        loader = _Loader(text)
        while loader.check_node():
            node = cast(yaml.Node, loader.get_node())
            _bound(node, where)
            yield _build(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"line {mark.line + 1}: " if mark else ""
        raise Invalid(f"yaml: {line}{error.problem or error.context}", where=where) from None
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        raise Invalid(f"yaml: {error}", where=where) from None
    except RecursionError:
        raise Invalid(f"yaml: nested deeper than {MAX_DEPTH} levels", where=where) from None


def _bound(node: yaml.Node, where: str) -> None:
    """Raises Invalid when aliases expand beyond MAX_EXPANDED_NODES, loop, or nest too deep."""
    sizes: dict[int, int] = {}

    def size(at: yaml.Node, depth: int) -> int:
        if isinstance(at, yaml.ScalarNode):
            return 1
        known = sizes.get(id(at))
        if known == 0 or depth > MAX_DEPTH:
            raise Invalid(f"yaml: line {at.start_mark.line + 1}: nested deeper than {MAX_DEPTH} levels or in itself", where=where)
        if known is None:
            sizes[id(at)] = 0
            children = (n for pair in at.value for n in pair) if isinstance(at, yaml.MappingNode) else at.value
            known = sizes[id(at)] = 1 + sum(size(child, depth + 1) for child in children)
        return known

    if size(node, 0) > MAX_EXPANDED_NODES:
        raise Invalid(f"yaml: document contains excessive aliasing (over {MAX_EXPANDED_NODES} values)", where=where)


def _build(node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return [_build(child) for child in node.value]
    merged: dict[str, Any] = {}
    built: dict[str, Any] = {}
    for key_node, value_node in node.value:
        if key_node.tag == _PLAIN and key_node.value == "<<":
            merged = _merge(_build(value_node), merged, key_node)
        else:
            built[_key(key_node)] = _build(value_node)
    return {**merged, **built} if merged else built


def _merge(value: Any, merged: dict[str, Any], node: yaml.Node) -> dict[str, Any]:
    for source in value if isinstance(value, list) else [value]:
        if not isinstance(source, dict):
            raise yaml.YAMLError(f"line {node.start_mark.line + 1}: map merge requires map or sequence of maps as the value")
        merged = {**source, **merged}
    return merged


def _key(node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise yaml.YAMLError(f"line {node.start_mark.line + 1}: a mapping key must be a scalar")
    value = _scalar(node)
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)


def _scalar(node: yaml.ScalarNode) -> Any:
    if node.tag == _PLAIN:
        return plain(node.value)
    if node.tag in (_TAG + "int", _TAG + "float", _TAG + "bool", _TAG + "null"):
        return plain(node.value)
    if node.tag == _TAG + "binary":
        try:
            return base64.b64decode(node.value).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise ValueError(f"line {node.start_mark.line + 1}: !!binary is not base64 text") from None
    return node.value


def plain(text: str) -> Any:
    """What an unquoted scalar means: None, bool, int, float or the text itself. Raises ValueError for .inf and .nan."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_START:
        return text
    number = _integer(text.replace("_", ""))
    if number is None and _FLOAT.fullmatch(text):
        return _narrow(float(text))
    if number is None and _NOT_FINITE.fullmatch(text):
        raise ValueError(f"{text} can't be expressed in JSON")
    return text if number is None else number


def _integer(digits: str) -> int | float | None:
    unsigned = digits.lstrip("+-")
    if not unsigned or len(digits) - len(unsigned) > 1 or not unsigned[0].isascii() or not unsigned[0].isdigit():
        return None
    octal = unsigned[0] == "0" and unsigned.isdigit() and len(unsigned) > 1
    try:
        value = int(unsigned, 8) if octal else int(unsigned, 0)
    except ValueError:
        return None
    value = -value if digits[0] == "-" else value
    return value if -(2**63) <= value < 2**64 else _narrow(float(value))


def _narrow(value: float) -> int | float:
    """A float without a fraction as an integer, as it arrives after Go's YAML to JSON; huge ones stay floats."""
    return int(value) if value.is_integer() and abs(value) < 1e21 else value
