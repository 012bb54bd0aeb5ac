"""Charts and indexes made in memory."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile


def tar(files: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    """A tar of `files`, and of symbolic links."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for path, data in files.items():
            info = tarfile.TarInfo(path)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for path, target in (links or {}).items():
            info = tarfile.TarInfo(path)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    return out.getvalue()


def tgz(files: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    return gzip.compress(tar(files, links), mtime=0)


def chart_archive(name: str, version: str) -> bytes:
    """A packed chart as `helm package` makes it."""
    chart = f"apiVersion: v2\nname: {name}\nversion: {version}\n".encode()
    return tgz({f"{name}/Chart.yaml": chart, f"{name}/templates/cm.yaml": b"kind: ConfigMap\n"})


def index(charts: dict[str, list[tuple[str, str]]], digests: dict[str, bytes] | None = None) -> bytes:
    """An index.yaml with (version, URL) by chart, written as `helm repo index` writes it."""
    lines = ["apiVersion: v1", "entries:"]
    for name, versions in charts.items():
        lines.append(f"  {name}:")
        for version, url in versions:
            digest = hashlib.sha256((digests or {}).get(url, b"")).hexdigest()
            lines += [
                "  - apiVersion: v2",
                f"    name: {name}",
                f"    version: {version}",
                f"    digest: {digest}",
                "    urls:",
                f"    - {url}",
            ]
    return "\n".join([*lines, 'generated: "2026-01-01T00:00:00Z"', ""]).encode()
