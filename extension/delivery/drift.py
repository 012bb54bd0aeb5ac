"""How what is on a cluster differs from what was deployed (`fleet-semantics.md` 4.5).

Only what the manifest says counts: fields that defaults, controllers or people added are no drift. Status is never
compared. Where plain comparison finds a difference, the caller asks the API server what applying would change, so that
defaulted and normalised fields (`1000m` and `1`) never count. Pure.
"""

from __future__ import annotations

import copy
import fnmatch
from collections.abc import Callable, Iterable
from typing import Any

import json_merge_patch
import jsonpatch
import jsonpointer
import msgspec
import orjson
import re2  # type: ignore[import-untyped]  # no stubs are published for it

from extension.delivery import mutators
from extension.delivery.changes import MERGE_KEYS, as_text, changes, is_same
from extension.objects.options import ComparePatch
from extension.objects.status import ModifiedStatus
from extension.rendering.masking import Masking

Object = dict[str, Any]

LONGEST_PATCH = 4096
"""So many characters of a patch are told. Statuses are kept for every deployment: they must not grow with the size of an object."""
_SERVER_FIELDS = ("managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "selfLink")
_QUIETLY = re2.Options()
_QUIETLY.log_errors = False


def holds(desired: Any, live: Any) -> bool:
    """Whether everything `desired` says is so in `live`; more in maps of `live` does not matter."""
    if isinstance(desired, dict):
        if desired == {} and live is None:
            return True
        return isinstance(live, dict) and all(holds(value, live.get(key)) for key, value in desired.items())
    if isinstance(desired, list):
        if desired == [] and live is None:
            return True
        return isinstance(live, list) and _lists_hold(desired, live)
    if desired is None:
        return live is None
    return (type(desired) is type(live) and desired == live) or _same_number(desired, live)


def _same_number(desired: Any, live: Any) -> bool:
    numbers = isinstance(desired, int | float) and isinstance(live, int | float)
    return numbers and not isinstance(desired, bool) and not isinstance(live, bool) and desired == live


def _lists_hold(desired: list[Any], live: list[Any]) -> bool:
    if len(desired) != len(live):
        return False
    key = next((k for k in MERGE_KEYS if all(isinstance(i, dict) and k in i for i in (*desired, *live))), None)
    if key is None:
        return all(holds(d, found) for d, found in zip(desired, live, strict=True))
    by_key = {orjson.dumps(item[key]): item for item in live}
    return all(holds(item, by_key.get(orjson.dumps(item[key]))) for item in desired)


def normalised(obj: Object, patches: Iterable[ComparePatch]) -> Object:
    """The object without what is not compared: status, what the API server or the cluster writes itself, and what `comparePatches` name."""
    plain = copy.deepcopy({key: value for key, value in obj.items() if key != "status"})
    metadata = plain.get("metadata")
    if isinstance(metadata, dict):
        for field in _SERVER_FIELDS:
            metadata.pop(field, None)
    mutators.drop(plain)
    return compared(plain, patches)


def compared(obj: Object, patches: Iterable[ComparePatch]) -> Object:
    """The object without what `comparePatches` name."""
    for patch in patches:
        obj = _compared(obj, patch)
    return obj


def _compared(obj: Object, patch: ComparePatch) -> Object:
    group, kind = str(obj.get("apiVersion", "")).rpartition("/")[0], str(obj.get("kind", ""))
    groups = "*" if patch.api_version in ("", "*") else patch.api_version.rpartition("/")[0]
    if not fnmatch.fnmatchcase(group, groups) or not fnmatch.fnmatchcase(kind, patch.kind or "*"):
        return obj
    name, namespace = _place(obj)
    if patch.name in ("", name) and patch.namespace in ("", namespace):
        for pointer in patch.json_pointers:
            obj = _patched(obj, [{"op": "remove", "path": pointer}])
    if (patch.name, patch.namespace) == (name, namespace):  # operations need the exact place, as in Fleet
        for operation in patch.operations:
            if operation.op != "ignore":
                step = {"op": operation.op, "path": operation.path}
                obj = _patched(obj, [{**step, "value": _value(operation.value)} if operation.value or operation.op != "remove" else step])
    return obj


def _value(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _patched(obj: Object, steps: list[dict[str, Any]]) -> Object:
    try:
        patched = jsonpatch.apply_patch(obj, steps)
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException):
        return obj  # a field that is not there needs no ignoring
    return patched if isinstance(patched, dict) else obj


def is_ignored(obj: Object, patches: Iterable[ComparePatch]) -> bool:
    """Whether a missing object is to be overlooked (operation `ignore`): by its name, by a regular expression that is found in it, or
    without a name every one of the namespace."""
    name, namespace = _place(obj)
    for patch in patches:
        same = (patch.kind, patch.api_version, patch.namespace) == (obj.get("kind"), obj.get("apiVersion"), namespace)
        if same and any(operation.op == "ignore" for operation in patch.operations) and (name == patch.name or _is_in(patch.name, name)):
            return True
    return False


def _is_in(pattern: str, name: str) -> bool:
    try:
        return re2.search(pattern, name, _QUIETLY) is not None
    except re2.error:
        return False


class Difference(msgspec.Struct, frozen=True):
    """A live object and what it would be after applying, both without what is not compared, and the object as it is. `patch` is the JSON
    merge patch between the two."""

    found: Object
    wanted: Object
    live: Object
    patch: Object

    def without(self, pointer: str) -> Difference | None:
        """The difference but for a field; None when that was all."""
        step = [{"op": "remove", "path": pointer}]
        return difference(_patched(self.found, step), _patched(self.wanted, step), self.live)


def difference(found: Object, wanted: Object, live: Object) -> Difference | None:
    patch = json_merge_patch.create_patch(found, wanted)
    return Difference(found, wanted, live, patch) if patch else None


def differs(
    desired: Object, live: Object, patches: tuple[ComparePatch, ...], applied: Callable[[], tuple[Object, Object]]
) -> Difference | None:
    """What would bring a live object back, None when it is as deployed. `applied` asks the API server what the object is and what it
    would be after applying; it is called only when a plain comparison finds a difference."""
    if holds(normalised(desired, patches), normalised(live, patches)):
        return None
    now, after = applied()
    found, wanted = normalised(now, patches), normalised(after, patches)
    return None if is_same(found, wanted) else difference(found, wanted, now)


def told(status: ModifiedStatus, differing: Difference, masking: Masking) -> ModifiedStatus:
    """The status with what differs; nothing that a Secret holds is in it."""
    first, more = changes(differing.found, differing.wanted, status.kind, differing.live, masking)
    patch = text(differing.patch, status.kind, masking)
    return msgspec.structs.replace(status, patch=patch, changes=first, more_changes=more)


def laid_over(live: Object, desired: Object) -> Object:
    """The live object with all that is desired in it."""
    merged: Object = json_merge_patch.merge(copy.deepcopy(live), desired)
    return merged


def text(patch: Object, kind: str, masking: Masking) -> str:
    """A patch for people, without what a Secret holds; empty for one that is too long to be read or kept."""
    masked = masking.pair(None, {**patch, "kind": kind})[1] or {}
    shown = {key: value for key, value in masked.items() if key in patch}
    told = as_text(shown, separators=(",", ":"))
    return told if len(told) <= LONGEST_PATCH else ""


def _place(obj: Object) -> tuple[str, str]:
    metadata = obj.get("metadata") or {}
    return str(metadata.get("name") or ""), str(metadata.get("namespace") or "")
