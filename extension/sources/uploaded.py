"""A folder that somebody sent as an archive, as a Tree: what a working copy would make, before it is a commit.

Nothing of it touches a disk. What an archive may hold is bounded (`archive.Limits`); links are text that only `links.resolved`
follows, inside of the tree. No digest is told: nothing is remembered of it.
"""

from __future__ import annotations

import os

from extension.objects.errors import Invalid
from extension.objects.tree import Entry, EntryType
from extension.sources.archive import Limits, unpack
from extension.sources.overlay import OverlaidTree

SUFFIX = ".tar.gz"
WHERE = "folder"


class UploadedTree(OverlaidTree):
    """objects.tree.Tree over a gzipped tar. Raises Invalid for a broken one, a path that leaves it, two things at one path, and for
    more than the limits allow."""

    def __init__(self, archive: bytes, limits: Limits = Limits()) -> None:
        super().__init__()
        self._links: dict[str, str] = {}
        self._files = unpack(archive, SUFFIX, WHERE, limits=limits, links=self._links)
        self._folders: dict[str, dict[str, Entry]] = {"": {}}
        for path, data in self._files.items():
            self._add(path, Entry(_name(path), EntryType.FILE, len(data)))
        for path in self._links:
            self._add(path, Entry(_name(path), EntryType.LINK))

    def _add(self, path: str, entry: Entry) -> None:
        parent = path.rpartition("/")[0]
        if parent not in self._folders:
            self._folders[parent] = {}
            self._add(parent, Entry(_name(parent), EntryType.FOLDER))
        known = self._folders[parent].setdefault(entry.name, entry)
        if known != entry:
            raise Invalid(f"the archive holds {path!r} twice", where=WHERE, hint="pack the folder again")

    def _entries(self, folder: str) -> tuple[Entry, ...]:
        return tuple(sorted(self._folders.get(folder, {}).values(), key=lambda entry: os.fsencode(entry.name)))

    def _read(self, path: str) -> bytes:
        if path not in self._files:
            raise FileNotFoundError(path)
        return self._files[path]

    def _link(self, path: str) -> str:
        if path not in self._links:
            raise FileNotFoundError(path)
        return self._links[path]

    def _digest(self, path: str) -> str:
        return ""


def _name(path: str) -> str:
    return path.rpartition("/")[2]
