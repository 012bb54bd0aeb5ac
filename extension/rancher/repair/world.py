"""What is looked at: the objects of a management cluster, as they were read, as one value.

Everything that is decided is decided on such a value, so a dry run decides exactly what the real one would. Of Secrets only the
metadata is ever here: whether one exists and how it is labelled is all that a repair has to know.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from extension.objects.base import Struct

FLEET = "fleet.cattle.io/v1alpha1"
KINDS: Mapping[str, str] = {
    "ServiceAccount": "v1",
    "Secret": "v1",
    "Deployment": "apps/v1",
    "ClusterRegistration": FLEET,
    "GitRepo": FLEET,
    "HelmOp": FLEET,
    "ImageScan": FLEET,
    "GitRepoRestriction": FLEET,
    "Policy": FLEET,
    "Cluster": FLEET,
    "Bundle": FLEET,
}
"""Every kind that is looked at, with its API version."""

SYSTEM = ("cattle-fleet-system", "fleet-system")
"""Where Fleet's controllers are: today, and long ago."""
REGISTRATION = ("cattle-fleet-clusters-system", "fleet-clusters-system")
"""Where agents find the credentials that a registration gave them."""


class Ref(Struct, frozen=True, omit_defaults=False):
    """An object by its name."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True)
class Seen:
    """An object as it was read."""

    at: Ref
    raw: Mapping[str, Any]

    def text(self, *path: str) -> str:
        """The text at a path, empty when there is none."""
        found = value(self.raw, *path)
        return found if isinstance(found, str) else ""

    def number(self, *path: str) -> int | None:
        found = value(self.raw, *path)
        return found if isinstance(found, int) and not isinstance(found, bool) else None

    def texts(self, *path: str) -> Mapping[str, str]:
        found = value(self.raw, *path)
        return found if isinstance(found, Mapping) else {}

    def items(self, *path: str) -> list[Mapping[str, Any]]:
        found = value(self.raw, *path)
        return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []

    @property
    def labels(self) -> Mapping[str, str]:
        return self.texts("metadata", "labels")

    @property
    def annotations(self) -> Mapping[str, str]:
        return self.texts("metadata", "annotations")

    @property
    def is_leaving(self) -> bool:
        return bool(self.text("metadata", "deletionTimestamp"))


@dataclass(frozen=True)
class World:
    """`now` is when it was read, in RFC 3339; an agent that was silent for `silent_after` seconds has to be installed again."""

    now: str
    silent_after: float
    objects: Mapping[Ref, Seen] = field(default_factory=dict)

    def all(self, kind: str) -> Iterator[Seen]:
        return (seen for at, seen in self.objects.items() if at.kind == kind)

    def has(self, kind: str, namespace: str, name: str) -> bool:
        return Ref(kind, namespace, name) in self.objects

    def age(self, since: str) -> float:
        """The seconds since a time; none at all for what is no time, so that nothing is done about it."""
        return max(0.0, moment(self.now) - moment(since)) if since else 0.0


def world(now: str, silent_after: float, seen: Iterable[Seen]) -> World:
    return World(now, silent_after, {one.at: one for one in seen})


def seen(kind: str, raw: Mapping[str, Any]) -> Seen:
    """An object as the API server gives it."""
    metadata = raw["metadata"]
    return Seen(Ref(kind, metadata.get("namespace") or "", metadata["name"]), raw)


def value(raw: Any, *path: str) -> Any:
    """What is at a path; None when something on the way is missing."""
    for name in path:
        raw = raw.get(name) if isinstance(raw, Mapping) else None
    return raw


def moment(text: str) -> float:
    """A time in RFC 3339 as seconds; now and then people write something else there, which is the beginning of time."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0
