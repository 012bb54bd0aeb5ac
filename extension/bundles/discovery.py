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


class Survey(msgspec.Struct, frozen=True):
    """What a folder is to a scan, whatever its name: whether it has a fleet.yaml, whether it would be a bundle as the
    folder of a path, and the folders below it (relative, from the top down) that are bundles for their own fleet.yaml."""

    has_options: bool
    is_bundle: bool
    deeper: tuple[str, ...]


Surveys = dict[str, Survey]
"""Surveys by the digest of the folder, kept from one commit to the next."""


def discover(tree: Tree, scan: Scan, known: Surveys | None = None) -> Iterator[Found]:
    """The bundles of a scan, in the order of its paths, each path's folders from the top down. Raises Invalid."""
    known = {} if known is None else known
    if scan.bundles:
        yield from (_driven(tree, path.base, path.options) for path in scan.bundles)
        return
    for path in scan.paths or (".",):
        for folder in folders(tree, path):
            survey = _survey(tree, folder, known)
            if survey.is_bundle:
                yield Found(folder, scan.file)
            yield from (Found(_join(folder, deeper)) for deeper in survey.deeper)


def _driven(tree: Tree, base: str, options: str) -> Found:
    folder = _inside(base)
    if options:
        _inside(f"{folder}/{options}")
    return Found(folder, options)


def _inside(path: str) -> str:
    clean = posixpath.normpath(path.lstrip("/") or ".")
    if clean == ".." or clean.startswith("../"):
        raise Invalid(f"path {path!r} leaves the repository", field="spec.bundles", hint="paths are relative to the repository's root")
    return "" if clean == "." else clean


def _survey(tree: Tree, folder: str, known: Surveys) -> Survey:
    digest = tree.digest(folder)
    found = known.get(digest) if digest else None
    if found is None:
        found = _surveyed(tree, folder, known)
        if digest:
            known[digest] = found
    return found


def _surveyed(tree: Tree, folder: str, known: Surveys) -> Survey:
    entries = tree.entries(folder)
    names = {entry.name for entry in entries if entry.type is not EntryType.FOLDER}
    below = [(e.name, _survey(tree, _join(folder, e.name), known)) for e in entries if e.type is EntryType.FOLDER and e.name != ".git"]
    has_options = not names.isdisjoint(NAMES)
    has_yaml = any(name.endswith((".yaml", ".yml")) for name in names)
    deeper: list[str] = []
    for name, survey in below:
        deeper += [name] if survey.has_options else []
        deeper += [f"{name}/{path}" for path in survey.deeper]
    return Survey(has_options, has_yaml or any(s.is_bundle and not s.has_options for _, s in below), tuple(deeper))


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
