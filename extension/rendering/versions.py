"""Which version of a chart a constraint means, as Helm resolves it (`fleet-semantics.md` 2.5).

An exact version wins as it is written; otherwise it is the highest version that the constraint takes. Whether it takes one is
asked of Helm itself; versions that are no semver are passed over, as in a repository's index.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from extension.objects.errors import Invalid, NotFound

SEMVER = re.compile(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?")
Satisfying = Callable[[str, tuple[str, ...]], tuple[str, ...]]
"""`Helm.satisfying`."""


def resolve(constraint: str, versions: Iterable[str], satisfying: Satisfying, where: str = "") -> str:
    """The one of `versions` that `constraint` means; empty is the highest stable one.

    Raises NotFound when there is none, Invalid for a bad constraint.
    """
    known = tuple(version for version in versions if SEMVER.fullmatch(version))
    if constraint in known:
        return constraint
    taken = satisfying(constraint or "*", known)
    if not taken:
        raise NotFound(f"no chart version found for {constraint!r} among {len(known)} versions", where=where, field="helm.version")
    return max(taken, key=precedence)


def precedence(version: str) -> tuple[tuple[int, ...], bool, tuple[tuple[bool, int, str], ...]]:
    """A key that sorts semantic versions. Raises ValueError for text that is none."""
    found = SEMVER.fullmatch(version)
    if not found:
        raise ValueError(f"{version!r} is no semantic version")
    numbers = tuple(int(part or 0) for part in found.group(1, 2, 3))
    words = (found[4] or "").split(".") if found[4] else []
    return numbers, not words, tuple((not word.isdigit(), int(word) if word.isdigit() else 0, word) for word in words)


def full(version: str) -> str:
    """A Kubernetes version as Fleet's dry run shows it to templates: three numbers, no `v`. Raises Invalid for what is no version."""
    found = SEMVER.fullmatch(version)
    if not found:
        raise Invalid(f"invalid kubeVersion: {version}", hint="give it as v1.30 or v1.30.2")
    core = ".".join(str(int(part or 0)) for part in found.group(1, 2, 3))
    return core + re.sub(r"\Av?[0-9.]+", "", version)
