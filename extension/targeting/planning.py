"""Bundle x clusters in, a Plan out (`fleet-semantics.md` 3.3).

Clusters are sorted into *profiles*: which target selected them and which customizations apply. There are at most as
many as the bundle has combinations of matching entries; each is merged once and then split by what its templates read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pyroaring import FrozenBitMap

from extension.objects.errors import Invalid
from extension.objects.kinds import Bundle, BundleSpec, RolloutStrategy
from extension.objects.options import BundleDeploymentOptions, options_of
from extension.objects.plan import NONE, Plan
from extension.targeting.matching import Scope, check
from extension.targeting.merging import merge
from extension.targeting.restrictions import UNRESTRICTED, Restrictions
from extension.targeting.rollout import DEFAULT_MAX_NEW, limit, max_unavailable_partitions, partitions
from extension.targeting.universe import Universe
from extension.targeting.values import Templates
from extension.targeting.variants import Variants

ALL_MATCHES = "AllMatches"
LABEL_LIMIT = 63

_LABEL_VALUE = re.compile("[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")

Profile = tuple[int, tuple[int, ...]]
"""Positions in `spec.targets`: the selected target, and the customizations that apply, in order."""


def plan(bundle: Bundle, universe: Universe, templates: Templates, *, manifest_id: str, restrictions: Restrictions = UNRESTRICTED) -> Plan:
    """Which clusters get which options of `bundle`, its helm values inline, and in which partitions.

    `manifest_id` is the content ID (or `spec.contentsId`, or empty for a HelmOp). What concerns single clusters is in
    `errors` of the plan. Raises Invalid for what concerns them all: a broken selector or rollout strategy.
    """
    _check_name(bundle.metadata.name)
    spec = bundle.spec
    rollout = spec.rollout_strategy or RolloutStrategy()
    check((*spec.targets, *spec.target_restrictions, *rollout.partitions))
    scopes = [Scope(universe, namespace) for namespace in searched(bundle, universe)]
    found = [(profile, clusters) for scope in scopes for profile, clusters in profiles(spec, scope) if clusters]
    variants = Variants(universe, templates, manifest_id=manifest_id, leaked=leaked(spec))
    for profile in dict.fromkeys(profile for profile, _ in found):
        clusters = FrozenBitMap.union(*(members for own, members in found if own == profile))
        variants.add(restrictions.apply(options_for(spec, profile)), clusters)
    assignments = variants.assignments
    targets = FrozenBitMap.union(NONE, *(a.clusters for a in assignments))
    steps = partitions(rollout, targets, universe, scopes)
    return Plan(
        bundle=bundle.key,
        manifest_id=manifest_id,
        assignments=assignments,
        partitions=steps,
        errors=variants.errors,
        max_unavailable=limit(len(targets), rollout.max_unavailable),
        max_unavailable_partitions=max_unavailable_partitions(len(steps), rollout),
        max_new=DEFAULT_MAX_NEW if rollout.max_new is None else rollout.max_new,
        paused=spec.paused,
    )


def _check_name(name: str) -> None:
    """A bundle's deployments are found by a label with its name, so the name must be able to be a label's value."""
    if len(name) > LABEL_LIMIT or not _LABEL_VALUE.fullmatch(name):
        raise Invalid(
            f"bundle name {name!r} can't be the value of a label",
            field="metadata.name",
            hint=f"use at most {LABEL_LIMIT} letters, digits, '-', '_' and '.', a letter or digit first and last",
        )


def searched(bundle: Bundle, universe: Universe) -> tuple[str, ...]:
    """The namespaces whose clusters are candidates: the bundle's own and those mapped to it, sorted."""
    own = bundle.metadata.namespace
    return tuple(sorted({own, *universe.mapped_namespaces(own, bundle.metadata.labels)}))


def customizations(spec: BundleSpec) -> range:
    """Positions of the targets that are customizations. Without restrictions there is no customization phase."""
    return range(max(len(spec.targets) - len(spec.target_restrictions), 0) if spec.target_restrictions else 0)


def profiles(spec: BundleSpec, scope: Scope) -> Iterator[tuple[Profile, FrozenBitMap]]:
    """The clusters of a namespace that get the bundle, by profile; the sets are disjoint."""
    within = [scope.match(entry) for entry in spec.target_restrictions] or None
    custom = [(place, scope.hits(scope.match(spec.targets[place]))) for place in customizations(spec)]
    left = scope.all
    for place in range(len(custom), len(spec.targets)):
        hits = left & scope.hits(scope.match(spec.targets[place]), within)
        left -= hits
        if not spec.targets[place].do_not_deploy:
            for applied, clusters in _customized(spec, hits, custom):
                yield (place, applied), clusters


def _customized(
    spec: BundleSpec, clusters: FrozenBitMap, custom: Sequence[tuple[int, FrozenBitMap]]
) -> Iterator[tuple[tuple[int, ...], FrozenBitMap]]:
    if spec.target_customization_mode == ALL_MATCHES:
        yield from _all_matches(spec, clusters, custom)
        return
    for place, members in custom:
        hits = clusters & members
        clusters -= hits
        if not spec.targets[place].do_not_deploy:
            yield (place,), hits
    yield (), clusters


def _all_matches(
    spec: BundleSpec, clusters: FrozenBitMap, custom: Sequence[tuple[int, FrozenBitMap]]
) -> Iterator[tuple[tuple[int, ...], FrozenBitMap]]:
    parts: dict[tuple[int, ...], FrozenBitMap] = {(): clusters}
    for place, members in custom:
        if spec.targets[place].do_not_deploy:
            parts = {applied: part - members for applied, part in parts.items()}
            continue
        hit = {(*applied, place): part & members for applied, part in parts.items()}
        missed = {applied: part - members for applied, part in parts.items()}
        parts = {applied: part for applied, part in (hit | missed).items() if part}
    yield from parts.items()


def options_for(spec: BundleSpec, profile: Profile) -> BundleDeploymentOptions:
    """The bundle's options with those of the target on top. Customizations are merged onto the target's in AllMatches,
    and take their place in FirstMatch."""
    selected, applied = profile
    chosen = options_of(spec.targets[selected])
    for place in applied:
        custom = spec.targets[place]
        chosen = merge(chosen, custom) if spec.target_customization_mode == ALL_MATCHES else options_of(custom)
    return merge(options_of(spec), chosen)


def leaked(spec: BundleSpec) -> BundleDeploymentOptions:
    """Namespace labels and annotations of all targets, matching or not: Fleet lays them over every deployment."""
    return BundleDeploymentOptions(
        namespace_labels={key: value for target in spec.targets for key, value in target.namespace_labels.items()},
        namespace_annotations={key: value for target in spec.targets for key, value in target.namespace_annotations.items()},
    )
