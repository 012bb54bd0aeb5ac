"""A checked-out tree as the pure rooms see it: paths to bytes, with a digest a folder.

`sources` has the real ones (a commit in a mirror, a folder on disk); tests make one from a dict. Paths are
relative, use `/`, and never leave the tree. The root is the empty path.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Protocol

import msgspec


class EntryType(Enum):
    FILE = "file"
    FOLDER = "folder"
    LINK = "link"


class Entry(msgspec.Struct, frozen=True):
    """One name in a folder. `size` is in bytes, for files."""

    name: str
    type: EntryType
    size: int = 0


class Tree(Protocol):
    """What is at a commit or in a folder. Methods raise `Unavailable` when the source can't be read."""

    def entries(self, folder: str) -> tuple[Entry, ...]:
        """The names in `folder`, sorted bytewise; empty when there is no such folder."""

    def read(self, path: str) -> bytes:
        """The bytes of a file. Raises FileNotFoundError (also for a folder) and `Invalid` for one over the size limit."""

    def link(self, path: str) -> str:
        """The text of a symbolic link."""

    def digest(self, path: str) -> str:
        """A hash that changes when anything below `path` changes; empty when the source can't tell cheaply."""

    def write(self, path: str, data: bytes) -> None:
        """Adds a file to this view of the tree (a dependency update does), never to the source."""


def walk(tree: Tree, folder: str) -> Iterator[tuple[str, Entry]]:
    """Every entry below `folder` with its path, folders before what they hold, each folder's names sorted."""
    for entry in tree.entries(folder):
        path = f"{folder}/{entry.name}" if folder else entry.name
        yield path, entry
        if entry.type is EntryType.FOLDER:
            yield from walk(tree, path)
