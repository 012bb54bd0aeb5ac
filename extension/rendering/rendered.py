"""What Helm's step before post-rendering makes of rendered templates (`fleet-semantics.md` 4.2; Helm 4.2.3).

Helm cuts every file itself, more generously than Kubernetes: `---` at the start of a line, whatever follows, and the blank space before
it goes as well. It then passes each document through a YAML library that marks it with its file. So a `List` is taken apart, nothing
in a flow collection becomes an empty text, and a document in flow style, JSON too, has floats for numbers. What Kustomize reads
is that text, by the rules of YAML 1.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import yaml as pyyaml

from extension.objects import yaml
from extension.objects.errors import Invalid
from extension.rendering import documents, overlay_yaml
from extension.rendering.documents import Object

FILE_ANNOTATION = "postrenderer.helm.sh/postrender-filename"
_CUT = re.compile(r"(?:\A|\s*\n)---\s*")
_LISTS = ("List", "ResourceList")
_NO_LITERAL = re.compile(r"[ \t](\n|\Z)|[^\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Document(NamedTuple):
    """One document of the file at `path`, `line` lines below its top."""

    path: str
    line: int
    node: pyyaml.MappingNode
    value: Object
    is_flow: bool

    @property
    def where(self) -> str:
        return f"{self.path} (as rendered)"

    @property
    def place(self) -> str:
        return f"the document at line {self.line + 1}"


def read(templates: Mapping[str, str]) -> list[Document]:
    """The documents of all files in the order of their paths; partials and notes have none. Raises Invalid with file and line."""
    found: list[Document] = []
    for path in sorted(templates):
        base = path.rpartition("/")[2]
        if not base.startswith("_") and not base.endswith("NOTES.txt"):
            for line, text in _cut(templates[path]):
                found.extend(_document(path, line, text))
    return found


def objects(read_documents: Iterable[Document]) -> list[tuple[str, Object]]:
    """The objects with their files, lists taken apart. Raises MissingKind or Invalid."""
    found: list[tuple[str, Object]] = []
    for document in read_documents:
        for obj in documents.taken_apart(document.value, document.place, document.where):
            if not obj.get("kind"):
                raise documents.MissingKind(f"Object 'Kind' is missing in an item of {document.place}", where=document.where)
            found.append((document.path, obj))
    return found


def for_kustomize(read_documents: Iterable[Document]) -> str:
    """The documents as the stream that Kustomize reads: marked with their files, and by the rules of YAML 1.2."""
    return documents.stream(_marked(document) for document in read_documents)


def unmarked(obj: Object) -> tuple[str, Object]:
    """The file that an object is marked with, empty for none, and the object without the mark."""
    metadata = obj.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    if not isinstance(metadata, dict) or not isinstance(annotations, dict) or FILE_ANNOTATION not in annotations:
        return "", obj
    left = {key: value for key, value in annotations.items() if key != FILE_ANNOTATION}
    return str(annotations[FILE_ANNOTATION]), {**obj, "metadata": {**metadata, "annotations": left}}


def ended(placed: list[tuple[str, Object]]) -> list[Object]:
    """The objects as they are read again from the stream that Helm writes: the empty lines at the end of one do not all come back.

    A text that ends an object with several line breaks keeps one when another object of its file follows, and otherwise gains
    one for each time that it was written. `placed` are objects with their files; those without one are files of their own.
    """
    last = {path: number for number, (path, _) in enumerate(placed)}
    done: list[Object] = []
    for number, (path, obj) in enumerate(placed):
        more = -1 if path and last[path] != number else 1 if number == len(placed) - 1 else 2
        done.append(_ended(obj, more))
    return done


def _cut(text: str) -> Iterator[tuple[int, str]]:
    at = 0
    for found in (*_CUT.finditer(text), None):
        piece = text[at : found.start()] if found else text[at:]
        start = at + len(piece) - len(piece.lstrip())
        if piece.strip():
            yield text.count("\n", 0, start), text[start : at + len(piece)]
        at = found.end() if found else at


def _document(path: str, line: int, text: str) -> Iterator[Document]:
    where = f"{path} (as rendered)"
    node = _node(text, line, where)
    if node is None or (isinstance(node, pyyaml.ScalarNode) and yaml.scalar(node) is None):
        return
    kind, items = _field(node, "kind"), _field(node, "items")
    if items is None or not isinstance(kind, pyyaml.ScalarNode) or kind.value not in _LISTS:
        yield _checked(path, line, node, text, text.startswith("{"))
    elif isinstance(items, pyyaml.SequenceNode):
        for item in items.value:
            if not isinstance(item, pyyaml.ScalarNode) or yaml.scalar(item) is not None:
                yield _checked(path, line, item, text, _is_flow(item))
    elif not isinstance(items, pyyaml.ScalarNode) or yaml.scalar(items) is not None:
        raise Invalid(f"{kind.value} in the document at line {line + 1}: items are no list of objects", where=where, field="items")


def _node(text: str, line: int, where: str) -> pyyaml.Node | None:
    def first(source: str) -> pyyaml.Node | None:
        with yaml.told(where):
            return next(yaml.composed(source, where), None)

    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    try:
        node = first(text)
    except Invalid:
        first("\n" * line + text)  # again, with the line counted from the top of the file
        raise
    if node is not None:
        _fill(node, set())
    return node


def _fill(node: pyyaml.Node, seen: set[int]) -> None:
    """Nothing in a flow collection, where the library can only write it as a text, becomes an empty one."""
    if isinstance(node, pyyaml.ScalarNode) or id(node) in seen:
        return
    seen.add(id(node))
    for child in [n for pair in node.value for n in pair] if isinstance(node, pyyaml.MappingNode) else node.value:
        if _is_flow(node) and isinstance(child, pyyaml.ScalarNode) and child.tag == yaml.PLAIN and child.value == "":
            child.tag = f"{yaml.TAG}str"
        _fill(child, seen)


def _is_flow(node: pyyaml.Node) -> bool:
    return bool(getattr(node, "flow_style", False))


def _field(node: pyyaml.Node, name: str) -> pyyaml.Node | None:
    pairs = node.value if isinstance(node, pyyaml.MappingNode) else ()
    return next((value for key, value in pairs if isinstance(key, pyyaml.ScalarNode) and key.value == name), None)


def _checked(path: str, line: int, node: pyyaml.Node, text: str, is_flow: bool) -> Document:
    where, place = f"{path} (as rendered)", f"the document at line {line + 1}"
    with yaml.told(where):
        value = yaml.build(node)
    if not isinstance(node, pyyaml.MappingNode) or not isinstance(value, dict):
        raise Invalid(f"yaml: {place}: expected an object, got {documents.kind_of(value)}", where=where)
    value = documents.as_floats(value) if is_flow else documents.narrowed(value, text)
    metadata = value.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    if not isinstance(metadata, dict | None):
        raise Invalid(f"yaml: {place}: metadata is {documents.kind_of(metadata)}, not a map", where=where, field="metadata")
    if isinstance(annotations, list):
        raise Invalid(f"yaml: {place}: the annotations are a list, not a map", where=where, field="metadata.annotations")
    return Document(path, line, node, {**value, "metadata": metadata or {}}, is_flow)


def _marked(document: Document) -> Object:
    if document.is_flow:
        value = document.value
    else:
        with yaml.told(document.where):
            value = overlay_yaml.build(document.node)
    metadata = value.get("metadata") or {}
    annotations = {**(_texts(document) or metadata.get("annotations") or {}), FILE_ANNOTATION: document.path}
    return {**value, "metadata": {**metadata, "annotations": annotations}}


def _texts(document: Document) -> dict[str, str]:
    """The annotations as they are written: Kustomize takes `1` and `~` for texts there."""
    metadata = _field(document.node, "metadata")
    found = _field(metadata, "annotations") if metadata is not None and not document.is_flow else None
    pairs = found.value if isinstance(found, pyyaml.MappingNode) else ()
    return {key.value: value.value for key, value in pairs if isinstance(key, pyyaml.ScalarNode) and isinstance(value, pyyaml.ScalarNode)}


def _ended(value: Any, more: int) -> Any:
    if isinstance(value, dict) and value:
        last = max(value)
        return {**value, last: _ended(value[last], more)}
    if isinstance(value, list) and value:
        return [*value[:-1], _ended(value[-1], more)]
    if isinstance(value, str) and (value.endswith("\n\n") or value == "\n") and not _NO_LITERAL.search(value):
        return value + "\n" * more if more > 0 else value.strip("\n") and f"{value.rstrip(chr(10))}\n"
    return value
