"""A commit in a mirror as a Tree, read from git's objects without a checkout.

Contents come from the packs in this process, and so do listings of folders that hold only folders; the others come from
git, the first few alone, then the whole tree at once. So little is cheap to look at and much is fast: reading a thousand
files costs tens of milliseconds and writes nothing to the disk. Invariant: a tree made to be endless (folders that
repeat each other) ends in an error after `max_files` entries.
"""

from __future__ import annotations

import os
import posixpath
import threading
import weakref
import zlib
from collections.abc import Callable
from typing import cast

import msgspec
from dulwich.object_store import DiskObjectStore
from dulwich.objects import ObjectID
from dulwich.objects import Tree as GitTree

from extension.objects.errors import Invalid, Unavailable
from extension.objects.explanation import CommitInfo
from extension.objects.tree import Entry, EntryType, Tree
from extension.sources.folder import MAX_FILE_SIZE, too_large
from extension.sources.overlay import OverlaidTree
from extension.sources.process import Failed, Timeout, TooMuchOutput

MAX_FILES = 50_000

ALONE = 2
"""How many folders with files are listed alone before the whole tree is."""

_BYTES_PER_ENTRY = 160
_MOST_SAID = 64 * 1024
_FOLDER_MODE = 0o040000
_TYPES = {b"tree": EntryType.FOLDER, b"commit": EntryType.FOLDER, b"blob": EntryType.FILE}
_LINK = b"120000"
_DAMAGE = (KeyError, ValueError, AssertionError, zlib.error, OSError, EOFError)


class _Node(msgspec.Struct, frozen=True):
    """One path of a tree: its type, git's mode and hash, and its size in bytes."""

    type: EntryType
    mode: bytes
    sha: bytes
    size: int


class Mirrored(msgspec.Struct, frozen=True):
    """How a CommitTree reaches its mirror: `git` runs git there (arguments, limit of output), `damaged` is told of errors."""

    path: str
    git: Callable[[tuple[str, ...], int], bytes]
    damaged: Callable[[], None]


def about(mirror: Mirrored, commit: str) -> CommitInfo:
    """Who made the commit, when, and its first line. Raises Unavailable when the mirror can't be read."""
    try:
        told = mirror.git(("log", "-1", "--format=%an%x00%aI%x00%s", "--end-of-options", commit), _MOST_SAID).decode(errors="replace")
    except (Failed, Timeout, TooMuchOutput) as error:
        raise Unavailable(f"the commit can't be read: {type(error).__name__}", where=commit[:12], hint="try again") from None
    author, _, rest = told.strip("\n").partition("\0")
    date, _, subject = rest.partition("\0")
    return CommitInfo(author, date, subject)


