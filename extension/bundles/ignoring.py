"""`.fleetignore`: patterns over base names, inherited by the folders below (`fleet-semantics.md` 2.5).

Not gitignore: no negation, no anchors, no paths. `dir/*` hides a folder of that name at any depth.
"""

from __future__ import annotations

import re

from extension.bundles.patterns import matches
from extension.objects.tree import Tree

FILE = ".fleetignore"

_TRAILING = re.compile(r"([^\\])\s+$")


def patterns(tree: Tree, folder: str) -> tuple[str, ...]:
    """The patterns of one folder's file, none when it has no file."""
    try:
        text = tree.read(f"{folder}/{FILE}" if folder else FILE).decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ()
    lines = (_TRAILING.sub(r"\1", line) for line in text.replace("\r\n", "\n").split("\n"))
    return tuple(line for line in lines if line and not line.startswith("#"))


def ignored(rules: tuple[str, ...], name: str, is_folder: bool) -> bool:
    """Whether a file or folder of this base name is hidden. Raises Invalid for a malformed pattern."""
    for rule in rules:
        if "/*" in rule[1:]:
            if is_folder and rule.removesuffix("/*") == name:
                return True
        elif matches(rule, name):
            return True
    return False
