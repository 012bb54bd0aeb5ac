"""A cluster that changes its workspace: what is asked for, and what that does. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from extension.objects.base import Key, Struct, prepare
from extension.objects.clusters import Cluster

LEAVING = "continuous-delivery.cattle.io/leaving"
"""Annotation of a cluster that was moved: what it is still to be rid of, as JSON (`Leaving`)."""


class Move(Struct, frozen=True):
    """Where a cluster goes, and the labels that it is given.

    With `keep_resources` the objects of bundles that leave it stay on it, and only their releases go. A bundle that its new workspace has
    under the name of one that it has is taken over with all its objects; without `adopt` a move with any such is refused.
    """

    workspace: str = ""
    labels: dict[str, str] = {}
    keep_resources: bool = False
    adopt: bool = True


class Moved(Struct, frozen=True):
    """The cluster in its new place. Bundles that leave it, that take over what it has, and that come to it: each is in one of the three.
    `removed` is how many objects go from it, `told` what else there is to say."""

    cluster: Key
    leaves: tuple[Key, ...] = ()
    adopts: tuple[Key, ...] = ()
    comes: tuple[Key, ...] = ()
    removed: int = 0
    told: dict[str, Any] = {}


class Leaving(Struct, frozen=True):
    """A bundle whose releases a moved cluster is still to be rid of, but for the one that its new workspace has under this name; with
    `replaced` only once that one is there. With `keep` their objects stay."""

    bundle: str
    keep: bool = False
    replaced: bool = False


def decoded_leaving(text: str) -> tuple[Leaving, ...]:
    """Of the annotation's text; nothing of one that somebody else wrote."""
    try:
        return _DECODER.decode(text or "[]")
    except msgspec.MsgspecError:
        return ()


def encoded_leaving(found: set[Leaving]) -> str:
    """Empty for nothing."""
    ordered = sorted(found, key=lambda one: (one.bundle, one.keep, one.replaced))
    return msgspec.json.encode(ordered).decode() if ordered else ""


def with_marks(cluster: Cluster, marks: Iterable[Leaving]) -> Cluster:
    """The cluster with what it is still to be rid of, and nothing else of that."""
    notes = {name: text for name, text in cluster.metadata.annotations.items() if name != LEAVING}
    if told := encoded_leaving(set(marks)):
        notes[LEAVING] = told
    return msgspec.structs.replace(cluster, metadata=msgspec.structs.replace(cluster.metadata, annotations=notes))


def without_marks(cluster: Cluster, done: Iterable[Leaving]) -> Cluster:
    return with_marks(cluster, {*decoded_leaving(cluster.metadata.annotations.get(LEAVING, ""))} - {*done})


_DECODER = msgspec.json.Decoder(tuple[Leaving, ...])
prepare(Move, Moved, Leaving)
