"""Secrets: credentials and values. Written here, read only by the engine; answers hold their keys and no values."""

from __future__ import annotations

import base64
import re
from typing import Any

import msgspec

from api.nouns import Noun, Write
from api.resources import blueprint
from extension.objects.core import BACKUP, MANAGED
from extension.objects.errors import Invalid
from extension.objects.kinds import ConfigMap, Secret
from extension.store.documents import LAST_APPLIED

LABELS = {MANAGED: "true", BACKUP: "true"}
"""Of every new Secret."""
MAX_BYTES = 1024 * 1024

_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")


def complete(body: dict[str, Any], old: Secret | None) -> dict[str, Any]:
    """The body with what it leaves out of a Secret's values: no `data` at all keeps them, null keeps one. Raises Invalid for
    a null where nothing is stored."""
    body = dict(body)
    stored = {key: base64.b64encode(value).decode() for key, value in old.data.items()} if old else {}
    data = body.get("data")
    if data is None:
        data = stored
    if isinstance(data, dict):
        body["data"] = {key: _kept(key, stored) if value is None else value for key, value in data.items()} | _texts(body)
    if isinstance(body.get("metadata"), dict):
        body["metadata"] = _metadata(body["metadata"], old)
    return body


def _metadata(sent: dict[str, Any], old: Secret | None) -> dict[str, Any]:
    """Of a new Secret with the labels by which rancher-backup finds it, of a stored one with the annotation no reader gets."""
    if old is None:
        field, kept = "labels", LABELS
    else:
        field, kept = "annotations", {key: value for key, value in old.metadata.annotations.items() if key == LAST_APPLIED}
    given = sent.get(field)
    fits = given is None or isinstance(given, dict)
    return sent | {field: kept | (given or {})} if fits else sent


def _kept(key: str, stored: dict[str, str]) -> str:
    if key not in stored:
        raise Invalid(f"data.{key}: null keeps a stored value and there is none", field=f"data.{key}")
    return stored[key]


def _texts(body: dict[str, Any]) -> dict[str, str]:
    """`stringData`, taken out of the body, as data."""
    texts = body.pop("stringData", None) or {}
    if not isinstance(texts, dict) or not all(isinstance(v, str) for v in texts.values()):
        raise Invalid("stringData: expected an object of texts", field="stringData")
    return {key: base64.b64encode(value.encode()).decode() for key, value in texts.items()}


def keys(write: Write) -> None:
    """Keys are file names, and all values together are not larger than Kubernetes takes."""
    new = write.new
    assert isinstance(new, Secret | ConfigMap)
    size = 0
    values: dict[str, Any] = {**new.data, **(new.binary_data if isinstance(new, ConfigMap) else {})}
    for key, value in values.items():
        if not _KEY.fullmatch(key) or key in (".", ".."):
            raise Invalid(f"data: {key[:80]!r} is not a key", field="data", hint="letters, digits, dashes, underscores and dots")
        size += len(value.encode() if isinstance(value, str) else value)
    if size > MAX_BYTES:
        raise Invalid(f"data: holds {size} bytes, more than {MAX_BYTES}", field="data")


def immutable(write: Write) -> None:
    """What was made immutable stays; so does a Secret's type."""
    old, new = write.old, write.new
    if isinstance(old, Secret) and isinstance(new, Secret) and old.type != new.type:
        raise Invalid("type: can't be changed", field="type", hint="delete the Secret and create it again")
    if old is None or not getattr(old, "immutable", None):
        return
    if msgspec.structs.replace(new, metadata=old.metadata) != old:
        raise Invalid("data: the object is immutable", field="data", hint="delete it and create it again")


NOUN = Noun(Secret, "Credentials and values; values are never returned.", checks=(keys, immutable), prepare=complete)
blueprints = (blueprint(NOUN),)
