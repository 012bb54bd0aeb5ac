"""A tree from a dict, with the digests a git tree would have."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from extension.objects.tree import Entry, EntryType
from extension.sources.overlay import OverlaidTree


class DictTree(OverlaidTree):
    """`files` by path, `links` from path to text. `reads` are the paths that were read. With `digests` False it can't tell digests."""

    def __init__(self, files: Mapping[str, bytes | str], links: Mapping[str, str] | None = None, digests: bool = True) -> None:
        super().__init__()
        self.files = {path: data.encode() if isinstance(data, str) else data for path, data in files.items()}
        self.links = dict(links or {})
        self.reads: list[str] = []
        self._digests = digests

    def _entries(self, folder: str) -> tuple[Entry, ...]:
        prefix = f"{folder}/" if folder else ""
        found: dict[str, Entry] = {}
        for path in (*self.files, *self.links):
            if path.startswith(prefix):
                name, slash, _ = path[len(prefix) :].partition("/")
                if slash:
                    found[name] = Entry(name, EntryType.FOLDER)
                elif path in self.links:
                    found[name] = Entry(name, EntryType.LINK)
                else:
                    found[name] = Entry(name, EntryType.FILE, len(self.files[path]))
        return tuple(sorted(found.values(), key=lambda entry: entry.name.encode()))

    def _read(self, path: str) -> bytes:
        self.reads.append(path)
        if path not in self.files:
            raise FileNotFoundError(path)
        return self.files[path]

    def _link(self, path: str) -> str:
        if path not in self.links:
            raise FileNotFoundError(path)
        return self.links[path]

    def _digest(self, path: str) -> str:
        if not self._digests:
            return ""
        below = sorted((p, d) for p, d in self.files.items() if not path or p == path or p.startswith(f"{path}/"))
        return hashlib.sha256(repr((below, sorted(self.links.items()))).encode()).hexdigest()
