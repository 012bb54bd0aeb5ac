"""Marks in files: what has a comment `# {"$imagescan": "NAME"}` behind it becomes what a scan found (`fleet-semantics.md` 3.10). Pure.

Only those scalars change: quotes, comments, line ends and all other bytes stay as they are. A file that is not YAML (a chart's
template) is left alone, as Fleet does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

import yaml

from extension.bundles.patterns import folders
from extension.objects.errors import Invalid
from extension.objects.kinds import ImageScan
from extension.objects.tree import EntryType, Tree, walk
from extension.objects.yaml import composed, plain, told

MARK = "$imagescan"
_TOKEN = f'"{MARK}"'.encode()
_COMMENT = re.compile(r"[ \t]+#+([^\r\n\x85\u2028\u2029]*)")


def setters(scans: Iterable[ImageScan]) -> dict[str, str]:
    """What each mark means now, for the scans that found an image. Raises Invalid when two scans of one name found different ones."""
    found: dict[str, str] = {}
    for scan in scans:
        status, name = scan.status, scan.spec.tag_name
        if not status.latest_image or not name:
            continue
        if found.get(name, status.latest_image) != status.latest_image:
            hint = "give each image scan of a GitRepo another tagName"
            raise Invalid(f"image scans of the tagName {name} found {found[name]} and {status.latest_image}", field="tagName", hint=hint)
        found |= {
            name: status.latest_image,
            f"{name}:name": status.canonical_image_name,
            f"{name}:tag": status.latest_tag,
            f"{name}:digest": f"{status.latest_image}@{status.latest_digest}",
        }
    return found


def changed(tree: Tree, paths: Iterable[str], values: Mapping[str, str]) -> dict[str, bytes]:
    """The files below the paths of a GitRepo that the marks in them make other ones. Raises Invalid for a path out of the repository."""
    found: dict[str, bytes] = {}
    for folder in {folder for path in paths or (".",) for folder in folders(tree, path)}:
        for path, entry in walk(tree, folder):
            if entry.type is EntryType.FILE and path.endswith((".yaml", ".yml")):
                before = tree.read(path)
                after = marked(before, values)
                if after != before:
                    found[path] = after
    return found


def marked(data: bytes, values: Mapping[str, str]) -> bytes:
    """A file with its marked scalars set."""
    if _TOKEN not in data:
        return data
    try:
        text = data.decode()
        start = 1 if text.startswith("\ufeff") else 0
        with told(""):
            edits = list(_edits(text[start:], values))
    except (UnicodeDecodeError, Invalid):
        return data
    at, pieces = 0, list[str]()
    for begin, end, new in edits:
        pieces += [text[at : start + begin], new]
        at = start + end
    return "".join((*pieces, text[at:])).encode()


def _edits(text: str, values: Mapping[str, str]) -> Iterator[tuple[int, int, str]]:
    """Where a scalar begins and ends, and what stands there instead."""
    for _ in composed(text, ""):
        pass  # all of it is YAML, or nothing of it is touched
    for before, token in pairwise(_tokens(text)):
        if not isinstance(token, yaml.ScalarToken) or isinstance(before, yaml.KeyToken) or token.style in ("|", ">"):
            continue
        begin, end = token.start_mark.index, token.end_mark.index
        comment = _COMMENT.match(text, end)
        new = values.get(_named(comment[1])) if comment else None
        if new is not None and new != token.value:
            yield begin, end, _written(new, text[begin])


def _tokens(text: str) -> Iterator[yaml.Token]:
    """Tokens without anchors and tags, which stand between a key or dash and its scalar."""
    return (token for token in yaml.scan(text, Loader=yaml.CSafeLoader) if not isinstance(token, yaml.AnchorToken | yaml.TagToken))


def _named(comment: str) -> str:
    """The name in a mark, empty for any other comment."""
    try:
        found = json.loads(comment)
    except (ValueError, RecursionError):
        return ""
    is_mark = isinstance(found, dict) and all(isinstance(value, str) for value in found.values())
    return str(found.get(MARK, "")) if is_mark else ""


def _written(value: str, first: str) -> str:
    """A scalar with the quotes of the one before; a plain one gets some where it would be no text."""
    if first in ("'", '"'):
        return f"{first}{value}{first}"
    return value if isinstance(plain(value), str) else f'"{value}"'
