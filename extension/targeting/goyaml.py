"""Helm values as the YAML text Fleet hands to its templates: what go-yaml v2 writes, to the letter.

The text matters, because templates are evaluated over it and not over each value: how a value is quoted decides
whether `${ .ClusterValues.num }` comes back as a number, where a long line is folded decides whether a quoted word in
an action is still one, and the order of keys decides which template variable exists when. libyaml, which PyYAML uses,
is what go-yaml was translated from; the differences are the choice of style, the order of keys and the scalars' forms.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cmp_to_key
from typing import Any

import yaml

from extension.objects.codec import go_float, go_general
from extension.objects.yaml import plain

_STR = "tag:yaml.org,2002:str"
_SEQ = "tag:yaml.org,2002:seq"
_MAP = "tag:yaml.org,2002:map"
_END = "...\n"
"""What libyaml writes behind a text whose last lines are empty, and go-yaml does not."""
_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_TIMESTAMP = re.compile(r"\d{4}-\d{1,2}-\d{1,2}([Tt ].*)?")
_DIGITS = re.compile(r"\d*")


class _Dumper(yaml.CSafeDumper):
    """The C emitter told that every scalar is what it looks like, so that it never adds a tag."""

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        return {yaml.ScalarNode: _STR, yaml.SequenceNode: _SEQ}.get(kind, _MAP)


def text_of(values: dict[str, Any]) -> str:
    """`values` (plain JSON data) as a YAML document."""
    text: str = yaml.serialize(_node(values), Dumper=_Dumper, allow_unicode=True)
    return text[: -len(_END)] if text.endswith("\n" + _END) else text


def _node(value: Any) -> yaml.Node:
    if isinstance(value, dict):
        pairs = [(_node(key), _node(value[key])) for key in sorted(value, key=KEY_ORDER)]
        return yaml.MappingNode(_MAP, pairs, flow_style=not pairs)
    if isinstance(value, list):
        return yaml.SequenceNode(_SEQ, [_node(item) for item in value], flow_style=not value)
    if isinstance(value, str):
        return yaml.ScalarNode(_STR, value, style=_style(value))
    return yaml.ScalarNode(_STR, _scalar(value))


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    number = go_float(float(value)) if value else "0"
    if "." not in number and "e" not in number and -(2**63) <= int(number) < 2**64:
        return number
    return go_general(Decimal(repr(float(value))))


def _style(text: str) -> str | None:
    """Literal for several lines, plain where that reads as the same text, else double quotes."""
    if "\n" in text:
        return "|"
    return None if _reads_as_text(text) else '"'


def _reads_as_text(text: str) -> bool:
    if text != text.strip():
        return True
    if _BASE_60.fullmatch(text) or _TIMESTAMP.fullmatch(text):
        return False
    try:
        return isinstance(plain(text), str)
    except ValueError:  # infinity and not-a-number
        return False


_NEW_LETTERS = (
    range(0x11240, 0x11241), range(0x11F02, 0x11F03), range(0x11F04, 0x11F11), range(0x11F12, 0x11F34), range(0x1DF25, 0x1DF2B),
    range(0x1E030, 0x1E06E), range(0x1E4D0, 0x1E4EC), range(0x31350, 0x323B0),
)  # fmt: skip
"""The letters of Unicode 15, which Go knows; Python 3.11 has Unicode 14."""


def _compare(one: str, other: str) -> int:
    """The order of map keys: numbers within names by value, what is no letter before letters."""
    for at, (a, b) in enumerate(zip(one, other, strict=False)):
        if a == b:
            continue
        if _is_letter(a) or _is_letter(b):
            return _sign(a, b) if _is_letter(a) and _is_letter(b) else (1 if _is_letter(a) else -1)
        return _numbers(one, other, at) or _sign(a, b)
    return len(one) - len(other)


def _is_letter(character: str) -> bool:
    return character.isalpha() or any(ord(character) in letters for letters in _NEW_LETTERS)


def _numbers(one: str, other: str, at: int) -> int:
    runs = [_run(text, at) for text in (one, other)]
    inside = "0" in (one[at], other[at]) and bool(one[:at][len(one[:at].rstrip("0123456789")) :].strip("0"))
    digits = [run if inside else run.lstrip("0") for run in runs]
    counts = [(len(run), run) for run in digits]
    return (counts[0] > counts[1]) - (counts[0] < counts[1]) or len(runs[0]) - len(runs[1])


def _run(text: str, at: int) -> str:
    found = _DIGITS.match(text, at)
    return found[0] if found else ""


def _sign(a: str, b: str) -> int:
    return -1 if a < b else 1


KEY_ORDER = cmp_to_key(_compare)
