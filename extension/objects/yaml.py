"""YAML as Kubernetes reads it: YAML 1.1 the way Go's parser does, over libyaml's C scanner.

PyYAML alone differs (`design.md` "YAML scalars", measured): `y` and `n` are booleans here, `12:30:45` and dates
are text, `0o14` and `1e3` are numbers, a float without a fraction is an integer, `=` is text, every mapping key
is a string, of two equal keys the last wins, and an anchor may be defined again. What aliases expand to is bounded
before anything is built, so a small file can't become gigabytes.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import struct
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from itertools import islice
from typing import Any, cast

import yaml
from yaml.composer import Composer

from extension.objects.codec import go_general
from extension.objects.errors import Invalid

MAX_EXPANDED_NODES = 1_000_000
MAX_DEPTH = 200

TAG = "tag:yaml.org,2002:"
PLAIN = "plain"
_WORDS: dict[str, Any] = {
    **{w: True for word in ("y", "yes", "on", "true") for w in (word, word.capitalize(), word.upper())},
    **{w: False for word in ("n", "no", "off", "false") for w in (word, word.capitalize(), word.upper())},
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
}
_NUMBER_START = frozenset("-+.0123456789")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_DOT_FLOAT = re.compile(r"\.[0-9]+(_[0-9]+)*([eE][-+]?[0-9]+(_[0-9]+)*)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_SIGN_BEHIND_BASE = re.compile(r"0b[-+][01]+")
_DIGITS = re.compile(r"[0-9A-Za-z]+")
_TYPES: dict[str, Callable[[Any], bool]] = {
    "int": lambda value: type(value) is int,
    "float": lambda value: type(value) is float or (type(value) is int and value < 2**63),
    "bool": lambda value: type(value) is bool,
    "null": lambda value: value is None,
}
_DUPLICATE_ANCHOR = "second occurrence"
_OTHER_VERSION = r"\A\s*(?:(?:#|%(?!YAML)).*\s*)*%YAML[ \t]+(?!1\.1\b)"
_OTHER_IN_TEXT, _OTHER_IN_BYTES = re.compile(_OTHER_VERSION), re.compile(_OTHER_VERSION.encode())
"""The head of a document of another version than 1.1. libyaml reads 1.2 too, Go's parser does not."""


class _Loader(yaml.CSafeLoader):
    """The C composer, told to leave plain scalars unresolved: `scalar` resolves them."""

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        if kind is yaml.ScalarNode:
            return PLAIN if implicit[0] else TAG + "str"
        return TAG + ("map" if kind is yaml.MappingNode else "seq")


class _Redefining(Composer):
    """Composes in Python what the C composer refuses: a document that defines an anchor again."""

    def __init__(self, text: str | bytes) -> None:
        super().__init__()
        parser = _Loader(text)
        self.check_event, self.peek_event, self.get_event = parser.check_event, parser.peek_event, parser.get_event
        self.resolve = parser.resolve

    def descend_resolver(self, *_: Any) -> None:
        """Nothing is resolved by its path."""

    ascend_resolver = descend_resolver

    def compose_node(self, parent: Any, index: Any) -> Any:
        if not self.check_event(yaml.AliasEvent):
            self.anchors.pop(getattr(self.peek_event(), "anchor", None), None)
        return super().compose_node(parent, index)

    def documents(self) -> Iterator[yaml.Node]:
        while self.check_node():
            yield cast(yaml.Node, self.get_node())


def load(text: str | bytes, where: str = "") -> Any:
    """The first document of `text` as plain data, None for an empty one. Raises Invalid with the line."""
    documents = load_all(text, where)
    first = next(documents, None)
    if _has_inner_mark(text):
        deque(documents, maxlen=0)  # what stands behind the mark would be lost without a word
    return first


def _has_inner_mark(text: str | bytes) -> bool:
    """Whether a byte order mark stands before a line other than the first: libyaml ends the document there."""
    return "\n\ufeff" in text if isinstance(text, str) else b"\n\xef\xbb\xbf" in text


def load_all(text: str | bytes, where: str = "") -> Iterator[Any]:
    """Every document of `text`, in order, empty ones as None. Raises Invalid with the line."""
    with told(where):
        for node in composed(text, where):
            yield build(node)


@contextmanager
def told(where: str) -> Iterator[None]:
    """Errors of the scanner and of what is built from its nodes as Invalid, with line and column."""
    try:
        yield
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (f"line {mark.line + 1}: ", f" (column {mark.column + 1})") if mark else ("", "")
        raise Invalid(f"yaml: {line}{error.problem or error.context}{column}", where=where) from None
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        raise Invalid(f"yaml: {error}", where=where) from None
    except RecursionError:
        raise Invalid(f"yaml: nested deeper than {MAX_DEPTH} levels", where=where) from None


def composed(text: str | bytes, where: str) -> Iterator[yaml.Node]:
    """The documents of `text`, none larger than is good. An unquoted scalar has the tag `PLAIN`."""
    for node in _nodes(text):
        _bound(node, where)
        yield node


