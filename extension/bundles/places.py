"""Which folder of a tree makes which bundle, and by which options, without reading more than those. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import NamedTuple

from extension.bundles import links
from extension.bundles.discovery import Found, discover
from extension.bundles.fleetyaml import NAMES, parse
from extension.bundles.scan import Scan
from extension.objects import names
from extension.objects.errors import UserError
from extension.objects.tree import Tree


class Place(NamedTuple):
    """The folder (empty for the root) that makes a bundle, and the file with its options: the one that is there, or would be."""

    bundle: str
    folder: str
    options: str


def places(tree: Tree, scan: Scan) -> Iterator[Place]:
    """The places of all bundles of a scan. A folder whose options can't be read is left out: no bundle came from it."""
    for found in discover(tree, scan):
        try:
            options, own = _options(tree, found)
        except UserError:
            continue
        yield Place(own or names.bundle_name(scan.name, found.folder, found.options), found.folder, options)


def _options(tree: Tree, found: Found) -> tuple[str, str]:
    """The file with the options of a folder, and what they call its bundle; empty when they don't."""
    paths = [posixpath.normpath(f"{found.folder}/{name}".lstrip("/")) for name in ((found.options,) if found.options else NAMES)]
    for path in paths:
        try:
            return path, parse(links.read(tree, path), path)[0].name
        except FileNotFoundError:
            continue
    return paths[0], ""
