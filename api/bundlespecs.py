"""What Bundles and HelmOps, whose spec holds a Bundle's, both obey. Fleet's CRDs have the same rules for both."""

from __future__ import annotations

from api.checks import selector, targets
from extension.objects.errors import Invalid
from extension.objects.kinds import BundleSpec
from extension.objects.names import RELEASE_NAME, RELEASE_NAME_LIMIT
from extension.objects.options import BundleDeploymentOptions

MODES = ("", "FirstMatch", "AllMatches")
MAX_NAMED = 80


def obey(spec: BundleSpec) -> None:
    """Raises Invalid naming the field that no Bundle may have."""
    _releases(spec)
    _selectors(spec)
    _mode(spec)


def _releases(spec: BundleSpec) -> None:
    holders: list[tuple[str, BundleDeploymentOptions]] = [("spec", spec)]
    holders += [(f"spec.targets[{i}]", target) for i, target in enumerate(spec.targets)]
    for field, options in holders:
        name = options.helm.release_name if options.helm else ""
        if name and (len(name) > RELEASE_NAME_LIMIT or not RELEASE_NAME.fullmatch(name)):
            place = f"{field}.helm.releaseName"
            hint = f"at most {RELEASE_NAME_LIMIT} lower-case letters, digits, dashes and dots"
            raise Invalid(f"{place}: {name[:MAX_NAMED]!r} is not a release name", field=place, hint=hint)


def _selectors(spec: BundleSpec) -> None:
    targets(spec.targets, "spec.targets")
    targets(spec.target_restrictions, "spec.targetRestrictions")
    targets(spec.rollout_strategy.partitions if spec.rollout_strategy else (), "spec.rolloutStrategy.partitions")
    for i, dependency in enumerate(spec.depends_on):
        selector(dependency.selector, f"spec.dependsOn[{i}].selector")


def _mode(spec: BundleSpec) -> None:
    mode = spec.target_customization_mode
    if mode not in MODES:
        field = "spec.targetCustomizationMode"
        raise Invalid(f"{field}: {mode[:MAX_NAMED]!r} is not a mode", field=field, hint=f"use one of {', '.join(MODES[1:])}")
