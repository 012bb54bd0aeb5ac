"""YAML overlays of plain bundles (`fleet-semantics.md` 2.9).

`overlays/NAME/PATH` replaces or adds PATH; a base name with `_patch.` patches the file without that word instead: a list is a
JSON patch, a map a strategic merge for the kinds of Kubernetes itself and a JSON merge patch for all others. Within one
overlay Fleet's order is by chance; here it is by name. Nothing below `overlays/` is deployed.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from extension.objects.errors import Invalid
from extension.rendering import json_patch, overlay_yaml
from extension.rendering.documents import as_floats

FOLDER = "overlays/"
StrategicMerge = Callable[[dict[str, Any], dict[str, Any]], dict[str, Any] | None]
"""Strategic merge of a patch onto an object; None for a kind that has no merge rules."""


def lay(files: Mapping[str, bytes], overlays: tuple[str, ...], strategic: StrategicMerge) -> dict[str, bytes]:
    """The files with the overlays laid over them in order, `overlays/` dropped. Raises Invalid naming the file at fault."""
    content = dict(files)
    for overlay in overlays:
        prefix = f"{FOLDER}{overlay}/"
        for name in sorted(n for n in content if n.startswith(prefix)):
            path = name.removeprefix(prefix)
            target = _patched(path)
            content[target or path] = _patch(content, target, name, strategic) if target else content[name]
    return {name: data for name, data in content.items() if not name.startswith(FOLDER)}


def _patched(path: str) -> str:
    folder, base = posixpath.split(path)
    return posixpath.join(folder, base.replace("_patch.", ".", 1)) if "_patch." in base else ""


def _patch(content: Mapping[str, bytes], target: str, name: str, strategic: StrategicMerge) -> bytes:
    if target not in content:
        raise Invalid(f"failed to find base file {target} to patch", where=name)
    original = overlay_yaml.load(content[target], target)
    return msgspec.json.encode(_apply(original, overlay_yaml.load(content[name], name), name, strategic))


def _apply(original: Any, patch: Any, name: str, strategic: StrategicMerge) -> Any:
    if isinstance(patch, list):
        if not isinstance(original, dict | list):
            raise Invalid("what a JSON patch changes must be an object or a list", where=name)
        return json_patch.apply(original, patch, name)
    if not isinstance(patch, dict | None) or not isinstance(original, dict):
        raise Invalid("a patch and what it patches must be objects, or the patch a list of operations", where=name)
    has_rules = original.get("kind") and original.get("apiVersion") and "items" not in original
    deletes = isinstance(patch, dict) and patch.get("$patch") == "delete"
    merged = strategic(as_floats(original), {} if deletes else as_floats(patch or {})) if has_rules else None
    if deletes and merged is not None:
        return {}
    if merged is None and patch is None:
        raise Invalid("the patch is nothing", where=name, hint="write {} for one that changes nothing")
    return merge(original, patch) if merged is None else merged


def merge(original: Any, patch: Any) -> Any:
    """RFC 7396: maps are merged, null deletes, everything else is replaced; what replaces no map loses its nulls in lists too."""
    if not isinstance(original, dict):
        return _without_nulls(patch)
    if not isinstance(patch, dict):
        return patch
    merged = dict(original)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


def _without_nulls(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: _without_nulls(item) for key, item in value.items() if item is not None}
