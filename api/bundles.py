"""Bundles: made from GitRepos by the engine, or by hand."""

from __future__ import annotations

from api.checks import selector, targets
from api.nouns import Noun, Write
from api.places import resources_blueprint
from api.resources import blueprint
from extension.objects.errors import Invalid
from extension.objects.kinds import Bundle, BundleSpec
from extension.objects.names import RELEASE_NAME, RELEASE_NAME_LIMIT
from extension.objects.options import BundleDeploymentOptions

MODES = ("", "FirstMatch", "AllMatches")
MAX_NAMED = 80


def _spec(write: Write) -> BundleSpec:
    assert isinstance(write.new, Bundle)
    return write.new.spec


def _releases(write: Write) -> None:
    spec = _spec(write)
    holders: list[tuple[str, BundleDeploymentOptions]] = [("spec", spec)]
    holders += [(f"spec.targets[{i}]", target) for i, target in enumerate(spec.targets)]
    for field, options in holders:
        name = options.helm.release_name if options.helm else ""
        if name and (len(name) > RELEASE_NAME_LIMIT or not RELEASE_NAME.fullmatch(name)):
            place = f"{field}.helm.releaseName"
            hint = f"at most {RELEASE_NAME_LIMIT} lower-case letters, digits, dashes and dots"
            raise Invalid(f"{place}: {name[:MAX_NAMED]!r} is not a release name", field=place, hint=hint)


def _selectors(write: Write) -> None:
    spec = _spec(write)
    targets(spec.targets, "spec.targets")
    targets(spec.target_restrictions, "spec.targetRestrictions")
    targets(spec.rollout_strategy.partitions if spec.rollout_strategy else (), "spec.rolloutStrategy.partitions")
    for i, dependency in enumerate(spec.depends_on):
        selector(dependency.selector, f"spec.dependsOn[{i}].selector")


def _mode(write: Write) -> None:
    mode = _spec(write).target_customization_mode
    if mode not in MODES:
        field = "spec.targetCustomizationMode"
        raise Invalid(f"{field}: {mode[:MAX_NAMED]!r} is not a mode", field=field, hint=f"use one of {', '.join(MODES[1:])}")


NOUN = Noun(
    Bundle,
    "What is deployed: files, options and targets. Lists leave the files out.",
    checks=(_releases, _selectors, _mode),
    links=("resources",),
)
blueprints = (blueprint(NOUN), resources_blueprint(NOUN, "bundle"))
