"""ImageScans: which image the files of a GitRepo name. Those of a fleet.yaml are made by the engine, and made anew with each commit."""

from __future__ import annotations

from api.nouns import Noun, Write
from api.resources import blueprint
from extension.objects.durations import seconds
from extension.objects.errors import MissingRequired
from extension.objects.kinds import ImageScan, ImageScanSpec
from extension.sources.images import split
from extension.sources.versions import Constraint


def _image(write: Write) -> None:
    spec = _spec(write)
    for field, value in (("image", spec.image), ("tagName", spec.tag_name)):
        if not value:
            raise MissingRequired(f"spec.{field}: is required", field=f"spec.{field}")
    split(spec.image)


def _policy(write: Write) -> None:
    policy = _spec(write).policy
    Constraint(policy.semver.range if policy.semver else "", field="spec.policy.semver.range")


def _interval(write: Write) -> None:
    seconds(_spec(write).interval or "0", field="spec.interval")


def _spec(write: Write) -> ImageScanSpec:
    assert isinstance(write.new, ImageScan)
    return write.new.spec


NOUN = Noun(ImageScan, "The newest image of a registry, for the files of a GitRepo.", checks=(_image, _policy, _interval))
blueprints = (blueprint(NOUN),)
