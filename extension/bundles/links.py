"""Symbolic links of a tree, followed inside of it. What a link says is text from strangers: it may point anywhere."""

from __future__ import annotations

import posixpath

from extension.objects.errors import Invalid
from extension.objects.tree import Tree

MAX_LINKS = 40


def resolved(tree: Tree, path: str) -> str:
    """`path` with every link on its way followed. Raises Invalid for one that leaves the tree, and for a loop."""
    done, left, hops = "", path.split("/"), 0
    while left:
        at = posixpath.join(done, left.pop(0))
        try:
            text = tree.link(at)
        except FileNotFoundError:
            done = at
            continue
        hops += 1
        target = posixpath.normpath(posixpath.join(done, text))
        if hops > MAX_LINKS:
            raise Invalid("too many links in a row", where=path)
        if text.startswith("/") or target == ".." or target.startswith("../"):
            raise Invalid("symlink target escapes bundle directory", where=path, hint="link only to files of the same repository")
        done, left = "", [*(target.split("/") if target != "." else ()), *left]
    return done


def read(tree: Tree, path: str) -> bytes:
    """The bytes of a file, or of what a link leads to. Raises FileNotFoundError, and Invalid as `resolved` does."""
    try:
        return tree.read(path)
    except FileNotFoundError:
        target = resolved(tree, path)
        if target == path:
            raise
        return tree.read(target)
