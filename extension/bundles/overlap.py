"""What a Bundle has that another one had (`fleet-semantics.md` 3.1): a manifest that moves from one folder to another is
deleted with the Bundle it left, when the one it came to is on the cluster already.

Told as `overwrites` in the Bundle that stays, so that who deploys it makes again what went missing. Manifests are compared
as they are written: what a template or an overlay makes of them is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from extension.objects import yaml
from extension.objects.content import unpack
from extension.objects.errors import Invalid
from extension.objects.kinds import Bundle
from extension.objects.options import OverwrittenResource

_MANIFESTS = (".yaml", ".yml", ".json")


def overwriting(bundle: Bundle, gone: Iterable[OverwrittenResource]) -> Bundle:
    """The Bundle with those of its objects that Bundles had which go now; itself when there are none."""
    common = sorted(set(objects(bundle)) & set(gone), key=lambda one: (one.kind, one.namespace, one.name))
    if not common:
        return bundle
    return msgspec.structs.replace(bundle, spec=msgspec.structs.replace(bundle.spec, overwrites=tuple(common)))


def objects(bundle: Bundle) -> Iterator[OverwrittenResource]:
    """The objects in a Bundle's manifests; a file that is none, or a template, has none."""
    for resource in bundle.spec.resources:
        if resource.name.endswith(_MANIFESTS):
            try:
                documents = list(yaml.load_all(unpack(resource), resource.name))
            except (Invalid, ValueError, OSError):
                continue
            yield from filter(None, map(_named, documents))


def _named(document: object) -> OverwrittenResource | None:
    metadata = document.get("metadata") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(metadata, dict) or not document.get("kind") or not metadata.get("name"):
        return None
    return OverwrittenResource(str(metadata["name"]), str(metadata.get("namespace") or ""), str(document["kind"]))
