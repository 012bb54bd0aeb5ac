"""Manifest text to objects and back, as Fleet reads and Helm writes it (`fleet-semantics.md` 4.2).

A stream is cut at lines that hold `---` (and a comment at most) before it is parsed, so a document is what lies between them. One that
begins with a brace is JSON, and nothing else. Lists of any kind are taken apart, one level. A number beyond 64 bits is a float.
Written YAML quotes every string that Go's parser would read as something else (`y`, `1e3`).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import yaml as pyyaml

from extension.objects import yaml
from extension.objects.errors import Invalid

Object = dict[str, Any]

_SEPARATOR = re.compile(r"^---([^\n]*)(?:\n|\Z)", re.MULTILINE)
_LONG_NUMBER = re.compile(r"[0-9a-fA-F_]{16}")
_HALF_A_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")


class MissingKind(Invalid):
    """A document is no Kubernetes object."""


def objects(text: str | bytes, where: str) -> Iterator[Object]:
    """The objects in `text`, lists taken apart, empty documents left out. What came in a list may be without `kind`.

    Raises MissingKind for a document without `kind`, Invalid for broken YAML or JSON; both name `where` and the line.
    """
    if isinstance(text, bytes):
        text = _decoded(text, where)
    for line, document in _documents(text, where):
        value = _parsed(document, line, where)
        if value:
            yield from taken_apart(value, f"the document at line {line + 1}", where)


def _decoded(data: bytes, where: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid(f"yaml: not UTF-8 text (byte {error.start})", where=where) from None


def _documents(text: str, where: str) -> Iterator[tuple[int, str]]:
    """Every document with the number of lines before it. A separator with nothing before it belongs to the document it opens."""
    text = text.replace("\r\n", "\n")
    at = line = 0
    for found in _SEPARATOR.finditer(text):
        here = line + text.count("\n", at, found.start())
        behind = found[1].strip()
        if behind and not behind.startswith("#"):
            said = f"yaml: line {here + 1}: invalid document separator: {found[0].strip()[:80]}"
            raise Invalid(said, where=where, hint="end the line after ---")
        if found.start() > at:
            yield line, text[at : found.start()]
            at, line = found.end(), here + 1
    yield line, text[at:]


def _parsed(document: str, line: int, where: str) -> Object:
    value = _json(document, line, where) if document.lstrip().startswith("{") else _yaml(document, line, where)
    if value is None or isinstance(value, dict):
        found: Object = narrowed(value or {}, document)
        return found
    raise Invalid(f"yaml: document at line {line + 1}: expected an object, got {kind_of(value)}", where=where)


def _yaml(document: str, line: int, where: str) -> Any:
    try:
        return yaml.load(document, where)
    except Invalid:
        yaml.load("\n" * line + document, where)  # again, with the line counted from the top of the file
        raise


def _json(document: str, line: int, where: str) -> Any:
    try:
        value = json.loads(document.strip(), parse_constant=_refused, parse_float=_finite)
    except json.JSONDecodeError as error:
        at = line + error.lineno + document[: len(document) - len(document.lstrip())].count("\n")
        raise Invalid(
            f"json: line {at} column {error.colno}: {error.msg}",
            where=where,
            hint="a document that begins with { is read as JSON: quote its keys and texts, or write it as YAML without the outer braces",
        ) from None
    except RecursionError:
        raise Invalid("json: nested too deep", where=where) from None
    except ValueError as error:
        raise Invalid(f"json: document at line {line + 1}: {error}", where=where) from None
    if _HALF_A_CHARACTER.search(document):
        value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    return value


def _refused(text: str) -> Any:
    raise ValueError(f"{text} can't be expressed in JSON")


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refused(text)


def narrowed(value: Any, text: str) -> Any:
    """The value that `text` holds with numbers beyond 64 bits as floats, as Kubernetes' own code reads them."""
    return _numbers(value, _as_int64) if _LONG_NUMBER.search(text) else value


def as_floats(value: Any) -> Any:
    """The value as after a way through Go's plain JSON, where all numbers are floats: large ones lose their last digits."""
    return _numbers(value, lambda number: _as_int64(int(float(number))) if abs(number) > 2**53 else number)


def _as_int64(number: int) -> int | float:
    return number if -(2**63) <= number < 2**63 else float(number)


def _numbers(value: Any, change: Callable[[int], int | float]) -> Any:
    if isinstance(value, dict):
        return {key: _numbers(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [_numbers(item, change) for item in value]
    return change(value) if type(value) is int else value


def kind_of(value: Any) -> str:
    """What a value is, for people."""
    return {list: "a list", str: "text", bool: "a boolean", int: "a number", float: "a number", dict: "a map"}.get(type(value), "nothing")


def taken_apart(value: Object, place: str, where: str) -> Iterator[Object]:
    """The items of a list, or the object itself. `place` says where in the file it stands, for errors.

    Raises MissingKind without `kind`, Invalid for `items` that are no list of objects.
    """
    kind = value.get("kind")
    if not kind or not isinstance(kind, str):
        raise MissingKind(f"Object 'Kind' is missing in {place}", where=where)
    if "items" not in value:
        yield value
        return
    items = value["items"] if value["items"] is not None else []
    if not isinstance(items, list):
        raise Invalid(f"{kind} in {place}: items are {kind_of(items)}, not a list of objects", where=where, field="items")
    for item in items:
        if not isinstance(item, dict | None):
            raise Invalid(f"{kind} in {place}: an item is no object but {kind_of(item)}", where=where, field="items")
        named = item and (item.get("kind") or item.get("apiVersion"))
        inherited = {} if named else {"apiVersion": value.get("apiVersion", ""), "kind": kind.removesuffix("List")}
        yield {**(item or {}), **inherited}


class _Dumper(pyyaml.CSafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: _Dumper, value: str) -> pyyaml.Node:
    style = None
    if "\n" in value and "\t" not in value:
        style = "|"
    elif _ambiguous(value):
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _ambiguous(value: str) -> bool:
    try:
        return not isinstance(yaml.plain(value), str)
    except ValueError:
        return True


_Dumper.add_representer(str, _text)


def to_yaml(value: Any) -> str:
    """One document of plain data, keys sorted, in a form every Kubernetes client reads as the same data."""
    text: str = pyyaml.dump(value, Dumper=_Dumper, default_flow_style=False, allow_unicode=True, sort_keys=True, width=1_000_000)
    return text


def stream(documents: Iterable[Any]) -> str:
    """The documents as one YAML stream, each behind a `---` line."""
    return "".join(f"---\n{to_yaml(document)}" for document in documents)
