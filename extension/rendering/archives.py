"""Chart archives in memory: files to `.tgz` and back, with a bound on what one may unpack to."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Mapping

from extension.objects.errors import Invalid

MAX_UNPACKED = 256 << 20


def archive(files: Mapping[str, bytes], root: str = "chart") -> bytes:
    """The files as a chart archive, below one folder as Helm wants it."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path, data in files.items():
            info = tarfile.TarInfo(f"{root}/{path}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return gzip.compress(packed.getvalue(), compresslevel=1, mtime=0)


def archive_files(data: bytes) -> dict[str, bytes]:
    """The files in a chart archive by their full path. Raises Invalid for one that can't be read or unpacks to too much."""
    members: dict[str, bytes] = {}
    left = MAX_UNPACKED
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:*") as tar:
            for member in tar:
                content = tar.extractfile(member) if member.isfile() else None
                left -= member.size
                if left < 0:
                    raise Invalid(f"the archive unpacks to more than {MAX_UNPACKED} bytes")
                if content is not None:
                    members[member.name] = content.read()
    except (tarfile.TarError, OSError, EOFError) as error:
        raise Invalid(f"the archive can't be read: {error}") from None
    return members


def without_schemas(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The chart without the schemas of its values, those of packed subcharts too: the SDK can't be told to skip them."""
    kept: dict[str, bytes] = {}
    for path, data in files.items():
        if path.rpartition("/")[2] == "values.schema.json" and (path.count("/") == 0 or path.startswith("charts/")):
            continue
        kept[path] = _repack(data) if path.startswith("charts/") and path.endswith(".tgz") else data
    return kept


def _repack(data: bytes) -> bytes:
    members = archive_files(data)
    root = next(iter(members)).partition("/")[0] if members else "chart"
    inner = {path.partition("/")[2]: content for path, content in members.items()}
    return archive(without_schemas(inner), root)
