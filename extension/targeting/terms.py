"""A bundle's targets held against one cluster, term by term, with what was seen of it (`fleet-semantics.md` 3.3). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pyroaring import FrozenBitMap

from extension.objects.explanation import TargetCheck, Term
from extension.objects.kinds import Bundle, BundleSpec, BundleTarget, Cluster
from extension.objects.marks import visible
from extension.objects.options import BundleDeploymentOptions, HelmOptions
from extension.objects.selectors import LabelSelector, Requirement, described, holds, matches, requirements
from extension.targeting.matching import Entry, Scope
from extension.targeting.planning import Profile, customizations, options_for, profiles
from extension.targeting.universe import DISPLAY_NAME, Group, Inputs, Universe
from extension.targeting.values import exported, reads

HIDDEN = "(not shown)"
"""In place of a value that may be a secret: template values and annotations are anybody's to fill."""


def profile_of(spec: BundleSpec, cluster: int, scope: Scope) -> Profile | None:
    """Which target selects the cluster and which customizations apply; None when it does not get the bundle."""
    return next((profile for profile, clusters in profiles(spec, scope) if cluster in clusters), None)


def checks(bundle: Bundle, cluster: int, universe: Universe) -> Iterator[TargetCheck]:
    """Each restriction, target and customization of the bundle, in the order in which they are tried."""
    inputs = universe.sample(FrozenBitMap([cluster]))
    scope, spec = Scope(universe, inputs.namespace), bundle.spec
    selected, applied = profile_of(spec, cluster, scope) or (-1, ())
    custom = customizations(spec)
    for number, entry in enumerate(spec.target_restrictions):
        yield _check("restriction", entry.name or str(number + 1), entry, cluster, scope, inputs)
    for place in (*range(len(custom), len(spec.targets)), *custom):
        target: BundleTarget = spec.targets[place]
        kind = "customization" if place in custom else "target"
        chosen = place == selected or place in applied
        yield _check(kind, target.name or str(place + 1), target, cluster, scope, inputs, chosen, target.do_not_deploy)


def membership(cluster: Cluster, workspace: str, selector: LabelSelector | None) -> tuple[Term, ...]:
    """The conditions of a cluster group of that workspace, held against a cluster: it is in the group when all hold. Raises Invalid."""
    home = cluster.metadata.namespace
    place = Term(f"workspace {workspace}", home == workspace, f"the cluster is in workspace {home}")
    if selector is None:
        return (place, Term("it has no selector", False, "and that matches nothing"))
    return (place, *_selected(selector, cluster.metadata.labels, "selector"))


def _check(  # noqa: PLR0917 (what a check is made of)
    kind: str, name: str, entry: Entry, cluster: int, scope: Scope, inputs: Inputs, selected: bool = False, silent: bool = False
) -> TargetCheck:
    mine = [group for group in scope.tries if cluster in group.members]
    found = tuple(_terms(entry, cluster, scope, inputs, mine)) or (Term("it has no criterion", False, "and that matches nothing"),)
    return TargetCheck(kind, name, cluster in scope.hits(scope.match(entry)), selected, silent, found)


def _terms(entry: Entry, cluster: int, scope: Scope, inputs: Inputs, mine: list[Group]) -> Iterator[Term]:
    if entry.cluster_name:
        shown = inputs.labels.get(DISPLAY_NAME, "")
        seen = f"the cluster is called {inputs.name}{f', shown as {shown}' if shown else ''}"
        yield Term(f"clusterName {entry.cluster_name}", entry.cluster_name in (inputs.name, shown), seen)
    if entry.cluster_selector is not None:
        yield from _selected(entry.cluster_selector, inputs.labels)
    named = [group.name for group in mine if group.name]
    groups = f"it is in {', '.join(named)}" if named else "it is in no cluster group"
    if entry.cluster_group:
        yield Term(f"clusterGroup {entry.cluster_group}", entry.cluster_group in named, groups)
    if entry.cluster_group_selector is not None:
        selector = entry.cluster_group_selector
        labels = "; ".join(f"{group.name} has {_labels(group.labels)}" for group in mine if group.name)
        hit = any(matches(selector, group.labels) for group in mine)
        yield Term(f"clusterGroupSelector {described(selector)}", hit, labels or groups)


def _selected(selector: LabelSelector, labels: Mapping[str, str], field: str = "clusterSelector") -> Iterator[Term]:
    found = requirements(selector)
    if not found:
        yield Term(f"{field} anything", True, "it selects every cluster")
    for req in found:
        yield Term(f"{field} {_words(req)}", holds(req, labels), _seen(req.key, labels))


def _words(req: Requirement) -> str:
    return described(LabelSelector(match_expressions=(req,)))


def _seen(key: str, labels: Mapping[str, str]) -> str:
    return f"the cluster has {key}={labels[key]}" if key in labels else f"the cluster has no label {key}"


def _labels(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(labels.items())) or "no label"


def inputs_read(bundle: Bundle, cluster: int, universe: Universe) -> dict[str, str]:
    """What the templates of the bundle's options read of the cluster, by its place. `bundle` has its values."""
    inputs = universe.sample(FrozenBitMap([cluster]))
    profile = profile_of(bundle.spec, cluster, Scope(universe, inputs.namespace))
    if profile is None:
        return {}
    options: BundleDeploymentOptions = options_for(bundle.spec, profile)
    used = reads(options.helm or HelmOptions())
    labels = {key: value for key, value in inputs.labels.items() if visible(key)}
    found: dict[str, str] = {"ClusterName": inputs.name} if used.name else {}
    found |= {"ClusterNamespace": inputs.namespace} if used.namespace else {}
    for name, keys, have, shown in (
        ("ClusterLabels", used.labels, labels, True),
        ("ClusterAnnotations", used.annotations, exported(inputs.annotations), False),
        ("ClusterValues", used.template_values, inputs.template_values, False),
    ):
        wanted = sorted(have if keys is None else keys)
        found |= {f"{name}.{key}": (str(have[key]) if shown else HIDDEN) if key in have else "missing" for key in wanted}
    return found
