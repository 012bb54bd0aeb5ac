"""What must not be read in a preview, masked: the one function for every output of plans (CVE-2026-42880 and its two sequels).

A Secret keeps its keys, so that one sees which of them change, and none of its values. Annotations in which clients keep a
copy of a whole object are masked on every kind. What a Secret of the same rendering holds is a secret wherever it
stands: in a ConfigMap, an argument, the text of an error.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Object = dict[str, Any]

MASK = "***"
BEFORE, AFTER = f"{MASK} (before)", f"{MASK} (after)"
COPIES = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        "objectset.rio.cattle.io/applied",
        "kapp.k14s.io/original",
    }
)
"""Annotations that hold an applied object, from kubectl, Rancher and kapp."""
SHOWN = frozenset({"apiVersion", "kind", "metadata", "type", "immutable"})
"""The fields of a Secret that hold no secret."""
LEAST = 8
"""A text shorter than that is too common to be masked wherever it stands; in a Secret every value is."""


class Masking:
    """Masks what is rendered before and after a change. `before` and `after` are all objects of both."""

    def __init__(self, before: Iterable[Object] = (), after: Iterable[Object] = ()) -> None:
        found = {word for objects in (before, after) for obj in objects if _is_secret(obj) for word in _words(obj)}
        self._words = sorted(found, key=lambda word: (-len(word), word))

    def pair(self, before: Object | None, after: Object | None) -> tuple[Object | None, Object | None]:
        """An object before and after, either may be missing: a value that differs is masked differently on the two sides."""
        marks = (MASK, MASK) if before is None or after is None else (BEFORE, AFTER)
        return self._masked(before, after, marks[0]), self._masked(after, before, marks[1])

    def text(self, text: str) -> str:
        for word in self._words:
            text = text.replace(word, MASK)
        return text

    def _masked(self, obj: Object | None, other: Object | None, differs: str) -> Object | None:
        if obj is None:
            return None
        other = other or {}
        if _is_secret(obj):
            obj = {key: value if key in SHOWN else _hidden(value, other.get(key), differs) for key, value in obj.items()}
        masked: Object = self.value(_without_copies(obj, other, differs))
        return masked

    def value(self, value: Any) -> Any:
        """Plain data without the words of Secrets."""
        if isinstance(value, dict):
            return {self.text(key) if isinstance(key, str) else key: self.value(child) for key, child in value.items()}
        if isinstance(value, list):
            return [self.value(child) for child in value]
        return self.text(value) if isinstance(value, str) else value


def scrubbed(text: str, values: Any) -> str:
    """A text without the values (of Helm, say) that it quotes."""
    for word in sorted({word for word in _texts(values) if len(word) >= LEAST}, key=len, reverse=True):
        text = text.replace(word, MASK)
    return text


def _is_secret(obj: Mapping[str, Any]) -> bool:
    return obj.get("kind") == "Secret"


def _hidden(value: Any, other: Any, differs: str) -> Any:
    """A field of a Secret with the keys that it has, whatever its values are."""
    if isinstance(value, dict):
        known = other if isinstance(other, dict) else {}
        return {key: MASK if key in known and known[key] == child else differs for key, child in value.items()}
    return MASK if value == other else differs


def _without_copies(obj: Object, other: Object, differs: str) -> Object:
    metadata = obj.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    if not isinstance(metadata, dict) or not isinstance(annotations, dict) or COPIES.isdisjoint(annotations):
        return obj
    told = ((other.get("metadata") or {}).get("annotations") or {}) if isinstance(other.get("metadata"), dict) else {}
    hidden = {
        key: (MASK if isinstance(told, dict) and told.get(key) == value else differs) if key in COPIES else value
        for key, value in annotations.items()
    }
    return {**obj, "metadata": {**metadata, "annotations": hidden}}


def _words(secret: Object) -> Iterator[str]:
    """The texts that a Secret holds, in clear and as they are written, and the lines of long ones."""
    for field, value in secret.items():
        if field in SHOWN:
            continue
        for text in _texts(value):
            for known in (text, *(_clear(text) if field == "data" else ())):
                yield from (word for word in (known, *known.splitlines()) if len(word.strip()) >= LEAST)


def _clear(text: str) -> Iterator[str]:
    try:
        yield base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(child)


def without_values(value: Any) -> Any:
    """Plain data with its keys and without any of its values: what a person may see of Helm's values."""
    if isinstance(value, dict):
        return {key: without_values(child) for key, child in value.items()}
    if isinstance(value, list):
        return [without_values(child) for child in value]
    return MASK if value is not None else None
