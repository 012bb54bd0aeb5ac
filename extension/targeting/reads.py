"""What a `${ }` template reads of a cluster, found without evaluating it.

Clusters that agree on what a template reads get one variant (`design.md` decision 2), so this must never miss a read;
it may see one too many. An action's tokens are looked at one by one: a field or `index`/`get`/`hasKey` with a literal
key reads that key, a map used in any other way is read whole, and a bare `.` or `$` reads everything (but the dot
inside `range` and `with`, which is a part of what was counted there). Functions that give something else each time
they are called read the cluster's name, so that no two clusters share their result.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

LABEL_PREFIX = "global.fleet.clusterLabels."
LEFT = "${"

_MAPS = {"ClusterLabels": "labels", "ClusterAnnotations": "annotations", "ClusterValues": "template_values"}
_BLOCKS = {"range": True, "with": True, "if": False, "block": False, "define": False}
_KEYED = ("index", "get", "hasKey")
_CHANGING = re.compile("rand[A-Z][A-Za-z]*|gen[A-Z][A-Za-z]*|now|ago|date.*|htmlDate.*|uuidv4|shuffle|htpasswd|bcrypt|encryptAES")
_TOKEN = re.compile(
    r"""(?P<end>\})
    |(?P<literal>"(?:\\.|[^"\\\n])*"|`[^`]*`)
    |(?P<skip>\s+|/\*.*?\*/|'(?:\\.|[^'\\\n])*')
    |(?P<variable>\$\w+)
    |(?P<field>[.$][\w.]*)
    |(?P<word>[^\W\d]\w*)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)


class Reads(msgspec.Struct, frozen=True):
    """Which inputs are read: keys of the three maps (None: the whole map), the cluster's name, its namespace."""

    labels: frozenset[str] | None = frozenset()
    annotations: frozenset[str] | None = frozenset()
    template_values: frozenset[str] | None = frozenset()
    name: bool = False
    namespace: bool = False

    def __or__(self, other: Reads) -> Reads:
        return Reads(
            labels=_union(self.labels, other.labels),
            annotations=_union(self.annotations, other.annotations),
            template_values=_union(self.template_values, other.template_values),
            name=self.name or other.name,
            namespace=self.namespace or other.namespace,
        )


def _union(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    return None if one is None or other is None else one | other


_TEXTS = {"ClusterName": Reads(name=True), "ClusterNamespace": Reads(namespace=True)}
EVERYTHING = Reads(labels=None, annotations=None, template_values=None, name=True, namespace=True)


def template_reads(text: str) -> Reads:
    """What the actions in `text` read."""
    found = Reads()
    blocks: list[bool] = []
    at = 0
    while (start := text.find(LEFT, at)) >= 0:
        tokens, at = _action(text, start + len(LEFT))
        for read in _reads(tokens, rebound=any(blocks)):
            found |= read
        _enter(blocks, next((word for kind, word in tokens if kind == "word"), ""))
    return found


def _enter(blocks: list[bool], word: str) -> None:
    """Keeps the open blocks, True for those inside of which the dot is another one."""
    if word in _BLOCKS:
        blocks.append(_BLOCKS[word])
    elif word == "else" and blocks:
        blocks[-1] = False
    elif word == "end" and blocks:
        blocks.pop()


def prefix_reads(values: Any) -> Reads:
    """The labels that `global.fleet.clusterLabels.NAME` texts anywhere in `values` name."""
    return Reads(labels=frozenset(_prefixed(values)))


def _prefixed(values: Any) -> Iterator[str]:
    if isinstance(values, str):
        if values.startswith(LABEL_PREFIX):
            yield values.removeprefix(LABEL_PREFIX)
        return
    children: Iterable[Any] = values.values() if isinstance(values, dict) else values if isinstance(values, list) else ()
    for child in children:
        yield from _prefixed(child)


def _action(text: str, at: int) -> tuple[list[tuple[str, str]], int]:
    """The tokens of one action, and where the text goes on behind it."""
    tokens: list[tuple[str, str]] = []
    while found := _TOKEN.match(text, at):
        at = found.end()
        kind = found.lastgroup or "other"
        if kind == "end":
            break
        if kind != "skip":
            tokens.append((kind, found[0]))
    return tokens, at


def _reads(tokens: list[tuple[str, str]], rebound: bool) -> Iterator[Reads]:
    for place, (kind, text) in enumerate(tokens):
        if kind == "word" and _CHANGING.fullmatch(text):
            yield Reads(name=True, namespace=True)
        elif kind == "field" and not (text == "." and rebound):
            before = tokens[place - 1] if place else ("", "")
            after = tokens[place + 1] if place + 1 < len(tokens) else ("", "")
            yield _field(text, before, after)


def _field(text: str, before: tuple[str, str], after: tuple[str, str]) -> Reads:
    path = [part for part in text.lstrip("$").split(".") if part]
    if not path:
        return EVERYTHING
    root, keys = path[0], path[1:]
    if root in _TEXTS:
        return _TEXTS[root]
    if root not in _MAPS:
        return Reads()
    if not keys and before[0] == "word" and before[1] in _KEYED and after[0] == "literal":
        keys = _literal(after[1])
    return msgspec.structs.replace(Reads(), **{_MAPS[root]: frozenset(keys[:1]) if keys else None})


def _literal(token: str) -> list[str]:
    """The text of a Go string literal; nothing for one with escapes, which makes the read one of the whole map."""
    return [] if token[0] == '"' and "\\" in token else [token[1:-1]]
