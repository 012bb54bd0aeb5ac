"""Helm values laid over one another as Fleet does: maps deep, everything else replaced, null kept (`fleet-semantics.md` 2.8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from extension.objects import yaml
from extension.objects.errors import Invalid

_SHOWN = 10
"""How many keys an error names."""


def deep_merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `over` on top; neither is changed. A null in `over` is a value, not a deletion."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = deep_merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged


def layered(layers: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """All layers merged, the last on top."""
    merged: dict[str, Any] = {}
    for layer in layers:
        merged = deep_merge(merged, layer)
    return merged


def from_source(data: Mapping[str, str | bytes], key: str, where: str) -> dict[str, Any]:
    """The values in one key of a ConfigMap or Secret (`valuesFrom`); `where` names it. Raises Invalid without its content."""
    if key not in data:
        there = ", ".join(sorted(data)[:_SHOWN]) or "no keys"
        raise Invalid(f"key {key} is missing in {where}", where=where, field=key, hint=f"it has {there}")
    try:
        values = yaml.load(data[key])
    except Invalid:
        raise Invalid(f"key {key} in {where} is no YAML", where=where, field=key) from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise Invalid(f"key {key} in {where} holds no map of values", where=where, field=key)
    return values
