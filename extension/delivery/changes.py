"""Why an object is not as deployed: the fields that differ, both of their values, and who changed them. Pure.

Who set a field is what the API server writes down for every object (`managedFields`). It tells who set what is there, not who removed
what is gone, and of a list whose items have owners of their own nobody has changed the whole: where the owner of exactly this field
is not certain, none is named.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import orjson

from extension.objects.status import FieldChange, ModifiedStatus
from extension.rendering.masking import COPIES, MASK, SHOWN, Masking

MOST = 10
"""So many fields of an object are told, the others counted."""
LONGEST = 120
"""So many characters of a value are told."""
_CONTEXT = 20
"""Of two long values these many characters are told before what differs."""
MERGE_KEYS = ("name", "containerPort", "port", "mountPath", "key", "type", "ip", "devicePath", "topologyKey")
"""What tells the items of Kubernetes' lists apart."""
_UNKNOWN = "before-first-apply"
"""What the API server calls whoever wrote before it kept account."""
_ABSENT: Any = object()

Object = dict[str, Any]


class _Owner(NamedTuple):
    """A manager of a part of an object. `fields` is the part in the form of `fieldsV1`; `exact` when it is named, and not below a
    field that is set as a whole."""

    manager: str
    time: str
    fields: Mapping[str, Any]
    exact: bool = True


class _Leaf(NamedTuple):
    path: tuple[str | int, ...]
    wanted: Any
    found: Any
    owners: tuple[_Owner, ...]


def changes(found: Object, wanted: Object, kind: str, live: Object, masking: Masking) -> tuple[tuple[FieldChange, ...], int]:
    """The first fields of `found` that are not as `wanted`, and how many more there are. `live` is the object with its `managedFields`."""
    leaves = _leaves((), found, wanted, _owners_of(live))
    told = tuple(_change(leaf, kind, masking) for leaf in itertools.islice(leaves, MOST))
    return told, sum(1 for _ in leaves)


def is_same(found: Object, wanted: Object) -> bool:
    """Whether nothing differs but the order of items that are told apart by a key."""
    return next(_leaves((), found, wanted, ()), None) is None


def first_seen(modified: ModifiedStatus, before: Iterable[ModifiedStatus]) -> ModifiedStatus:
    """The object with the times that its changes had when they were seen first: a manager that goes on to write other fields is no news."""
    known = next((one for one in before if _place(one) == _place(modified)), None)
    times = {(one.path, one.wanted, one.found, one.manager): one for one in known.changes} if known else {}
    found = tuple(times.get((one.path, one.wanted, one.found, one.manager), one) for one in modified.changes)
    return msgspec.structs.replace(modified, changes=found)


def _place(one: ModifiedStatus) -> tuple[str, str, str, str]:
    return one.kind, one.api_version, one.namespace, one.name


def _owners_of(live: Object) -> tuple[_Owner, ...]:
    """Who set the fields of a live object."""
    metadata = live.get("metadata")
    entries = metadata.get("managedFields") if isinstance(metadata, dict) else None
    return tuple(
        _Owner(str(entry.get("manager") or ""), str(entry.get("time") or ""), entry["fieldsV1"])
        for entry in entries or ()
        if isinstance(entry.get("fieldsV1"), dict) and entry["fieldsV1"]
    )


def _leaves(path: tuple[str | int, ...], found: Any, wanted: Any, owners: tuple[_Owner, ...]) -> Iterator[_Leaf]:
    """What differs, as far down as it can be told."""
    if found == wanted:
        return
    if _are_maps(found, wanted):
        there, asked = {} if found is _ABSENT else found, {} if wanted is _ABSENT else wanted
        for key in sorted({**there, **asked}):
            yield from _leaves((*path, key), there.get(key, _ABSENT), asked.get(key, _ABSENT), _below(owners, f"f:{key}"))
        if there or asked:
            return
    pairs = _paired(found, wanted) if isinstance(found, list) and isinstance(wanted, list) else None
    if pairs is None:
        yield _Leaf(path, wanted, found, owners)
        return
    for at, there, asked in pairs:
        of_item = _of_item(owners, at, there)
        if there is _ABSENT or asked is _ABSENT:  # an item that was added or taken away is one change
            yield _Leaf((*path, at), asked, there, of_item)
        else:
            yield from _leaves((*path, at), there, asked, of_item)


