"""Why a cluster gets a bundle or not, step by step, for people (`fleet-semantics.md` 3.3 in the order it is decided)."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence

import msgspec
from pyroaring import FrozenBitMap

from extension.objects.kinds import Bundle, BundleSpec
from extension.objects.selectors import described
from extension.targeting.matching import Entry, Match, Scope, check
from extension.targeting.planning import ALL_MATCHES, customizations, profiles, searched
from extension.targeting.universe import Inputs, Universe


class Explanation(msgspec.Struct, frozen=True):
    """`matched` as in a plan; `steps` are sentences."""

    bundle: str
    cluster: str
    matched: bool
    steps: tuple[str, ...]

    def __str__(self) -> str:
        verdict = "gets" if self.matched else "does not get"
        lines = (f"cluster {self.cluster} {verdict} bundle {self.bundle}", *(f"  {step}" for step in self.steps))
        return "\n".join(lines)


def explain(bundle: Bundle, cluster: int, universe: Universe) -> Explanation:
    """Why `cluster` (its number in the universe) is targeted or not. Raises Invalid for a broken selector."""
    check((*bundle.spec.targets, *bundle.spec.target_restrictions))
    inputs = universe.sample(FrozenBitMap([cluster]))
    scope = Scope(universe, inputs.namespace)
    inside = inputs.namespace in searched(bundle, universe)
    matched = inside and any(cluster in clusters for _, clusters in profiles(bundle.spec, scope))
    steps = tuple(_steps(bundle, cluster, inputs, scope)) if inside else (_outside(bundle, inputs),)
    return Explanation(
        bundle=f"{bundle.metadata.namespace}/{bundle.metadata.name}",
        cluster=f"{inputs.namespace}/{inputs.name}",
        matched=matched,
        steps=steps,
    )


def _outside(bundle: Bundle, inputs: Inputs) -> str:
    return (
        f"workspace {inputs.namespace} is not searched: the bundle is in {bundle.metadata.namespace} "
        f"and no BundleNamespaceMapping there leads to {inputs.namespace}"
    )


def _steps(bundle: Bundle, cluster: int, inputs: Inputs, scope: Scope) -> Iterator[str]:
    spec = bundle.spec
    mapped = "" if inputs.namespace == bundle.metadata.namespace else " through a BundleNamespaceMapping"
    yield f"workspace {inputs.namespace} is searched{mapped}"
    groups = [group.name for group in scope.tries if group.name and cluster in group.members]
    yield f"it is in cluster groups {', '.join(groups)}" if groups else "it is in no cluster group"
    selected = yield from _selection(spec, cluster, scope)
    if selected is None:
        yield "no target selects it"
    elif spec.targets[selected].do_not_deploy:
        yield f"{_name(spec, selected)} says doNotDeploy"
    else:
        yield from _customizing(spec, cluster, scope)


def _selection(spec: BundleSpec, cluster: int, scope: Scope) -> Generator[str, None, int | None]:
    """Sentences on the targets in order up to the one that selects the cluster; returns its position."""
    within = [scope.match(entry) for entry in spec.target_restrictions] or None
    for place in range(len(customizations(spec)), len(spec.targets)):
        match = scope.match(spec.targets[place])
        if cluster in scope.hits(match, within):
            yield f"{_name(spec, place)} selects it: {_criteria(spec.targets[place])}"
            return place
        if cluster in scope.hits(match):
            yield f"{_name(spec, place)} matches, but none of the GitRepo's targets allows it"
        else:
            yield f"{_name(spec, place)} does not match: {_missed(spec.targets[place], match, cluster)}"
    return None


def _customizing(spec: BundleSpec, cluster: int, scope: Scope) -> Iterator[str]:
    for place in customizations(spec):
        entry = spec.targets[place]
        match = scope.match(entry)
        if cluster not in scope.hits(match):
            yield f"{_name(spec, place)} does not match: {_missed(entry, match, cluster)}"
            continue
        if entry.do_not_deploy:
            yield f"{_name(spec, place)} matches ({_criteria(entry)}) and says doNotDeploy"
            return
        yield f"{_name(spec, place)} applies: {_criteria(entry)}"
        if spec.target_customization_mode != ALL_MATCHES:
            return


def _name(spec: BundleSpec, place: int) -> str:
    kind = "customization" if place in customizations(spec) else "target"
    return f"{kind} {spec.targets[place].name or place + 1}"


def _criteria(entry: Entry) -> str:
    return ", ".join(_parts(entry)) or "it has no criterion"


def _parts(entry: Entry) -> Sequence[str]:
    parts = [f"clusterName {entry.cluster_name}"] if entry.cluster_name else []
    if entry.cluster_selector is not None:
        parts.append(f"clusterSelector {described(entry.cluster_selector)}")
    if entry.cluster_group:
        parts.append(f"clusterGroup {entry.cluster_group}")
    if entry.cluster_group_selector is not None:
        parts.append(f"clusterGroupSelector {described(entry.cluster_group_selector)}")
    return parts


def _missed(entry: Entry, match: Match, cluster: int) -> str:
    """Which half of the criteria the cluster fails."""
    parts = _parts(entry)
    if not parts:
        return "it has no criterion, and that matches nothing"
    groups = [part for part in parts if part.startswith("clusterGroup")]
    own = [part for part in parts if part not in groups]
    return f"{', '.join(groups if cluster in match.clusters else own)} does not hold"
