"""Which folders of a tree are bundles (`fleet-semantics.md` 2.3).

The folder a path names is one when it has a fleet.yaml, or a YAML file in it or below it that is not under another
fleet.yaml; deeper folders only with a fleet.yaml of their own. A driven scan takes exactly what it is told.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

import msgspec

from extension.bundles.fleetyaml import NAMES
from extension.bundles.patterns import folders
from extension.bundles.scan import Scan
from extension.objects.errors import Invalid
from extension.objects.tree import EntryType, Tree


class Found(msgspec.Struct, frozen=True):
    """A bundle's folder (empty for the root), and its options file when that is not a fleet.yaml; `path` is as it was named."""

    folder: str
    options: str = ""


def discover(tree: Tree, scan: Scan) -> Iterator[Found]:
    """The bundles of a scan, in the order of its paths, each path's folders from the top down. Raises Invalid."""
    if scan.bundles:
        yield from (_driven(tree, path.base, path.options) for path in scan.bundles)
        return
    for path in scan.paths or (".",):
        for folder in folders(tree, path):
            if _is_bundle(tree, folder):
                yield Found(folder, scan.file)
            yield from (Found(deeper) for deeper in _deeper(tree, folder))


def _driven(tree: Tree, base: str, options: str) -> Found:
    folder = _inside(base)
    if options:
        _inside(posixpath.join(folder, options))
    return Found(folder, options)


def _inside(path: str) -> str:
    clean = posixpath.normpath(path.lstrip("/") or ".")
    if clean == ".." or clean.startswith("../"):
        raise Invalid(f"path {path!r} leaves the repository", field="spec.bundles", hint="paths are relative to the repository's root")
    return "" if clean == "." else clean


def _is_bundle(tree: Tree, folder: str) -> bool:
    entries = tree.entries(folder)
    names = {entry.name for entry in entries if entry.type is not EntryType.FOLDER}
    if names & {*NAMES}:
        return True
    if any(name.endswith((".yaml", ".yml")) for name in names):
        return True
    below = (_join(folder, entry.name) for entry in entries if entry.type is EntryType.FOLDER and entry.name != ".git")
    return any(not _has_options(tree, deeper) and _is_bundle(tree, deeper) for deeper in below)


def _deeper(tree: Tree, folder: str) -> Iterator[str]:
    for entry in tree.entries(folder):
        if entry.type is EntryType.FOLDER and entry.name != ".git":
            path = _join(folder, entry.name)
            if _has_options(tree, path):
                yield path
            yield from _deeper(tree, path)


def _has_options(tree: Tree, folder: str) -> bool:
    return any(entry.name in NAMES and entry.type is not EntryType.FOLDER for entry in tree.entries(folder))


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
