"""Manifest text to objects and back, as Fleet reads and Helm writes it (`fleet-semantics.md` 4.2).

A stream is cut at lines that hold `---` (and a comment at most) before it is parsed, so a document is what lies between them. Lists
of any kind are taken apart. Written YAML quotes every string that Go's parser would read as something else (`y`, `1e3`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import yaml as pyyaml

from extension.objects import yaml
from extension.objects.errors import Invalid

_SEPARATOR = re.compile(r"^---[^\S\n]*(?:#.*)?(?:\n|\Z)", re.MULTILINE)


class MissingKind(Invalid):
    """A document is no Kubernetes object."""


def objects(text: str | bytes, where: str) -> Iterator[dict[str, Any]]:
    """The objects in `text`, lists taken apart, empty documents left out.

    Raises MissingKind for a document without `kind`, Invalid for broken YAML; both name `where` and the line.
    """
    if isinstance(text, bytes):
        text = _decoded(text, where)
    for line, document in _documents(text):
        value = _parsed(document, line, where)
        if value:
            yield from _taken_apart(value, line, where)


def _decoded(data: bytes, where: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid(f"yaml: not UTF-8 text (byte {error.start})", where=where) from None


def _documents(text: str) -> Iterator[tuple[int, str]]:
    """Every document with the number of lines before it."""
    text = text.replace("\r\n", "\n")
    at = line = 0
    for found in _SEPARATOR.finditer(text):
        yield line, text[at : found.start()]
        line += text.count("\n", at, found.end())
        at = found.end()
    yield line, text[at:]


def _parsed(document: str, line: int, where: str) -> dict[str, Any]:
    try:
        value = yaml.load(document, where)
    except Invalid:
        yaml.load("\n" * line + document, where)  # again, with the line counted from the top of the file
        raise
    if value is None or isinstance(value, dict):
        return value or {}
    raise Invalid(f"yaml: document at line {line + 1}: expected an object, got {_kind_of(value)}", where=where)


def _kind_of(value: Any) -> str:
    return {list: "a list", str: "text", bool: "a boolean", int: "a number", float: "a number"}.get(type(value), "a value")


def _taken_apart(value: dict[str, Any], line: int, where: str) -> Iterator[dict[str, Any]]:
    if not value.get("kind") or not isinstance(value["kind"], str):
        raise MissingKind(f"Object 'Kind' is missing in the document at line {line + 1}", where=where)
    items = value.get("items")
    if not isinstance(items, list):
        yield value
        return
    for item in items:
        if not isinstance(item, dict):
            raise Invalid(f"{value['kind']} in the document at line {line + 1}: an item is no object", where=where)
        named = item.get("kind") or item.get("apiVersion")
        inherited = {} if named else {"apiVersion": value.get("apiVersion", ""), "kind": value["kind"].removesuffix("List")}
        yield from _taken_apart({**item, **inherited}, line, where)


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
