"""Options of many clusters at once: each distinct outcome is computed one time (`design.md` decision 2).

Clusters are split by what the templates read of them, with set operations where that is labels and namespaces, and one
cluster of each part stands for the others. A deployment ID is made here and nowhere else (`fleet-semantics.md` 3.3).
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import msgspec
from pyroaring import BitMap, FrozenBitMap

from extension.objects.codec import canonical
from extension.objects.errors import Invalid
from extension.objects.options import BundleDeploymentOptions, HelmOptions
from extension.objects.plan import NONE, Assignment, PlanError, Variant
from extension.targeting.reads import Reads
from extension.targeting.universe import Inputs, Universe
from extension.targeting.values import Templates, exported, fill, reads


def deployment_id(manifest_id: str, options: BundleDeploymentOptions) -> str:
    """The ID of these options and content; diff and correctDrift don't count."""
    counted = msgspec.structs.replace(options, diff=None, correct_drift=None)
    digest = hashlib.sha256(canonical(counted) + b"\n").hexdigest()
    return f"{manifest_id}:{digest}"


class Variants:
    """Collects assignments: equal variants become one, clusters whose options can't be computed become errors.

    `leaked` holds the namespace labels and annotations that
    are laid over all options.
    """

    def __init__(
        self,
        universe: Universe,
        templates: Templates,
        *,
        manifest_id: str,
        leaked: BundleDeploymentOptions,
    ) -> None:
        self._universe = universe
        self._templates = templates
        self._manifest_id = manifest_id
        self._leaked = leaked
        self._found: dict[tuple[str, str], tuple[Variant, BitMap]] = {}
        self._errors: dict[str, BitMap] = defaultdict(BitMap)

    def add(self, options: BundleDeploymentOptions, clusters: FrozenBitMap) -> None:
        """Adds the variants of merged `options` over `clusters`. A cluster without labels is not templated at all; one
        with labels gets a helm block even when there is none (2.7)."""
        bare = clusters & self._universe.bare()
        rich = clusters - bare
        if bare:
            self._assign(options, bare)
        if not rich:
            return
        if options.helm is None:
            self._assign(msgspec.structs.replace(options, helm=HelmOptions()), rich)
            return
        helm = msgspec.structs.replace(options.helm, values=options.helm.values or {})
        for part in split(reads(helm), rich, self._universe):
            cluster = self._universe.sample(part)
            try:
                filled = fill(helm, cluster, self._templates)
            except Invalid as error:
                self._errors[str(error)] |= part
            else:
                self._assign(msgspec.structs.replace(options, helm=filled), part)

    def _assign(self, options: BundleDeploymentOptions, clusters: FrozenBitMap) -> None:
        made = self._variant(options)
        self._found.setdefault((made.deployment_id, made.digest), (made, BitMap()))[1].update(clusters)

    def _variant(self, options: BundleDeploymentOptions) -> Variant:
        """Namespace labels and annotations of every target are laid over the options, after the ID was made (3.3)."""
        own = deployment_id(self._manifest_id, options)
        whole = msgspec.structs.replace(
            options,
            namespace_labels=options.namespace_labels | self._leaked.namespace_labels,
            namespace_annotations=options.namespace_annotations | self._leaked.namespace_annotations,
        )
        return Variant(own, whole, hashlib.sha256(canonical(whole)).hexdigest())

    @property
    def assignments(self) -> tuple[Assignment, ...]:
        return tuple(Assignment(variant, FrozenBitMap(clusters)) for variant, clusters in self._found.values())

    @property
    def errors(self) -> tuple[PlanError, ...]:
        return tuple(PlanError(message, FrozenBitMap(clusters)) for message, clusters in self._errors.items())


def split(used: Reads, clusters: FrozenBitMap, universe: Universe) -> Iterator[FrozenBitMap]:
    """`clusters` in parts that agree on everything in `used`."""
    parts = [clusters]
    for key in sorted(used.labels or ()):
        parts = [small for part in parts for small in _by_label(key, part, universe)]
    rest = _rest(used)
    if rest == Reads():
        yield from parts
        return
    for part in parts:
        yield from _by_inputs(rest, part, universe)


def _rest(used: Reads) -> Reads:
    return msgspec.structs.replace(used, labels=None if used.labels is None else frozenset())


def _by_label(key: str, clusters: FrozenBitMap, universe: Universe) -> Iterator[FrozenBitMap]:
    found = list(universe.by_label(key, clusters).values())
    yield from found
    if without := clusters - FrozenBitMap.union(NONE, *found):
        yield without


def _by_inputs(used: Reads, clusters: FrozenBitMap, universe: Universe) -> Iterator[FrozenBitMap]:
    parts: dict[bytes, list[int]] = defaultdict(list)
    for number, cluster in universe.inputs(clusters):
        parts[msgspec.json.encode(_used(used, cluster), order="deterministic")].append(number)
    for members in parts.values():
        yield FrozenBitMap(members)


def _used(used: Reads, cluster: Inputs) -> list[Any]:
    maps = (
        (used.labels, cluster.labels),
        (used.annotations, exported(cluster.annotations) if used.annotations != frozenset() else {}),
        (used.template_values, cluster.template_values),
    )
    taken: list[Any] = [dict(have) if keys is None else {key: have[key] for key in keys if key in have} for keys, have in maps]
    return [*taken, cluster.name if used.name else "", cluster.namespace if used.namespace else ""]
