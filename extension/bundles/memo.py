"""What was read at the last commit, by the digests of the folders it was read from.

A folder whose tree hash is the same gives the same bundle, unless it looks outside itself: a values file or chart
above it, or anything fetched. Such bundles are remembered by the digest of the whole tree, fetched ones not at all,
since what is fetched can change while the commit does not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from extension.bundles.discovery import Found, Surveys
from extension.objects.tree import Tree

if TYPE_CHECKING:
    from extension.bundles.reading import Read

_Key = tuple[Any, ...]


class Memo:
    """Kept by the caller from one commit of a repository to the next. Not shared between threads. `inputs` is all that
    went into a reading besides the tree."""

    def __init__(self) -> None:
        self._reads: dict[_Key, Read] = {}
        self._used: dict[_Key, Read] = {}
        self.surveys: Surveys = {}

    def folder(self, tree: Tree, inputs: bytes, found: Found, read: Callable[[], Read]) -> Read:
        """What a folder gives, from memory when nothing it depends on changed. Errors are not remembered."""
        digest = tree.digest(found.folder)
        key = (digest, found, inputs)
        known = self._reads.get(key) if digest else None
        if known is None:
            known = read()
        if digest and known.is_own:
            self._used[key] = known
        return known

    def sweep(self) -> None:
        """Forgets what the last read did not use."""
        self._reads, self._used = self._used, {}
