"""`.fleetignore`: patterns over base names, inherited by the folders below (`fleet-semantics.md` 2.5).

Not gitignore: no negation, no anchors, no paths. `dir/*` hides a folder of that name at any depth. Fleet compares folders as
text, so the file in `app` counts for its neighbours `app.yaml` and `app2` too; content IDs depend on it.
"""

from __future__ import annotations

import re

from extension.bundles import links
from extension.bundles.patterns import matches
from extension.objects.tree import Tree

FILE = ".fleetignore"

_TRAILING = re.compile(r"([^\\])\s+$", re.ASCII)


def patterns(tree: Tree, folder: str) -> tuple[str, ...]:
    """The patterns of one folder's file, none when it has no file."""
    try:
        text = links.read(tree, f"{folder}/{FILE}" if folder else FILE).decode("utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return ()
    lines = (_TRAILING.sub(r"\1", line) for line in text.replace("\r\n", "\n").split("\n"))
    return tuple(line for line in lines if line and not line.startswith("#"))


class Rules:
    """The patterns of a bundle's folders, gathered while its tree is walked from the top, each folder's names sorted."""

    def __init__(self) -> None:
        self._by_folder: dict[str, tuple[str, ...]] = {}

    def add(self, below: str, found: tuple[str, ...]) -> None:
        """The patterns of the folder `below` the bundle's own (empty for that itself)."""
        if found:
            self._by_folder[f"/{below}" if below else ""] = found

    def hide(self, name: str, is_folder: bool) -> bool:
        """Whether the file or folder `name` (its path below the bundle's folder) is hidden. Raises Invalid for a malformed pattern."""
        base = name.rpartition("/")[2]
        return any(ignored(rules, base, is_folder) for folder, rules in self._by_folder.items() if f"/{name}".startswith(folder))


def ignored(rules: tuple[str, ...], name: str, is_folder: bool) -> bool:
    """Whether a file or folder of this base name is hidden. Raises Invalid for a malformed pattern."""
    for rule in rules:
        if "/*" in rule[1:]:
            if is_folder and rule.removesuffix("/*") == name:
                return True
        elif matches(rule, name):
            return True
    return False
