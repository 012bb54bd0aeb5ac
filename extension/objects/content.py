"""Content: the files of a bundle by their hash, byte for byte Fleet's (`fleet-semantics.md` 1.16)."""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Sequence

import msgspec

from extension.objects.base import prepare
from extension.objects.codec import canonical
from extension.objects.kinds import BundleResource
from extension.objects.names import readable

GZIPPED = "base64+gz"


def manifest(resources: Sequence[BundleResource]) -> bytes:
    """The manifest document of these resources, as Fleet hashes it (with its trailing newline)."""
    return b'{"resources":[' + b",".join(canonical(resource) for resource in resources) + b"]}\n"


def resources_in(data: bytes) -> tuple[BundleResource, ...]:
    """The resources of a manifest document. Raises msgspec.DecodeError for what is none."""
    return _MANIFEST.decode(data).resources


class _Manifest(msgspec.Struct, frozen=True):
    resources: tuple[BundleResource, ...] = ()


prepare(_Manifest)
_MANIFEST = msgspec.json.Decoder(_Manifest)


def sha256_sum(resources: Sequence[BundleResource]) -> str:
    return hashlib.sha256(manifest(resources)).hexdigest()


def content_id(sha256: str) -> str:
    """The name of the Content with this SHA-256."""
    return f"s-{sha256}"[:63]


def pack(name: str, data: bytes, compress: bool = False) -> BundleResource:
    """A file as a resource: text as it is, binary (or everything, with `compress`) as gzip in base64."""
    name = readable(name)
    if not compress:
        try:
            return BundleResource(name=name, content=data.decode("utf-8"))
        except UnicodeDecodeError:
            pass
    packed = gzip.compress(data, mtime=0)
    return BundleResource(name=name, content=base64.b64encode(packed).decode(), encoding=GZIPPED)


def unpack(resource: BundleResource) -> bytes:
    """The bytes of the file. Raises ValueError for an unknown encoding or broken data."""
    if not resource.encoding:
        return resource.content.encode("utf-8")
    if resource.encoding != GZIPPED:
        raise ValueError(f"resource {resource.name}: unknown encoding {resource.encoding!r}")
    return gzip.decompress(base64.b64decode(resource.content))
