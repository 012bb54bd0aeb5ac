"""YAML as Fleet reads the files that overlays patch, and the patches: by the rules of YAML 1.2.

There `on`, `yes` and the like are text, a date is a moment, which becomes text again with a time, a key that is there twice is
refused, and so is one that is not text. All else is as in `objects.yaml`. Kustomize reads what Helm rendered by the same rules.
"""

from __future__ import annotations

import calendar
import re
from typing import Any

import yaml as pyyaml

from extension.objects import yaml

_NO_BOOLEANS = frozenset(("y", "n", "yes", "no", "on", "off"))
_TIME = r"(?P<hour>\d{1,2}):(?P<minute>\d{1,2}):(?P<second>\d{1,2})(?:[.,](?P<fraction>\d+))?"
_MOMENT = re.compile(rf"(\d{{4}})-(\d{{1,2}})-(\d{{1,2}})(?:[Tt]{_TIME}(?P<zone>Z|[-+]\d\d:\d\d))?", re.ASCII)
_WITHOUT_ZONE = re.compile(rf"(\d{{4}})-(\d{{1,2}})-(\d{{1,2}}) +{_TIME}", re.ASCII)
_ZONE_HOURS, _ZONE_MINUTES = 24, 60


def load(text: bytes, where: str) -> Any:
    """The first document as plain data; of a file without any, an empty map. Raises Invalid with the line."""
    with yaml.told(where):
        node = next(yaml.composed(text, where), None)
        return {} if node is None else build(node)


def build(node: pyyaml.Node) -> Any:
    """The plain data of a node of `objects.yaml.composed`. Raises YAMLError or ValueError with the line."""
    if isinstance(node, pyyaml.ScalarNode):
        return _scalar(node)
    if isinstance(node, pyyaml.SequenceNode):
        return [build(child) for child in node.value]
    merged: dict[str, Any] = {}
    built: dict[str, Any] = {}
    lines: dict[str, int] = {}
    for key, value in node.value:
        line, word = key.start_mark.line + 1, key.value if isinstance(key, pyyaml.ScalarNode) else None
        if word in lines:
            raise pyyaml.YAMLError(f'line {line}: mapping key "{word}" already defined at line {lines[word]}')
        if word == "<<" and key.tag in _MERGES:
            merged = yaml.merge(build(value), merged, key)
        elif word is None or not (_plain(word) == word if key.tag == yaml.PLAIN else key.tag == f"{yaml.TAG}str"):
            raise pyyaml.YAMLError(f"line {line}: the key {word or ''!r} of a file that an overlay patches is not text, quote it")
        else:
            built[word] = build(value)
        lines[word] = line
    return {**merged, **built} if merged else built


_MERGES = (yaml.PLAIN, f"{yaml.TAG}str", f"{yaml.TAG}merge")
"""The key `<<` merges in quotes too."""


def _scalar(node: pyyaml.ScalarNode) -> Any:
    if node.tag == yaml.PLAIN:
        return _plain(node.value)
    if node.tag == f"{yaml.TAG}bool" and node.value.lower() in _NO_BOOLEANS:
        raise pyyaml.YAMLError(f"line {node.start_mark.line + 1}: {node.value} is no !!bool")
    if node.tag != f"{yaml.TAG}timestamp":
        return yaml.scalar(node)
    moment = _moment(node.value)
    if moment is None:
        raise pyyaml.YAMLError(f"line {node.start_mark.line + 1}: {node.value} is no !!timestamp")
    return moment


def _plain(text: str) -> Any:
    if text.lower() in _NO_BOOLEANS:
        return text
    moment = _moment(text) if text[4:5] == "-" else None
    return yaml.plain(text) if moment is None else moment


def _moment(text: str) -> str | None:
    """A date, with or without a time, as Go writes it again; None for what is none."""
    found = _MOMENT.fullmatch(text) or _WITHOUT_ZONE.fullmatch(text)
    if found is None:
        return None
    year, month, day = (int(part) for part in found.group(1, 2, 3))
    hour, minute, second = (int(found[part] or 0) for part in ("hour", "minute", "second"))
    if not (1 <= month <= 12 and 1 <= day <= _days(year, month) and hour < 24 and minute < 60 and second < 60):
        return None
    fraction = (found["fraction"] or "")[:9].rstrip("0")
    zone = _zone(found.groupdict().get("zone") or "Z", text)
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{'.' if fraction else ''}{fraction}{zone}"


def _zone(zone: str, text: str) -> str:
    """The offset as Go writes it: sixty minutes are an hour, none is `Z`."""
    if zone == "Z":
        return zone
    hours, minutes = int(zone[1:3]), int(zone[4:])
    if hours > _ZONE_HOURS or minutes > _ZONE_MINUTES:
        return zone
    hours, minutes = hours + minutes // _ZONE_MINUTES, minutes % _ZONE_MINUTES
    if hours >= _ZONE_HOURS:
        raise ValueError(f"{text} is a moment whose offset is a day or more, which can't be expressed in JSON")
    return f"{zone[0]}{hours:02}:{minutes:02}" if hours or minutes else "Z"


def _days(year: int, month: int) -> int:
    # Year 0 is a leap year, which calendar leaves out.
    return calendar.monthrange(year or 4, month)[1]
