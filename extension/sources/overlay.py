"""A tree that files can be added to without its source changing: what a chart's dependency update needs.

Invariant: an added file hides what the source has at its path, and `digest` takes additions into account.
"""

from __future__ import annotations

import hashlib
import os
from abc import ABC, abstractmethod

from extension.objects.tree import Entry, EntryType


class OverlaidTree(ABC):
    """Implements objects.tree.Tree over `_entries`, `_read`, `_link` and `_digest` of a source that is only read.

    Paths that leave the tree (`..`, absolute) name nothing: no entries, FileNotFoundError when read.
    """

    def __init__(self) -> None:
        self._added: dict[str, bytes] = {}

    def entries(self, folder: str) -> tuple[Entry, ...]:
        if not inside(folder):
            return ()
        found = self._entries(folder)
        if not self._added:
            return found
        names = {entry.name: entry for entry in found}
        prefix = f"{folder}/" if folder else ""
        for path, data in self._added.items():
            if path.startswith(prefix):
                name, slash, _ = path[len(prefix) :].partition("/")
                names[name] = Entry(name, EntryType.FOLDER) if slash else Entry(name, EntryType.FILE, len(data))
        return tuple(sorted(names.values(), key=lambda entry: os.fsencode(entry.name)))

    def read(self, path: str) -> bytes:
        if path in self._added:
            return self._added[path]
        if not path or not inside(path):
            raise FileNotFoundError(path)
        return self._read(path)

    def link(self, path: str) -> str:
        """The text of a symbolic link. Raises FileNotFoundError when `path` is no link."""
        if not path or not inside(path) or path in self._added:
            raise FileNotFoundError(path)
        return self._link(path)

    def digest(self, path: str) -> str:
        own = self._digest(path) if inside(path) else ""
        below = {p: d for p, d in self._added.items() if p == path or not path or p.startswith(f"{path}/")}
        if not own or not below:
            return own
        combined = hashlib.sha256(own.encode())
        for name, data in sorted(below.items()):
            combined.update(os.fsencode(name) + b"\0" + hashlib.sha256(data).digest())
        return combined.hexdigest()

    def write(self, path: str, data: bytes) -> None:
        """Adds a file to this view. Raises ValueError for a path that leaves the tree."""
        if not path or not inside(path):
            raise ValueError(f"{path!r} is not a path in the tree")
        self._added[path] = data

    @abstractmethod
    def _entries(self, folder: str) -> tuple[Entry, ...]: ...

    @abstractmethod
    def _read(self, path: str) -> bytes: ...

    @abstractmethod
    def _link(self, path: str) -> str: ...

    @abstractmethod
    def _digest(self, path: str) -> str: ...


def inside(path: str) -> bool:
    """Whether `path` is the root or a plain relative path: no empty part, `.` or `..`."""
    return not path or not any(part in ("", ".", "..") for part in path.split("/"))
