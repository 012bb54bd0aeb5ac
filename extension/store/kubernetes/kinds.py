"""Which kinds are mirrored, where the API server has them, and how what it sends becomes ours.

Credentials and values (Secrets, ConfigMaps) are not among them: they stay on the API server.
"""

from __future__ import annotations

from typing import Any, TypeVar, cast
from urllib.parse import quote

import msgspec
import orjson

from extension.objects.base import Object, prepare
from extension.objects.codec import decode_object
from extension.objects.kinds import DOCUMENT_KINDS, Bundle, BundleDeployment, ConfigMap, HelmOp, ImageScan, Policy, Schedule, Secret

T = TypeVar("T", bound=Object)

UNMIRRORED: tuple[type[Object], ...] = (Secret, ConfigMap)
MIRRORED: tuple[type[Object], ...] = (*(cls for cls in DOCUMENT_KINDS if cls not in UNMIRRORED), BundleDeployment)
LATER: tuple[type[Object], ...] = (HelmOp, Schedule, Policy, ImageScan)
"""Kinds that not every Fleet has: where the API server does not serve them there are none."""
PAGE = 500
PAGE_OF_BUNDLES = 50
"""A Bundle holds all its files: so many of them may be as large as a page of anything else."""


def path_of(cls: type[Object], namespace: str = "", name: str = "") -> str:
    """The place of a kind, of those of a namespace, or of one object."""
    root = f"/apis/{cls.API_VERSION}" if "/" in cls.API_VERSION else f"/api/{cls.API_VERSION}"
    place = f"/namespaces/{quote(namespace, safe='')}" if cls.NAMESPACED and namespace else ""
    return f"{root}{place}/{cls.PLURAL}" + (f"/{quote(name, safe='')}" if name else "")


def page_size(cls: type[Object]) -> int:
    return PAGE_OF_BUNDLES if cls in (Bundle, HelmOp) else PAGE


def served_as(cls: type[Object]) -> str:
    """The kind's name for people, such as `gitrepos.fleet.cattle.io`."""
    return ".".join(part for part in (cls.PLURAL, cls.API_VERSION.rpartition("/")[0]) if part)


class ListMeta(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class Listed(msgspec.Struct, frozen=True):
    """A page of a list, its objects still as they came."""

    metadata: ListMeta = ListMeta()
    items: list[msgspec.Raw] | None = None


class Event(msgspec.Struct, frozen=True):
    type: str
    object: msgspec.Raw


class _Meta(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: str = ""


class Marked(msgspec.Struct, frozen=True):
    """What an event of a type of its own says: the version of a bookmark, the code of an error."""

    metadata: _Meta = _Meta()
    code: int = 0
    message: str = ""


prepare(Listed, Event, Marked)

_DECODERS = {cls: msgspec.json.Decoder(cls) for cls in (*MIRRORED, *UNMIRRORED)}


def decoded(cls: type[T], raw: bytes | msgspec.Raw) -> T:
    """The object in an answer. Raises Invalid for one that is none."""
    try:
        return cast(T, _DECODERS[cls].decode(raw))
    except msgspec.ValidationError:  # a null, or a key spelled as Go would take it
        document: Any = orjson.loads(bytes(raw))
        return decode_object(cls, document)


def version(obj: Object) -> int:
    """The resourceVersion as a number: Kubernetes says that those of one kind can be compared."""
    return number_of(obj.metadata.resource_version)


def number_of(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0
