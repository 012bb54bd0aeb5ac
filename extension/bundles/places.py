"""Which folder of a tree makes which bundle, without reading more than the options files. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from extension.bundles import links
from extension.bundles.discovery import Found, discover
from extension.bundles.fleetyaml import NAMES, parse
from extension.bundles.scan import Scan
from extension.objects import names
from extension.objects.errors import UserError
from extension.objects.tree import Tree


def places(tree: Tree, scan: Scan) -> Iterator[tuple[str, str]]:
    """The name of the bundle that each folder makes, and the folder (empty for the root). A folder whose options can't be read is
    left out: no bundle came from it."""
    for found in discover(tree, scan):
        try:
            own = _name(tree, found)
        except UserError:
            continue
        yield own or names.bundle_name(scan.name, found.folder, found.options), found.folder


def _name(tree: Tree, found: Found) -> str:
    """What the options of the folder call its bundle; empty when they don't."""
    for name in (found.options,) if found.options else NAMES:
        path = posixpath.normpath(posixpath.join(found.folder, name))
        try:
            return parse(links.read(tree, path), path)[0].name
        except FileNotFoundError:
            continue
    return ""
