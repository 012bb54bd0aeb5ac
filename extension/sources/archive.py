"""Archives from strangers, unpacked into memory within limits.

Nothing is written to a disk, so nothing can be overwritten; what an archive says of itself is not believed: entries
and bytes are counted while they come out, so a small file can't become gigabytes. Links and devices are refused, paths
that leave the archive too.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import posixpath
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any

import msgspec

from extension.objects.errors import Invalid

_TAR = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar")
_SINGLE: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_ZSTD = (".tar.zst", ".tzst", ".zst")
_BROKEN = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)
_CHUNK = 1024 * 1024


class Limits(msgspec.Struct, frozen=True):
    """Bytes unpacked in all and of one file, the number of files, and how many times larger than the archive (`ratio`)."""

    total: int = 100 * 1024 * 1024
    file: int = 20 * 1024 * 1024
    entries: int = 10_000
    ratio: int = 200


def kind(name: str) -> str:
    """The archive's extension in `name` (`.tgz`, `.zip`, ...), or empty when it is none."""
    known = (*_TAR, *_ZSTD, ".zip", *_SINGLE)
    return next((suffix for suffix in known if name.lower().endswith(suffix)), "")


def unpack(
    data: bytes, suffix: str, where: str, *, name: str = "", limits: Limits = Limits(), links: dict[str, str] | None = None
) -> dict[str, bytes]:
    """The files of an archive by path. `suffix` is one of `kind`'s; `name` that of a single packed file. The symbolic links of a tar are
    put into `links`, as text that nothing follows; without it they are refused.

    Raises Invalid for a broken archive, a link, a path that leaves it, or more than `limits`.
    """
    if suffix in _ZSTD:
        raise Invalid("archives packed with zstd are not read", where=where, hint="offer the archive as .tar.gz")
    out: dict[str, bytes] = {}
    left = min(limits.total, max(limits.ratio * len(data), 1024 * 1024))

    def linked(path: str, target: str) -> None:
        if links is None:
            raise _link(path, where)
        links[_safe(path, where)] = target
        if len(links) > limits.entries:
            raise Invalid(f"the archive has more than {limits.entries} links", where=where)

    try:
        for path, stream, size in _members(data, suffix, name, where, linked):
            if len(out) >= limits.entries:
                raise Invalid(f"the archive has more than {limits.entries} files", where=where)
            content = _read(stream, min(limits.file, left), size, f"{where}: {path}")
            left -= len(content)
            out[_safe(path, where)] = content
    except _BROKEN as error:
        told = str(error) or type(error).__name__
        raise Invalid(
            f"not a {suffix.lstrip('.')} archive, or a broken one: {told}", where=where, hint="check what the URL answers with"
        ) from None
    return out


def _members(data: bytes, suffix: str, name: str, where: str, linked: Callable[[str, str], None]) -> Iterator[tuple[str, IO[bytes], int]]:
    if suffix == ".zip":
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            for info in packed.infolist():
                if (info.external_attr >> 16) & 0o170000 == 0o120000:
                    raise _link(info.filename, where)
                if not info.is_dir():
                    with packed.open(info) as stream:
                        yield info.filename, stream, info.file_size
    elif suffix in _TAR:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r|*") as tar:
            for member in tar:
                if member.isfile():
                    inner = tar.extractfile(member)
                    if inner is not None:
                        yield member.name, inner, member.size
                elif member.issym():
                    linked(member.name, member.linkname)
                elif not member.isdir():
                    raise _link(member.name, where)
    else:
        with _SINGLE[suffix](io.BytesIO(data)) as whole:
            yield name.removesuffix(suffix), whole, 0


def _read(stream: IO[bytes], limit: int, announced: int, where: str) -> bytes:
    if announced > limit:
        raise _large(announced, limit, where)
    content = bytearray()
    while piece := stream.read(_CHUNK):
        content += piece
        if len(content) > limit:
            raise _large(len(content), limit, where)
    return bytes(content)


def _safe(path: str, where: str) -> str:
    clean = posixpath.normpath(path)
    if path.startswith("/") or "\\" in path or "\0" in path or clean == ".." or clean.startswith("../") or clean == ".":
        raise Invalid(f"the archive holds {path!r}, a path outside of it", where=where, hint="pack it again with relative paths")
    return clean


def _link(path: str, where: str) -> Invalid:
    return Invalid(f"the archive holds {path!r}, a link or device", where=where, hint="pack it again with plain files")


def _large(size: int, limit: int, where: str) -> Invalid:
    return Invalid(
        f"unpacks to {size} bytes or more, {limit} are allowed", where=where, hint="make the archive smaller, or raise the limit"
    )
