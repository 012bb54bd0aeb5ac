"""What a Bundle has that another one had (`fleet-semantics.md` 3.1): a manifest that moves from one folder to another would be
deleted with what it left, when the one it came to is on the cluster already.

Told as `overwrites` in the Bundle that gets it, so that who deploys both leaves it where it is, and makes again what went missing. Fleet
tells it only of Bundles that go. Manifests are compared as they are written: what a template or an overlay makes of them is not known here.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import TypeVar

import msgspec

from extension.objects import yaml
from extension.objects.content import unpack
from extension.objects.errors import Invalid
from extension.objects.kinds import Bundle
from extension.objects.options import OverwrittenResource

K = TypeVar("K", bound=Hashable)
_MANIFESTS = (".yaml", ".yml", ".json")


def moved(before: Mapping[K, Bundle], after: Mapping[K, Bundle]) -> dict[K, Bundle]:
    """Of the Bundles `after` those that get what others had `before` and have not any more, with what that is."""
    had = {key: set(objects(bundle)) for key, bundle in before.items()}
    has = {key: set(objects(bundle)) for key, bundle in after.items()}
    given = {key: names - has.get(key, set()) for key, names in had.items()}
    found = {}
    for key, names in has.items():
        common = names & set().union(*(gone for giver, gone in given.items() if giver != key))
        if common:
            told = tuple(sorted(common, key=lambda one: (one.kind, one.namespace, one.name)))
            found[key] = msgspec.structs.replace(after[key], spec=msgspec.structs.replace(after[key].spec, overwrites=told))
    return found


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
