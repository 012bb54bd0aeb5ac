"""Two renderings side by side: which objects are added, removed or changed, as unified diffs of their YAML, masked and bounded.

Whoever makes a chart decides how large its objects are, so every size has a bound, and what a bound leaves out is said.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec

from extension.objects.preview import ObjectChange
from extension.rendering.documents import to_yaml
from extension.rendering.masking import Masking, Object
from extension.rendering.render import Rendering

Place = tuple[str, str, str, str, int]
"""Group, kind, namespace, name, and how many of that place came before: nothing keeps a chart from saying one twice."""


class Bounds(msgspec.Struct, frozen=True):
    """Objects that are shown, lines of one diff and characters of a line; lines of an object above `compared` are not compared."""

    objects: int = 50
    lines: int = 200
    line: int = 500
    compared: int = 5000


class Difference(msgspec.Struct, frozen=True):
    """The objects that differ, at most as many as the bounds allow; `left_out` more do."""

    objects: tuple[ObjectChange, ...] = ()
    left_out: int = 0


def objects_of(rendering: Rendering | None) -> list[Object]:
    """All that a rendering brings to a cluster: CRDs, objects and hooks."""
    return [] if rendering is None else [*rendering.crds, *rendering.objects, *(hook.object for hook in rendering.hooks)]


def difference(before: Iterable[Object], after: Iterable[Object], bounds: Bounds = Bounds()) -> Difference:
    """What becomes of the objects. No value of a Secret is in it."""
    old, new = _placed(before), _placed(after)
    masking = Masking(old.values(), new.values())
    places = [place for place in sorted({*old, *new}) if old.get(place) != new.get(place)]
    shown = tuple(_change(place, old.get(place), new.get(place), masking, bounds) for place in places[: bounds.objects])
    return Difference(shown, len(places) - len(shown))


def _placed(objects: Iterable[Object]) -> dict[Place, Object]:
    found: dict[Place, Object] = {}
    seen: Counter[tuple[str, str, str, str]] = Counter()
    for obj in objects:
        metadata = obj.get("metadata") if isinstance(obj.get("metadata"), dict) else {}
        group = str(obj.get("apiVersion", "")).rpartition("/")[0]
        place = (group, str(obj.get("kind", "")), str((metadata or {}).get("namespace") or ""), str((metadata or {}).get("name") or ""))
        found[(*place, seen[place])] = obj
        seen[place] += 1
    return found


def _change(place: Place, before: Object | None, after: Object | None, masking: Masking, bounds: Bounds) -> ObjectChange:
    change = "added" if before is None else "removed" if after is None else "changed"
    one = after or before or {}
    lines = list(_diff(*masking.pair(before, after), bounds))
    shown = lines[: bounds.lines]
    return ObjectChange(
        change=change,
        api_version=str(one.get("apiVersion", "")),
        kind=place[1],
        namespace=masking.text(place[2]),
        name=masking.text(place[3]),
        diff="".join(f"{_cut(line, bounds.line)}\n" for line in shown),
        elided=len(lines) - len(shown),
    )


def _diff(before: Object | None, after: Object | None, bounds: Bounds) -> Iterator[str]:
    """The lines of the diff, without the names of files, which there are none of."""
    old, new = (to_yaml(one).splitlines() if one is not None else [] for one in (before, after))
    if max(len(old), len(new)) > bounds.compared:
        yield f"# {len(old)} lines before and {len(new)} after are too many to compare"
        return
    if before is None or after is None:
        mark = "-" if after is None else "+"
        yield from (mark + line for line in old or new)
        return
    lines = difflib.unified_diff(old, new, lineterm="", n=3)
    yield from (line for number, line in enumerate(lines) if number > 1)


def _cut(line: str, most: int) -> str:
    return line if len(line) <= most else f"{line[:most]}... ({len(line) - most} more characters)"
