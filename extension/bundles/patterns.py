"""Go's `filepath.Match` and `filepath.Glob`, which Fleet's paths and `.fleetignore` files are written for.

No `**`; `*` and `?` stop at a slash; classes are `[a-z]` and `[^a-z]`; a backslash takes the next character as it is.
"""

from __future__ import annotations

import posixpath
import re
from functools import lru_cache

from extension.objects.errors import Invalid
from extension.objects.tree import EntryType, Tree

_META = re.compile(r"[*?\[\\]")


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern as a regular expression over one whole name. Raises Invalid for a malformed one."""
    out: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "*":
            out.append("[^/]*")
        elif char == "?":
            out.append("[^/]")
        elif char == "[":
            text, at = _class(pattern, at)
            out.append(text)
            continue
        elif char == "\\":
            at += 1
            if at >= len(pattern):
                raise _malformed(pattern)
            out.append(re.escape(pattern[at]))
        else:
            out.append(re.escape(char))
        at += 1
    return re.compile("".join(out), re.DOTALL)


def _class(pattern: str, at: int) -> tuple[str, int]:
    """The class that begins at `at`, and where the pattern goes on."""
    at += 1
    negated = pattern[at : at + 1] == "^"
    at += negated
    ranges: list[str] = []
    while not (ranges and pattern[at : at + 1] == "]"):
        low, at = _one(pattern, at)
        high = low
        if pattern[at : at + 1] == "-":
            high, at = _one(pattern, at + 1)
        if low <= high:
            ranges.append(f"{re.escape(low)}-{re.escape(high)}")
        else:
            ranges.append("")  # Go takes a backward range and never matches it
    body = "".join(ranges)
    if not body:
        return ("[^/]" if negated else r"(?!)"), at + 1
    return (f"(?!/)[^{body}]" if negated else f"[{body}]"), at + 1


def _one(pattern: str, at: int) -> tuple[str, int]:
    if at >= len(pattern) or pattern[at] in "-]":
        raise _malformed(pattern)
    if pattern[at] == "\\":
        at += 1
    if at >= len(pattern):
        raise _malformed(pattern)
    return pattern[at], at + 1


def _malformed(pattern: str) -> Invalid:
    return Invalid(f"syntax error in pattern {pattern!r}", hint="see Go's filepath.Match")


def matches(pattern: str, name: str) -> bool:
    """Whether the whole of `name` matches. Raises Invalid for a malformed pattern."""
    return compiled(pattern).fullmatch(name) is not None


def folders(tree: Tree, path: str) -> list[str]:
    """The folders a path of a GitRepo stands for, sorted; the root is the empty path. Raises Invalid for one that leaves the tree.

    What stands before the first wildcard is a path and is cleaned; behind it every part is compared with names, so that an
    empty part (a slash at the end) matches nothing. A path of slashes alone names nothing.
    """
    parts = path.lstrip("/").split("/")
    first = next((place for place, part in enumerate(parts) if _META.search(part)), len(parts))
    for part in parts[first:]:
        compiled(part)
    clean = posixpath.normpath("/".join(parts[:first]) or ".")
    if clean == ".." or clean.startswith("../"):
        raise Invalid(f"path {path!r} leaves the repository", field="spec.paths", hint="paths are relative to the repository's root")
    if parts == [""] or not _is_walkable(tree, parts[:first]):
        return []
    found = [""]
    for part in (*(clean.split("/") if clean != "." else ()), *parts[first:]):
        found = [f"{folder}/{name}" if folder else name for folder in found for name in _names(tree, folder, part)]
    return found


def _is_walkable(tree: Tree, parts: list[str]) -> bool:
    """Whether every `..` stands behind a folder that there is."""
    at: list[str] = []
    for part in parts:
        if part == ".." and not _is_folder(tree, at):
            return False
        at = at[:-1] if part == ".." else at if part in ("", ".") else [*at, part]
    return True


def _is_folder(tree: Tree, path: list[str]) -> bool:
    *above, name = path or [""]
    return not name or any(entry.name == name and entry.type is EntryType.FOLDER for entry in tree.entries("/".join(above)))


def _names(tree: Tree, folder: str, part: str) -> list[str]:
    names = [entry.name for entry in tree.entries(folder) if entry.type is EntryType.FOLDER]
    if not _META.search(part):
        return [part] if part in names else []
    pattern = compiled(part)
    return [name for name in names if pattern.fullmatch(name)]