def _are_maps(one: Any, other: Any) -> bool:
    """Whether one is a map, and the other too or not there at all: then none of its fields is."""
    return all(isinstance(value, dict) or value is _ABSENT for value in (one, other))


def _paired(found: list[Any], wanted: list[Any]) -> list[tuple[int, Any, Any]] | None:
    """The items of two lists that belong together, with their place; None where that can't be told."""
    if not all(isinstance(item, dict) for item in (*found, *wanted)):
        return None
    for key in MERGE_KEYS:
        there, asked = _by_key(found, key), _by_key(wanted, key)
        if there is not None and asked is not None:
            pairs = [(at, item, asked[name][1] if name in asked else _ABSENT) for name, (at, item) in there.items()]
            return pairs + [(at, _ABSENT, item) for name, (at, item) in asked.items() if name not in there]
    if len(found) != len(wanted):
        return None
    return [(at, item, wanted[at]) for at, item in enumerate(found)]


def _by_key(items: list[Object], key: str) -> dict[bytes, tuple[int, Object]] | None:
    """The items by a field that tells them apart; None where it does not."""
    if not all(isinstance(item.get(key), str | int) for item in items):
        return None
    named = {orjson.dumps(item[key]): (at, item) for at, item in enumerate(items)}
    return named if len(named) == len(items) else None


def _below(owners: Iterable[_Owner], step: str) -> tuple[_Owner, ...]:
    """The owners of a part of what they own."""
    found = []
    for owner in owners:
        if not owner.fields:
            found.append(owner._replace(exact=False))
        elif step in owner.fields:
            found.append(owner._replace(fields=owner.fields[step]))
    return tuple(found)


def _of_item(owners: Iterable[_Owner], at: int, item: Any) -> tuple[_Owner, ...]:
    """The owners of an item of a list: by its keys, else by its place."""
    found: list[_Owner] = []
    for owner in owners:
        step = next((step for step in owner.fields if step.startswith("k:") and _is_key(step[2:], item)), f"i:{at}")
        found += _below((owner,), step)
    return tuple(found)


def _is_key(text: str, item: Any) -> bool:
    """Whether the keys of a list's item, as `fieldsV1` has them, are those of the item."""
    try:
        keys = orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return isinstance(item, dict) and isinstance(keys, dict) and all(item.get(key, _ABSENT) == value for key, value in keys.items())


def _owner(leaf: _Leaf) -> _Owner | None:
    """Who set what is found; None where that can't be told."""
    if leaf.found is _ABSENT:
        return None
    owners = [owner for owner in leaf.owners if owner.exact] or list(leaf.owners)
    parts = any(owner.fields for owner in owners)
    if parts and leaf.wanted is not _ABSENT:  # its parts have owners of their own, and some are gone or new
        return None
    if len({owner.manager for owner in owners}) != 1 or owners[0].manager == _UNKNOWN:
        return None
    return max(owners, key=lambda owner: owner.time)


def _change(leaf: _Leaf, kind: str, masking: Masking) -> FieldChange:
    wanted, found = _told(leaf.wanted, leaf.path, kind, masking), _told(leaf.found, leaf.path, kind, masking)
    wanted, found = _cut(wanted, found)
    owner = _owner(leaf)
    path = "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in leaf.path)
    return FieldChange(masking.text(path), wanted, found, owner.manager if owner else "", owner.time if owner else "")


def _told(value: Any, path: Sequence[str | int], kind: str, masking: Masking) -> str:
    if value is _ABSENT:
        return ""
    is_copy = len(path) > 2 and path[:2] == ("metadata", "annotations") and path[2] in COPIES
    if is_copy or (kind == "Secret" and path and path[0] not in SHOWN):
        return MASK
    text = json.dumps(masking.value(value), ensure_ascii=False, sort_keys=True)
    return text.encode(errors="replace").decode()


def _cut(wanted: str, found: str) -> tuple[str, str]:
    """Two values without what they begin with alike, if they are long, and without what is too long."""
    if max(len(wanted), len(found)) <= LONGEST:
        return wanted, found
    differs = next((at for at, (one, other) in enumerate(zip(wanted, found, strict=False)) if one != other), 0)
    start = max(0, differs - _CONTEXT)
    return _shortened(wanted, start), _shortened(found, start)


def _shortened(text: str, start: int) -> str:
    told = f"…{text[start:]}" if start else text
    return told if len(told) <= LONGEST else f"{told[: LONGEST - 1]}…"