class CommitTree(OverlaidTree):
    """objects.tree.Tree over `tree` (its hash) in a mirror. `where` names it in messages.

    `submodule(path, commit)` opens a submodule when somebody looks into it. `max_files` bounds how many entries are
    listed in all (Invalid), `max_file_size` what `read` returns (Invalid, in bytes). Safe for several threads.
    """

    def __init__(
        self,
        mirror: Mirrored,
        tree: str,
        where: str,
        submodule: Callable[[CommitTree, str, str], Tree],
        *,
        max_files: int = MAX_FILES,
        max_file_size: int = MAX_FILE_SIZE,
    ) -> None:
        super().__init__()
        self._mirror = mirror
        self._tree = tree
        self._where = where
        self._open = submodule
        self._max_files = max_files
        self._max_file_size = max_file_size
        self._store = DiskObjectStore(f"{mirror.path}/objects")
        self._finalizer = weakref.finalize(self, self._store.close)
        self._nodes: dict[str, _Node] = {"": _Node(EntryType.FOLDER, b"040000", tree.encode(), 0)}
        self._folders: dict[str, tuple[Entry, ...]] = {}
        self._submodules: dict[str, Tree] = {}
        self._asked = 0
        self._too_large = False
        self._lock = threading.RLock()

    def close(self) -> None:
        """Lets go of the mirror's files; done anyway when the tree is no longer used."""
        self._finalizer()

    def _entries(self, folder: str) -> tuple[Entry, ...]:
        inner, rest = self._inner(folder)
        if inner:
            return inner.entries(rest)
        node = self._node(folder)
        return self._listed(folder) if node and node.type is EntryType.FOLDER else ()

    def _read(self, path: str) -> bytes:
        inner, rest = self._inner(path)
        if inner:
            return inner.read(rest)
        node = self._node(path)
        if node is None or node.type is not EntryType.FILE:
            raise FileNotFoundError(path)
        if node.size > self._max_file_size:
            raise Invalid(too_large(node.size, self._max_file_size), where=path)
        return self._blob(node)

    def _link(self, path: str) -> str:
        inner, rest = self._inner(path)
        if inner:
            return inner.link(rest)
        node = self._node(path)
        if node is None or node.type is not EntryType.LINK:
            raise FileNotFoundError(path)
        return os.fsdecode(self._blob(node))

    def _digest(self, path: str) -> str:
        inner, rest = self._inner(path)
        if inner and rest:
            return inner.digest(rest)
        node = self._node(path)
        return f"{node.mode.decode()}:{node.sha.decode()}" if node else ""

    def _blob(self, node: _Node) -> bytes:
        try:
            with self._lock:
                _, data = self._store.get_raw(ObjectID(node.sha))
        except _DAMAGE as error:
            raise self._damage(error) from None
        return bytes(data)

    def _node(self, path: str) -> _Node | None:
        """What is at `path`, its folder listed if it was not yet; None when nothing is."""
        with self._lock:
            if path in self._nodes:
                return self._nodes[path]
            parent = posixpath.dirname(path)
            above = self._node(parent)
            if above is None or above.type is not EntryType.FOLDER or above.mode == b"160000" or parent in self._folders:
                return None
            self._listed(parent)
            return self._nodes.get(path)

    def _listed(self, folder: str) -> tuple[Entry, ...]:
        with self._lock:
            if folder not in self._folders:
                self._list(folder, self._nodes[folder].sha.decode())
            return self._folders[folder]

    def _list(self, folder: str, tree: str) -> None:
        """Lists `folder`. A folder of folders is read from the objects; the first few with files are asked of git alone, since
        after a small commit that is all that is looked at; then git lists everything, if that stays within the limit."""
        if self._list_folders(folder, tree):
            return
        self._asked += 1
        left = self._max_files - len(self._nodes)
        try:
            if self._asked > ALONE and self._list_all():
                return
            lines = self._mirror.git(("ls-tree", "-l", "-z", tree), (left + 1) * _BYTES_PER_ENTRY).split(b"\0")
        except TooMuchOutput:
            raise self._too_many(folder) from None
        except (Failed, Timeout) as error:
            raise self._damage(error) from None
        if len(lines) > left + 1:
            raise self._too_many(folder)
        self._take(folder, lines, False)

    def _list_folders(self, folder: str, tree: str) -> bool:
        """Lists a folder that holds only folders; whether it does. Their sizes are nothing, so git need not be asked."""
        try:
            with self._lock:
                items = cast(GitTree, self._store[ObjectID(tree.encode())]).items()
        except _DAMAGE as error:
            raise self._damage(error) from None
        if any(item.mode != _FOLDER_MODE for item in items):
            return False
        if len(items) > self._max_files - len(self._nodes):
            raise self._too_many(folder)
        self._take(folder, [b"040000 tree %s -\t%s" % (item.sha, item.path) for item in items], False)
        return True

    def _list_all(self) -> bool:
        """Lists the whole tree at once; whether it is small enough. It is tried once."""
        if self._too_large:
            return False
        try:
            lines = self._mirror.git(("ls-tree", "-r", "-t", "-l", "-z", self._tree), (self._max_files + 1) * _BYTES_PER_ENTRY).split(b"\0")
        except TooMuchOutput:
            lines = []
        self._too_large = not lines or len(lines) > self._max_files + 1
        if not self._too_large:
            self._take("", lines, True)
        return not self._too_large

    def _take(self, folder: str, lines: list[bytes], deep: bool) -> None:
        children: dict[str, list[Entry]] = {folder: []}
        prefix = f"{folder}/" if folder else ""
        for line in lines:
            if not line:
                continue
            head, _, name = line.partition(b"\t")
            mode, kind, sha, size = head.split()
            path = prefix + os.fsdecode(name)
            type_ = EntryType.LINK if mode == _LINK else _TYPES[kind]
            node = self._nodes[path] = _Node(type_, mode, sha, int(size) if size.isdigit() else 0)
            parent, _, base = path.rpartition("/")
            children.setdefault(parent, []).append(Entry(base, type_, node.size if type_ is EntryType.FILE else 0))
            if deep and kind == b"tree":
                children.setdefault(path, [])
        for parent, entries in children.items():
            self._folders[parent] = tuple(sorted(entries, key=lambda entry: os.fsencode(entry.name)))

    def _inner(self, path: str) -> tuple[Tree | None, str]:
        """The submodule that holds `path` and the path in it; None when no submodule does."""
        parts = path.split("/") if path else []
        for count in range(1, len(parts) + 1):
            at = "/".join(parts[:count])
            node = self._node(at)
            if node is None or node.type is not EntryType.FOLDER:
                return None, ""
            if node.mode == b"160000":
                with self._lock:
                    if at not in self._submodules:
                        self._submodules[at] = self._open(self, at, node.sha.decode())
                    return self._submodules[at], "/".join(parts[count:])
        return None, ""

    def _too_many(self, folder: str) -> Invalid:
        hint = "point spec.paths at a smaller folder, or raise the limit"
        return Invalid(f"more than {self._max_files} files and folders", where=f"{self._where}/{folder}".rstrip("/"), hint=hint)

    def _damage(self, error: Exception) -> Unavailable:
        self._mirror.damaged()
        told = type(error).__name__ if not isinstance(error, Failed) else error.stderr.strip()[-200:]
        return Unavailable(
            f"the mirror is damaged ({told}) and will be fetched again", where=self._where, hint="nothing to do; look at the disk"
        )
