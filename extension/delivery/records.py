"""What a directory cluster has: one record a release, written before and after its files, so that a kill at any point
leaves either the old release, or a half-written one that the record names and the next deploy finishes.

A record holds the text of every file it stands for: drift is found and corrected from it, without rendering again.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec

from extension.objects.base import prepare
from extension.objects.errors import Unavailable

FOLDER = ".releases"
PRIVATE = 0o600
PUBLIC = 0o644


class File(msgspec.Struct, frozen=True):
    """A manifest file as it was written. `modified` (ns) and `size` tell cheaply that nobody touched it since. A `copied` one is of a
    Secret or ConfigMap of the workspace, and none of the bundle's own."""

    kind: str
    api_version: str
    namespace: str
    name: str
    text: str
    created_at: str
    modified: int = 0
    size: int = 0
    copied: bool = False


class Record(msgspec.Struct, frozen=True):
    """A release. `files` are by path below the cluster's folder; `unfinished` are paths that a write which was cut off may have
    left behind."""

    name: str
    namespace: str
    bundle: str
    deployment_id: str
    revision: int = 1
    keep_resources: bool = False
    sync_generation: int = 0
    downstream_generation: int = 0
    files: dict[str, File] = {}
    unfinished: tuple[str, ...] = ()

    @property
    def owned(self) -> set[str]:
        return {*self.files, *self.unfinished}


class Records:
    """Which records a bundle has is read once and known from then on: this is the only writer of the folder."""

    def __init__(self, root: Path) -> None:
        self._folder = root / FOLDER
        self._lock = threading.Lock()
        self._places: dict[str, set[tuple[str, str]]] | None = None

    def of(self, bundle: str) -> list[Record]:
        """The releases of a bundle, by namespace and name. Raises Unavailable when a record can't be read."""
        with self._lock:
            if self._places is None:
                found: dict[str, set[tuple[str, str]]] = {}
                for known in self.all():
                    found.setdefault(known.bundle, set()).add((known.namespace, known.name))
                self._places = found  # only when every record could be read
            places = sorted(self._places.get(bundle, ()))
        return [record for place in places if (record := self.find(*place)) is not None]

    def find(self, namespace: str, name: str) -> Record | None:
        """Raises Unavailable when the record can't be read."""
        return self._read(self._path(namespace, name))

    def all(self) -> Iterator[Record]:
        paths = sorted(self._folder.glob("*.json")) if self._folder.is_dir() else []
        for path in paths:
            record = self._read(path)
            if record is not None:
                yield record

    def save(self, record: Record) -> None:
        write(self._path(record.namespace, record.name), msgspec.json.encode(record), PRIVATE)
        with self._lock:
            if self._places is not None:
                self._places.setdefault(record.bundle, set()).add((record.namespace, record.name))

    def drop(self, record: Record) -> None:
        self._path(record.namespace, record.name).unlink(missing_ok=True)
        with self._lock:
            if self._places is not None:
                self._places.get(record.bundle, set()).discard((record.namespace, record.name))

    def _path(self, namespace: str, name: str) -> Path:
        return self._folder / f"{namespace}_{name}.json"

    def _read(self, path: Path) -> Record | None:
        try:
            return msgspec.json.decode(path.read_bytes(), type=Record)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError, msgspec.ValidationError) as error:
            raise Unavailable(f"the release record can't be read: {error}", where=str(path)) from None


def write(path: Path, data: bytes, mode: int) -> os.stat_result:
    """Writes a file whole or not at all. Raises Unavailable when the disk is full or the folder can't be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fchmod(file.fileno(), mode)
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        return path.stat()
    except OSError as error:
        raise Unavailable(f"can't write: {error.strerror}", where=str(path), hint="free disk space or mend the rights") from None


prepare(Record)
