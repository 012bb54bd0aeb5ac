"""A chart from elsewhere as a Tree, so that its files are chosen as those of a folder are (`fleet-semantics.md` 2.5)."""

from __future__ import annotations

from collections.abc import Mapping

from extension.objects.tree import Entry, EntryType


class FetchedTree:
    """`objects.tree.Tree` over the files of a chart, which lie below `folder`: the bundle's, whose credentials count for it."""

    def __init__(self, files: Mapping[str, bytes], folder: str) -> None:
        prefix = f"{folder}/" if folder else ""
        self._files = {prefix + path: data for path, data in files.items()}
        self._folders: dict[str, dict[str, Entry]] = {}
        for path, data in self._files.items():
            self._add(path, Entry(path.rpartition("/")[2], EntryType.FILE, len(data)))

    def _add(self, path: str, entry: Entry) -> None:
        parent = path.rpartition("/")[0]
        known = self._folders.get(parent)
        if known is None:
            known = self._folders[parent] = {}
            if parent:
                self._add(parent, Entry(parent.rpartition("/")[2], EntryType.FOLDER))
        known[entry.name] = entry

    def entries(self, folder: str) -> tuple[Entry, ...]:
        return tuple(sorted(self._folders.get(folder, {}).values(), key=lambda entry: entry.name.encode(errors="surrogateescape")))

    def read(self, path: str) -> bytes:
        if path not in self._files:
            raise FileNotFoundError(path)
        return self._files[path]

    def link(self, path: str) -> str:
        raise FileNotFoundError(path)

    def digest(self, path: str) -> str:
        return ""

    def write(self, path: str, data: bytes) -> None:
        self._files[path] = data
        self._add(path, Entry(path.rpartition("/")[2], EntryType.FILE, len(data)))
