"""What was read at the last commit, by the digests of the folders it was read from.

A folder whose tree hash is the same gives the same bundle, unless it looks outside itself: a values file or chart
above it, or anything fetched. Such bundles are remembered by the digest of the whole tree, fetched ones not at all,
since what is fetched can change while the commit does not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from extension.bundles.discovery import Found
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
        self._found: tuple[_Key, tuple[Found, ...]] | None = None

    def discovered(self, tree: Tree, inputs: bytes, find: Callable[[], tuple[Found, ...]]) -> tuple[Found, ...]:
        """The bundles of a scan; looked for again when anything in the tree changed."""
        digest = tree.digest("")
        key = (digest, inputs)
        if digest and self._found is not None and self._found[0] == key:
            return self._found[1]
        found = find()
        self._found = (key, found)
        return found

    def folder(self, tree: Tree, inputs: bytes, found: Found, read: Callable[[], Read]) -> Read:
        """What a folder gives, from memory when nothing it depends on changed. Errors are not remembered."""
        digest = tree.digest(found.folder)
        key = (digest, found, inputs)
        known = self._reads.get(key) if digest else None
        if known is None:
            known = read()
        if digest and _is_own(known):
            self._used[key] = known
        return known

    def sweep(self) -> None:
        """Forgets what the last read did not use."""
        self._reads, self._used = self._used, {}


def _is_own(read: Read) -> bool:
    """Whether everything in it came from the bundle's own folder."""
    bundle = read.bundle
    if bundle is None:
        return True
    blocks = [block for block in (bundle.spec.helm, *(target.helm for target in bundle.spec.targets)) if block is not None]
    outside = any(file.startswith(("/", "..")) or "/../" in file for block in blocks for file in block.values_files)
    fetched = any(resource.name.startswith(".chart/") for resource in bundle.spec.resources)
    updated = any(resource.name.endswith("Chart.yaml") and "dependencies" in resource.content for resource in bundle.spec.resources)
    return not (outside or fetched or updated)
