"""Folders of a tree that a GitRepo may name in `spec.paths`, for somebody who looks for the right ones.

Whoever names none gets the whole repository; these are the folders that hold something by themselves. Below a fleet.yaml or a chart only
folders with a fleet.yaml of their own are told: the rest is part of what is above.
"""

from __future__ import annotations

from collections.abc import Iterator

from extension.bundles.fleetyaml import NAMES
from extension.objects.connection import FoundPath
from extension.objects.tree import EntryType, Tree

_KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_TELLING = (*NAMES, "Chart.yaml", *_KUSTOMIZATIONS)
_WHOLE = (*NAMES, "Chart.yaml")
MANIFESTS = "manifests"


def paths(tree: Tree, folder: str = "", *, inside: bool = False) -> Iterator[FoundPath]:
    """The folders in and below `folder`, those above first. `inside`: it is part of a bundle above it."""
    entries = tree.entries(folder)
    names = {entry.name for entry in entries if entry.type is not EntryType.FOLDER}
    holds = next((name for name in _TELLING if name in names), MANIFESTS if any(map(_is_manifest, names)) else "")
    if holds and (not inside or holds in NAMES):
        yield FoundPath(folder or ".", holds)
    for entry in entries:
        if entry.type is EntryType.FOLDER and not entry.name.startswith("."):
            place = f"{folder}/{entry.name}" if folder else entry.name
            yield from paths(tree, place, inside=inside or holds in _WHOLE)


def _is_manifest(name: str) -> bool:
    return name.endswith((".yaml", ".yml")) and not name.startswith(".")