def _nodes(text: str | bytes) -> Iterator[yaml.Node]:
    if _OTHER_IN_TEXT.match(text) if isinstance(text, str) else _OTHER_IN_BYTES.match(text):
        raise yaml.YAMLError("found incompatible YAML document: only version 1.1 is read")
    loader = _Loader(text)
    count = 0
    try:
        while loader.check_node():
            node = cast(yaml.Node, loader.get_node())
            count += 1
            yield node
    except yaml.composer.ComposerError as error:
        if error.problem != _DUPLICATE_ANCHOR:
            raise
        yield from islice(_Redefining(text).documents(), count, None)


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


def build(node: yaml.Node) -> Any:
    """The plain data of a node that `composed` gave."""
    if isinstance(node, yaml.ScalarNode):
        return scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return [build(child) for child in node.value]
    built: dict[str, Any] = {}
    for key_node, value_node in node.value:
        if key_node.tag == PLAIN and key_node.value == "<<":
            built |= merge(build(value_node), {}, key_node)  # also over the keys before it
        else:
            built[_key(key_node)] = build(value_node)
    return built


def merge(value: Any, merged: dict[str, Any], node: yaml.Node) -> dict[str, Any]:
    """What a key `<<`, the node, brings below what others brought already."""
    for source in value if isinstance(value, list) else [value]:
        if not isinstance(source, dict):
            raise yaml.YAMLError(f"line {node.start_mark.line + 1}: map merge requires map or sequence of maps as the value")
        merged = {**source, **merged}
    return merged


def _key(node: yaml.Node) -> str:
    """A key as Go's YAML to JSON writes it; floats are written with 32 bits there."""
    if not isinstance(node, yaml.ScalarNode):
        raise yaml.YAMLError(f"line {node.start_mark.line + 1}: a mapping key must be a scalar")
    value = _resolved(node.value) if node.tag == PLAIN else scalar(node)
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or (isinstance(value, int) and value >= 2**63):
        raise yaml.YAMLError(f"line {node.start_mark.line + 1}: {node.value or 'nothing'} can't be a mapping key")
    return _single(value) if isinstance(value, float) else str(value)


def _single(value: float) -> str:
    try:
        (single,) = struct.unpack("f", struct.pack("f", value))
    except OverflowError:
        single = math.copysign(math.inf, value)
    if not math.isfinite(single):
        return ".nan" if math.isnan(single) else "-.inf" if single < 0 else ".inf"
    texts = (f"{single:.{digits}g}" for digits in range(1, 10))
    return go_general(Decimal(next(text for text in texts if struct.pack("f", float(text)) == struct.pack("f", single))))


def scalar(node: yaml.ScalarNode) -> Any:
    if node.tag == PLAIN:
        return plain(node.value)
    kind = node.tag.removeprefix(TAG)
    if kind in _TYPES:
        if not _TYPES[kind](_resolved(node.value)):
            raise yaml.YAMLError(f"line {node.start_mark.line + 1}: {node.value} is no !!{kind}")
        return plain(node.value)
    if kind == "binary":
        try:
            return base64.b64decode(re.sub("[\r\n]", "", node.value), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise ValueError(f"line {node.start_mark.line + 1}: !!binary is not base64 text") from None
    return node.value


def plain(text: str) -> Any:
    """What an unquoted scalar means: None, bool, int, float or the text itself. Raises ValueError for .inf and .nan."""
    value = _resolved(text)
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        raise ValueError(f"{text} can't be expressed in JSON")
    return _narrow(value)


def _resolved(text: str) -> Any:
    """As `plain`, with floats as they are: also those without a fraction, .inf and .nan."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_START:
        return text
    digits = text.replace("_", "")
    number = _integer(digits)
    if number is not None:
        return number
    if _DOT_FLOAT.fullmatch(text) if text[0] == "." else _FLOAT.fullmatch(digits):
        value = float(digits)
        return value if math.isfinite(value) else text
    return float(text.replace(".", "")) if _NOT_FINITE.fullmatch(text) else text


def _integer(digits: str) -> int | None:
    """A number of 64 bits; a longer one is a float if it is decimal, and else text."""
    if _SIGN_BEHIND_BASE.fullmatch(digits):
        value = int(digits[2:], 2)
        return value if -(2**63) <= value < 2**63 else None
    unsigned = digits.lstrip("+-")
    # Python would take digits of any script, and blanks of any kind around them.
    if not _DIGITS.fullmatch(unsigned) or len(digits) - len(unsigned) > 1 or not unsigned[0].isdigit():
        return None
    octal = unsigned[0] == "0" and unsigned.isdigit() and len(unsigned) > 1
    try:
        value = int(unsigned, 8) if octal else int(unsigned, 0)
    except ValueError:
        return None
    value = -value if digits[0] == "-" else value
    return value if -(2**63) <= value < (2**63 if digits[0] in "+-" else 2**64) else None


def _narrow(value: float) -> int | float:
    """A float without a fraction as an integer, as it arrives after Go's YAML to JSON; huge ones stay floats."""
    return int(value) if value.is_integer() and abs(value) < 1e21 else value
