"""One bare repository a remote URL, however many GitRepos, branches and paths use it.

A mirror holds the commits that were asked for, each fetched without history. Invariants: one fetch at a time for a
mirror, across threads and processes; a mirror that is damaged is thrown away and fetched again, since it is a cache;
what nobody used longest goes first when the limits are reached.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from extension.objects.errors import Unavailable
from extension.sources import process
from extension.sources.commit import Mirrored
from extension.sources.credentials import GitAccess
from extension.sources.gitcli import GitCommand, MissingObject
from extension.sources.remote import Remote

_KEPT = "refs/kept"
_PACKS = 24
_CLEANED_AFTER = 16
_DAMAGED = re.compile(
    r"not a git repository|bad object|corrupt|loose object|packfile|unable to (read|open)|inflate"
    r"|invalid (sha1|object|index)|index file|missing (blob|tree)",
    re.IGNORECASE,
)


class Bounds(msgspec.Struct, frozen=True):
    """How much all mirrors may hold: their number, their bytes, and the commits each keeps."""

    mirrors: int = 500
    size: int = 20 * 1024**3
    commits: int = 16


class Mirrors:
    """The mirrors below `root`. `timeout` (seconds) bounds the wait for another's fetch of the same mirror."""

    def __init__(self, root: Path, git: GitCommand, bounds: Bounds = Bounds(), timeout: float = 660.0) -> None:
        self._root = root
        self._git = git
        self._bounds = bounds
        self._timeout = timeout
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()
        self._fetches = 0

    def path(self, remote: Remote) -> Path:
        """Where the mirror of `remote` is or will be."""
        return self._root / f"{hashlib.sha256(remote.key.encode()).hexdigest()[:40]}.git"

    def tree_of(self, remote: Remote, commit: str) -> str:
        """The hash of the commit's tree if the mirror has all of it, else empty. Throws a damaged mirror away."""
        path = self.path(remote)
        if not (path / _KEPT / commit).is_file():
            return ""
        try:
            out = self._git.local(("rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}^{{tree}}"), path)
        except process.Failed:
            self.discard(remote)
            return ""
        except process.Timeout:
            raise Unavailable("the mirror's disk does not answer", where=str(remote), hint="look at the disk") from None
        with contextlib.suppress(OSError):
            os.utime(path)
        return out.decode().strip()

    def fetch(self, remote: Remote, at: Remote, commit: str, access: GitAccess) -> str:
        """Fetches `commit` from `at` (where redirects led) into the mirror of `remote`; the hash of its tree.

        Raises Unavailable when the server does not have it, can't be reached, or the disk is full.
        """
        with self._locked(remote):
            tree = self.tree_of(remote, commit)
            if tree:
                return tree
            new = not self.path(remote).exists()
            _unlocked(self.path(remote))
            try:
                tree = self._fetch(remote, at, commit, access)
            except (process.Failed, Unavailable) as error:
                if not _DAMAGED.search(str(error)) or not self.path(remote).exists():
                    raise
                shutil.rmtree(self.path(remote), ignore_errors=True)
                tree = self._fetch(remote, at, commit, access)
            self._forget(self.path(remote))
            self._fetches += 1
        if new or self._fetches % _CLEANED_AFTER == 0:
            self.clean(keep=self.path(remote))
        return tree

    def push(self, remote: Remote, at: Remote, branch: str, write: Callable[[Path], str], access: GitAccess) -> str:
        """Pushes the commit that `write` adds to the mirror, none for an empty name; its hash. Never forced: raises Conflict when the
        branch is not where the commit's parent is any more, Unavailable when the server refuses it or can't be reached."""
        with self._locked(remote):
            path = self.path(remote)
            try:
                commit = write(path)
            except OSError as error:
                hint = "free space below the service's state folder, and check its permissions"
                raise Unavailable(f"the mirror can't be written: {error.strerror}", where=str(remote), hint=hint) from None
            if commit:
                options = ("push", "--progress", "--no-recurse-submodules", "--")
                self._git.remote((*options, at.url, f"{commit}:refs/heads/{branch}"), at, access, path)
        return commit

    def discard(self, remote: Remote) -> None:
        """Throws the mirror away; the next fetch makes a new one."""
        shutil.rmtree(self.path(remote), ignore_errors=True)

    def mirrored(self, remote: Remote) -> Mirrored:
        """How a CommitTree reads the mirror of `remote`."""
        path = self.path(remote)
        return Mirrored(str(path), lambda args, output: self._git.local(args, path, output), lambda: self.discard(remote))

    def clean(self, keep: Path | None = None) -> None:
        """Removes the mirrors used longest ago until the bounds hold; never `keep`, never one that is being fetched."""
        found = sorted((path for path in self._root.glob("*.git")), key=_used, reverse=True)
        size = 0
        for number, path in enumerate(found):
            size += _size(path)
            if (number >= self._bounds.mirrors or size > self._bounds.size) and path != keep:
                with contextlib.suppress(Unavailable), self._lock_file(path, 0.0):
                    shutil.rmtree(path, ignore_errors=True)

    def _fetch(self, remote: Remote, at: Remote, commit: str, access: GitAccess) -> str:
        path = self.path(remote)
        try:
            if not (path / "HEAD").exists():
                path.mkdir(parents=True, exist_ok=True)
                self._git.local(("init", "--quiet", "--bare", "--template=", "."), path)
            ref = f"{_KEPT}/{commit}"
            options = ("fetch", "--progress", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--force")
            try:
                self._git.remote((*options, "--depth=1", "--", at.url, f"{commit}:{ref}"), at, access, path)
            except MissingObject:
                self._all(options, remote, at, commit, access)
            return self._git.local(("rev-parse", "--verify", "--end-of-options", f"{commit}^{{tree}}"), path).decode().strip()
        except OSError as error:
            hint = "free space below the service's state folder, and check its permissions"
            raise Unavailable(f"the mirror can't be written: {error.strerror}", where=str(remote), hint=hint) from None

    def _all(self, options: tuple[str, ...], remote: Remote, at: Remote, commit: str, access: GitAccess) -> None:
        """Fetches every branch and tag with history, for a server that gives no single commits, and keeps the one wanted."""
        path = self.path(remote)
        whole = ("--unshallow",) if (path / "shallow").exists() else ()
        refs = ("+refs/heads/*:refs/all/heads/*", "+refs/tags/*:refs/all/tags/*")
        hint = "push it, or check spec.revision"
        missing = Unavailable(f"the server does not have commit {commit}", where=str(remote), hint=hint, hop="revision")
        try:
            self._git.remote((*options, *whole, "--", at.url, *refs), at, access, path)
            self._git.local(("update-ref", f"{_KEPT}/{commit}", f"{commit}^{{commit}}"), path)
        except (MissingObject, process.Failed):
            raise missing from None

    def _forget(self, path: Path) -> None:
        """Drops the references of commits fetched long ago, and repacks when there are many packs."""
        refs = sorted((path / _KEPT).glob("*"), key=_used, reverse=True) if (path / _KEPT).is_dir() else []
        for old in refs[self._bounds.commits :]:
            old.unlink(missing_ok=True)
        if sum(1 for _ in (path / "objects" / "pack").glob("*.pack")) > _PACKS:
            with contextlib.suppress(process.Failed, process.Timeout):
                self._git.local(("-c", "gc.packRefs=false", "gc", "--quiet", "--prune=now"), path)

    @contextlib.contextmanager
    def _locked(self, remote: Remote) -> Iterator[None]:
        with self._guard:
            lock = self._locks.setdefault(remote.key, threading.Lock())
        if not lock.acquire(timeout=self._timeout):
            raise Unavailable("another fetch of this repository does not end", where=str(remote), hint="try again later")
        try:
            with self._lock_file(self.path(remote), self._timeout):
                yield
        finally:
            lock.release()

    @contextlib.contextmanager
    def _lock_file(self, path: Path, timeout: float) -> Iterator[None]:
        """The lock that other processes see; waits up to `timeout` seconds. Raises Unavailable."""
        deadline = time.monotonic() + timeout
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            with path.with_suffix(".lock").open("w") as file:
                while not _try(file.fileno()):
                    if time.monotonic() >= deadline:
                        raise Unavailable("another process fetches this repository", where=path.name, hint="try again later")
                    time.sleep(0.05)
                yield
        except OSError as error:
            raise Unavailable(
                f"the mirror can't be locked: {error.strerror}", where=path.name, hint="check the state folder's disk"
            ) from None


def _unlocked(path: Path) -> None:
    """Takes away what a killed git left: who has the mirror's own lock is alone in it, and git would refuse for ever."""
    for left in (*path.glob("*.lock"), *(path / "refs").rglob("*.lock")):
        left.unlink(missing_ok=True)


def _try(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _used(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in (path / "objects").rglob("*") if file.is_file())
