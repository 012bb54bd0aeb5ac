"""Chart versions and constraints as Helm reads them (its semver library's rules, `fleet-semantics.md` 2.5).

npm's ranges, which node-semver implements, are nearly the same language but not in what matters to a chart's user:
pre-releases (here they count in a group of constraints that names one), `!=`, commas and bounds of fewer than three
numbers. So node-semver orders versions, and the constraints are read here; a test compares them with Helm's own.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable

import nodesemver

from extension.objects.errors import Invalid

_VERSION = re.compile(
    r"v?(?P<major>0|[1-9]\d*|0\d+)(?:\.(?P<minor>\d+))?(?:\.(?P<patch>\d+))?(?P<pre>-[0-9A-Za-z.-]+)?(?P<build>\+[0-9A-Za-z.-]+)?", re.ASCII
)
_STRICT = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*)?(\+[0-9A-Za-z.-]+)?",
    re.ASCII,
)
_OPERATOR = r"(?:=|!=|>|<|>=|=>|<=|=<|~|~>|\^)?"
_PART = r"v?(?:\d+|[xX*])(?:\.(?:\d+|[xX*]))?(?:\.(?:\d+|[xX*]))?(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?"
_TERM = re.compile(rf"\s*({_OPERATOR})\s*({_PART})\s*", re.ASCII)
_HYPHEN = re.compile(rf"\s*({_PART})\s+-\s+({_PART})\s*", re.ASCII)
_ALIASES = {"=>": ">=", "=<": "<=", "~>": "~", "=": ""}

Term = tuple[str, str]


class Constraint:
    """A parsed constraint. Raises Invalid for text that is none; the empty text means any release."""

    def __init__(self, text: str, field: str = "helm.version") -> None:
        self.text = text
        self._groups = [_group(group, text, field) for group in (text or "*").split("||")]

    def check(self, version: str) -> bool:
        """Whether `version` satisfies it. A text that is no version satisfies nothing."""
        normal = normalize(version)
        return bool(normal) and any(_holds(group, normal) for group in self._groups)

    def best(self, versions: Iterable[str]) -> str:
        """The highest of `versions` that satisfies it, in its own spelling; empty when none does."""
        return max((v for v in versions if self.check(v)), key=sort_key, default="")


def is_exact(text: str) -> bool:
    """Whether `text` is one full version (three numbers, no `v`), so that nothing need be resolved."""
    return _STRICT.fullmatch(text) is not None


def normalize(version: str) -> str:
    """A version with three numbers and no `v`; empty when it is none."""
    found = _VERSION.fullmatch(version.strip())
    if not found:
        return ""
    numbers = ".".join(str(int(found[part] or "0")) for part in ("major", "minor", "patch"))
    return numbers + (found["pre"] or "") + (found["build"] or "")


@functools.total_ordering
class _Key:
    """Orders versions by semver precedence; build metadata does not count."""

    def __init__(self, version: str) -> None:
        self.version = version

    def __lt__(self, other: _Key) -> bool:
        return bool(nodesemver.lt(self.version, other.version, loose=True))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and bool(nodesemver.eq(self.version, other.version, loose=True))

    def __hash__(self) -> int:
        return hash(self.version)


def sort_key(version: str) -> _Key:
    """Sorts versions from low to high; a text that is no version sorts lowest."""
    return _Key(normalize(version) or "0.0.0-0")


def _group(text: str, whole: str, field: str) -> tuple[tuple[Term, ...], bool]:
    """The terms of one alternative, and whether pre-releases count for it."""
    terms: list[Term] = []
    hint = "write for example 1.2.3, ^1.2, ~1.2.3, >=1.0, <2 or 1.x"
    for piece in text.split(","):
        hyphen = _HYPHEN.fullmatch(piece)
        if hyphen:
            terms += [(">=", hyphen[1]), ("<=", hyphen[2])]
            continue
        at = 0
        while at < len(piece):
            found = _TERM.match(piece, at)
            if not found:
                raise Invalid(f"{whole!r} is not a version or a version constraint", field=field, hint=hint)
            terms.append((_ALIASES.get(found[1], found[1]), found[2].removeprefix("v")))
            at = found.end()
    if not terms:
        raise Invalid(f"{whole!r} is not a version or a version constraint", field=field, hint=hint)
    return tuple(terms), any("-" in version for _, version in terms)


def _holds(group: tuple[tuple[Term, ...], bool], version: str) -> bool:
    terms, prerelease = group
    if "-" in version.partition("+")[0] and not prerelease:
        return False
    return all(_term_holds(operator, wanted, version) for operator, wanted in terms)


def _term_holds(operator: str, wanted: str, version: str) -> bool:
    compare = _COMPARISONS.get(operator)
    if compare:
        return compare(version, wanted)
    return _differs(version, wanted) if operator == "!=" else _ranged(operator, wanted, version)


def _differs(version: str, wanted: str) -> bool:
    numbers, pre = _numbers(wanted)
    if len(numbers) == 2 and (pre or "-" in version):
        return _compare(version, _filled(numbers, pre)) != 0
    return not numbers or not _ranged("", wanted, version)


def _ranged(operator: str, wanted: str, version: str) -> bool:
    """`^`, `~` and plain versions; a number that is missing or `x` stands for any."""
    numbers, pre = _numbers(wanted)
    if not numbers:
        return operator != "^"
    low = _filled(numbers, pre)
    if operator == "^":
        upper = _caret(numbers)
    elif len(numbers) == 3 and operator != "~":
        return _compare(version, low) == 0
    else:
        upper = (numbers[0] + 1, 0, 0) if len(numbers) == 1 else (numbers[0], numbers[1] + 1, 0)
    released = tuple(int(part) for part in re.split(r"[-+]", version)[0].split("."))
    return _compare(version, low) >= 0 and released < upper


def _caret(numbers: tuple[int, ...]) -> tuple[int, int, int]:
    """The first version that `^` excludes: the leftmost number that is not zero may not change."""
    if numbers[0] or len(numbers) == 1:
        return (numbers[0] + 1, 0, 0)
    if numbers[1] or len(numbers) == 2:
        return (0, numbers[1] + 1, 0)
    return (0, 0, numbers[2] + 1)


def _greater(version: str, wanted: str) -> bool:
    numbers, pre = _numbers(wanted)
    if len(numbers) == 3:
        return _compare(version, _filled(numbers, pre)) > 0
    released = tuple(int(part) for part in re.split(r"[-+]", version)[0].split("."))
    return released[: len(numbers)] > numbers or not numbers


def _compare(one: str, other: str) -> int:
    return int(nodesemver.compare(one, other, loose=True))


def _numbers(wanted: str) -> tuple[tuple[int, ...], str]:
    """The numbers a constraint gives, up to the first missing or `x` one, and its pre-release with the dash."""
    found = re.match(r"[0-9xX*.]+", wanted)
    text = found[0] if found else ""
    pre = wanted[len(text) :].partition("+")[0]
    numbers: list[int] = []
    for part in text.split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers), pre


def _filled(numbers: tuple[int, ...], pre: str) -> str:
    return ".".join(str(n) for n in (*numbers, 0, 0, 0)[:3]) + pre


_COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    ">": _greater,
    "<=": lambda version, wanted: not _greater(version, wanted if _numbers(wanted)[0] else "0.0"),
    ">=": lambda version, wanted: _compare(version, _filled(*_numbers(wanted))) >= 0,
    "<": lambda version, wanted: _compare(version, _filled(*_numbers(wanted))) < 0,
}
