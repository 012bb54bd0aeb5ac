"""Both sides of a change, rendered for one cluster of those that share it, and what differs.

What runs by now is rendered from the stored options and content of that cluster's deployment, what would run from the plan's. Both
are rendered alike, as an upgrade where something runs; what only the cluster knows (its version and APIs, values from its own
Secrets and ConfigMaps) is in neither, and a note says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from extension.engine.contents import Contents
from extension.engine.proposals import Proposed
from extension.objects.base import Key, to_builtins
from extension.objects.errors import UserError
from extension.objects.kinds import Bundle, BundleDeploymentStatus, BundleResource
from extension.objects.options import BundleDeploymentOptions, HelmOptions
from extension.objects.plan import Variant
from extension.rendering.diffing import Bounds, Difference, difference, objects_of
from extension.rendering.masking import scrubbed
from extension.rendering.render import Input, Rendering
from extension.store.protocol import Assigned, Store

MOST_OPTIONS = 20
VALUES = "helm.values"
Render = Callable[[Input], Rendering]


class Side(msgspec.Struct, frozen=True):
    """What a deployment is rendered from."""

    name: str
    options: BundleDeploymentOptions
    manifest_id: str
    commit: str
    resources: Callable[[], tuple[BundleResource, ...]]


class Shown(msgspec.Struct, frozen=True):
    """What differs. `options` are fields whose values differ, `error` says why nothing could be rendered."""

    difference: Difference = Difference()
    options: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    error: str = ""


class Sides:
    def __init__(self, store: Store, contents: Contents, render: Render, bounds: Bounds = Bounds()) -> None:
        self._store = store
        self._contents = contents
        self._render = render
        self._bounds = bounds

    def shown(self, bundle: Key, cluster: Key, new: Variant | None, proposed: Proposed | None) -> Shown:
        """What becomes of the bundle on the cluster. A rendering that fails is told, without the values it was made with."""
        item = next((one for one in self._store.assigned(cluster) if one.bundle == bundle), None)
        before = self._before(self._store.whole(item)) if item is not None and item.deployment_id else None
        after = None if new is None or proposed is None else self._after(new, proposed)
        options = tuple(_fields(before, after))
        notes = tuple(dict.fromkeys(note for side in (before, after) if side for note in _notes(side.options)))
        try:
            old, fresh = (objects_of(self._rendered(side, before is not None)) for side in (before, after))
            found = difference(old, fresh, self._bounds)
        except UserError as error:
            return Shown(options=options, notes=notes, error=_safe(error, before, after))
        return Shown(found, options, notes)

    def _before(self, item: Assigned) -> Side:
        return Side(
            item.bundle.name, item.options, _manifest(item.deployment_id), item.commit, lambda: self._contents.deployment(item).resources()
        )

    def _after(self, new: Variant, proposed: Proposed) -> Side:
        bundle = proposed.whole
        given = proposed.resources

        def resources() -> tuple[BundleResource, ...]:
            if proposed.op is not None:
                return self._contents.chart(proposed.op, new.options.helm or HelmOptions())
            return self._contents.deployment(_as_assigned(bundle, new)).resources() if given is None else given

        return Side(bundle.metadata.name, new.options, _manifest(new.deployment_id), proposed.commit, resources)

    def _rendered(self, side: Side | None, upgrade: bool) -> Rendering | None:
        if side is None:
            return None
        return self._render(
            Input(
                name=side.name,
                options=side.options,
                resources=side.resources(),
                manifest_id=side.manifest_id,
                commit=side.commit,
                revision=2 if upgrade else 1,
                is_upgrade=upgrade,
            )
        )


def _manifest(deployment_id: str) -> str:
    return deployment_id.partition(":")[0]


def _as_assigned(bundle: Bundle, new: Variant) -> Assigned:
    """The deployment that a stored Bundle would make, for whoever fetches its content."""
    spec = bundle.spec
    return Assigned(
        bundle_id=0,
        cluster_id=0,
        revision=0,
        bundle=bundle.key,
        labels=bundle.metadata.labels,
        deployment_id=new.deployment_id,
        staged_deployment_id=new.deployment_id,
        options=new.options,
        content_sha256=bundle.status.resources_sha256_sum,
        commit="",
        depends_on=spec.depends_on,
        paused=spec.paused,
        deleting=False,
        status=BundleDeploymentStatus(),
        chart=spec.helm_op_options,
    )


def _fields(before: Side | None, after: Side | None) -> Iterator[str]:
    """The fields of the options that differ on the two sides, by path, without any value."""
    if before is None or after is None:
        return
    found = list(differing(to_builtins(before.options), to_builtins(after.options)))
    yield from found[:MOST_OPTIONS]
    if len(found) > MOST_OPTIONS:
        yield f"and {len(found) - MOST_OPTIONS} more"


def differing(one: Any, other: Any, path: str = "") -> Iterator[str]:
    """The paths at which two plain values differ, maps looked into."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted({*one, *other}):
            yield from differing(one.get(key), other.get(key), f"{path}.{key}" if path else str(key))
    elif one != other:
        yield path


def _notes(options: BundleDeploymentOptions) -> Iterator[str]:
    helm = options.helm
    for source in helm.values_from if helm else ():
        for kind, ref in (("ConfigMap", source.config_map_key_ref), ("Secret", source.secret_key_ref)):
            if ref is not None:
                yield f"the values of {kind} {ref.name} are read on the cluster and are in neither side"
    for copied in options.downstream_resources:
        yield f"{copied.kind} {copied.name} is copied to the cluster as it is there"


def _safe(error: UserError, *sides: Side | None) -> str:
    """The error without Helm's values: who wrote a chart or its schema decides what a message quotes."""
    text = str(error)
    for side in sides:
        if side is not None and side.options.helm is not None:
            text = scrubbed(text, side.options.helm.values)
    return text
