"""A folder on disk as a Tree, for the CLI and for repositories that are already checked out.

Invariant: nothing outside the folder is ever read. Symbolic links are told (`link`) and never followed, neither as the
last part of a path nor on the way to it, so whoever resolves them decides what is inside.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from extension.objects.errors import Invalid, Unavailable
from extension.objects.tree import Entry, EntryType
from extension.sources.overlay import OverlaidTree

MAX_FILE_SIZE = 20 * 1024 * 1024

_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EISDIR, errno.EINVAL, errno.ENAMETOOLONG, errno.ENXIO)


class FolderTree(OverlaidTree):
    """objects.tree.Tree over `path`. `max_file_size` is in bytes. Raises Invalid when `path` is no folder.

    `digest` is always empty: hashing would cost as much as reading. Sockets, pipes and devices are not listed.
    """

    def __init__(self, path: str | Path, *, max_file_size: int = MAX_FILE_SIZE) -> None:
        super().__init__()
        self._root = os.path.realpath(path)
        self._max_file_size = max_file_size
        self._real: dict[str, bool] = {"": True}
        if not Path(self._root).is_dir():
            raise Invalid("no such folder", where=str(path), hint="name a folder that exists")

    def _entries(self, folder: str) -> tuple[Entry, ...]:
        if not self._is_real(folder):
            return ()
        try:
            with os.scandir(self._at(folder)) as found:
                entries = [entry for item in found if (entry := _entry(item))]
        except OSError as error:
            if error.errno in _GONE:
                return ()
            raise _unreadable(error, self._at(folder)) from None
        entries.sort(key=lambda entry: os.fsencode(entry.name))
        return tuple(entries)

    def _read(self, path: str) -> bytes:
        if not self._is_real(path.rpartition("/")[0]):
            raise FileNotFoundError(path)
        try:
            handle = os.open(self._at(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise self._error(error, path) from None
        try:
            return self._file(handle, path)
        except OSError as error:
            raise self._error(error, path) from None
        finally:
            os.close(handle)

    def _file(self, handle: int, path: str) -> bytes:
        info = os.fstat(handle)
        if not stat.S_ISREG(info.st_mode):
            raise FileNotFoundError(errno.ENOENT, "not a file", path)
        if info.st_size > self._max_file_size:
            raise Invalid(too_large(info.st_size, self._max_file_size), where=path)
        return os.read(handle, info.st_size)

    def _error(self, error: OSError, path: str) -> Exception:
        return FileNotFoundError(path) if error.errno in _GONE else _unreadable(error, self._at(path))

    def _link(self, path: str) -> str:
        if not self._is_real(path.rpartition("/")[0]):
            raise FileNotFoundError(path)
        try:
            return str(Path(self._at(path)).readlink())
        except OSError as error:
            raise self._error(error, path) from None

    def _digest(self, path: str) -> str:
        return ""

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}" if path else self._root

    def _is_real(self, folder: str) -> bool:
        """Whether `folder` is reached over folders only, no link among them."""
        known = self._real.get(folder)
        if known is None:
            known = self._is_real(folder.rpartition("/")[0])
            if known:
                try:
                    known = stat.S_ISDIR(os.lstat(self._at(folder)).st_mode)
                except OSError as error:
                    if error.errno not in _GONE:
                        raise _unreadable(error, self._at(folder)) from None
                    known = False
            self._real[folder] = known
        return known


def too_large(size: int, limit: int) -> str:
    return f"the file has {size} bytes, more than the {limit} allowed"


def _entry(item: os.DirEntry[str]) -> Entry | None:
    if item.is_symlink():
        return Entry(item.name, EntryType.LINK)
    if item.is_dir(follow_symlinks=False):
        return Entry(item.name, EntryType.FOLDER)
    if item.is_file(follow_symlinks=False):
        return Entry(item.name, EntryType.FILE, item.stat(follow_symlinks=False).st_size)
    return None


def _unreadable(error: OSError, where: str) -> Unavailable:
    return Unavailable(f"can't be read: {error.strerror}", where=where, hint="check the permissions and the disk")
