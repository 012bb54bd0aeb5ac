"""A commit made in a mirror, without a checkout: some files of its parent with other bytes."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import msgspec
from dulwich.errors import NotTreeError, ObjectMissing
from dulwich.object_store import DiskObjectStore, commit_tree_changes, tree_lookup_path
from dulwich.objects import Blob, Commit, ObjectID, SubmoduleEncountered

from extension.objects.errors import Unavailable

_UNFIT = re.compile(r"[\x00-\x1f\x7f<>]+")


class Change(msgspec.Struct, frozen=True):
    """What a commit on top of `parent` says: the bytes of some files, by whom and why."""

    parent: str
    files: Mapping[str, bytes]
    name: str
    email: str
    message: str

    @property
    def author(self) -> bytes:
        """As git writes it; what would end the line or the name is left out."""
        return f"{_fit(self.name)} <{_fit(self.email)}>".encode()


def committed(mirror: Path, change: Change) -> str:
    """Adds a commit to the mirror, every file with the mode it has in the parent; its hash, empty when it would change nothing. A file
    in a submodule is another repository's and left out. Raises Unavailable for a damaged mirror, OSError."""
    try:
        with closing(DiskObjectStore(str(mirror / "objects"))) as store:
            return _committed(store, change)
    except (KeyError, ObjectMissing, NotTreeError) as error:
        hint = "nothing to do; it is fetched again"
        raise Unavailable(f"the mirror lacks an object of commit {change.parent[:12]} ({type(error).__name__})", hint=hint) from None


def _committed(store: DiskObjectStore, change: Change) -> str:
    before = store[ObjectID(change.parent.encode())]
    assert isinstance(before, Commit)
    edits: list[tuple[bytes, int | None, ObjectID | None]] = []
    for path, data in change.files.items():
        name, blob = os.fsencode(path), Blob.from_string(data)
        try:
            mode, sha = tree_lookup_path(store.__getitem__, before.tree, name)
        except SubmoduleEncountered:
            continue
        if sha != blob.id:
            store.add_object(blob)
            edits.append((name, mode, blob.id))
    if not edits:
        return ""
    made = Commit()
    made.tree = commit_tree_changes(store, before.tree, edits)
    made.parents = [before.id]
    made.author = made.committer = change.author
    made.author_time = made.commit_time = int(time.time())
    made.author_timezone = made.commit_timezone = 0
    made.message = change.message.replace("\0", "").strip().encode(errors="replace") + b"\n"
    store.add_object(made)
    return made.id.decode()


def _fit(text: str) -> str:
    return _UNFIT.sub(" ", text).strip().encode(errors="replace").decode()
