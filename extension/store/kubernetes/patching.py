"""What changes from one object to another, as a JSON merge patch: fields that this service does not know stay as they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from extension.objects.base import Object, to_builtins
from extension.objects.kinds import Bundle, Cluster
from extension.objects.names import MANAGEMENT_NAME

_RANCHER_S = "cattle.io/"
_METADATA = ("labels", "annotations", "finalizers", "ownerReferences")


def merge_patch(old: Any, new: Any) -> dict[str, Any]:
    """What makes `new` of `old`, both plain objects; empty when they are equal."""
    patch: dict[str, Any] = {key: None for key in old if key not in new}
    for key, value in new.items():
        known = old.get(key)
        if isinstance(value, dict) and isinstance(known, dict):
            inner = merge_patch(known, value)
            if inner:
                patch[key] = inner
        elif key not in old or value != known or type(value) is not type(known):
            patch[key] = value
    return patch


def changes(old: Object, new: Object) -> dict[str, Any]:
    """The patch of everything that people may write: neither the status, nor what of the metadata is the API server's."""
    return merge_patch(_written(old), _written(_with_known_files(old, new)))


def management_of(obj: Object) -> str:
    """The management cluster that a Cluster of Rancher's is made from; empty for any other object."""
    return obj.metadata.labels.get(MANAGEMENT_NAME, "") if isinstance(obj, Cluster) else ""


def labels_of_people(patch: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a patch that is labels and annotations which Rancher hands down from the management cluster: all but its own
    (`rancher-integration.md` 4.2). Left on the Cluster alone they would be taken off again."""
    parts = {name: patch.get("metadata", {}).get(name) or {} for name in ("labels", "annotations")}
    own = {name: {key: value for key, value in part.items() if _RANCHER_S not in key} for name, part in parts.items()}
    return {"metadata": {name: part for name, part in own.items() if part}} if any(own.values()) else {}


def body_of(obj: Object) -> dict[str, Any]:
    """The object as it is sent to be created."""
    meta = obj.metadata
    named = {"name": meta.name, "generateName": meta.generate_name, "namespace": meta.namespace}
    written = _written(obj)
    metadata = {**{key: value for key, value in named.items() if value}, **written.pop("metadata")}
    return {"apiVersion": obj.API_VERSION, "kind": obj.KIND, "metadata": metadata, **written}


def _written(obj: Object) -> dict[str, Any]:
    plain: dict[str, Any] = to_builtins(obj)
    plain.pop("status", None)
    plain["metadata"] = {key: value for key, value in plain.get("metadata", {}).items() if key in _METADATA}
    return plain


def _with_known_files(old: Object, new: Object) -> Object:
    """A Bundle that was read without its files keeps them (`Store.update`)."""
    if not isinstance(old, Bundle) or not isinstance(new, Bundle) or new.spec.resources:
        return new
    if new.status.resources_sha256_sum != old.status.resources_sha256_sum:
        return new
    return msgspec.structs.replace(new, spec=msgspec.structs.replace(new.spec, resources=old.spec.resources))
