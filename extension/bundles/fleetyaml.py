"""fleet.yaml: its keys, its decoding and its rules (`fleet-semantics.md` 2.1).

Decoding is lenient as Fleet's: unknown keys change nothing, but are told as warnings, since most are misspelt; keys match
without regard to case. A wrong type is an error that names file and field.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from extension.bundles.scalars import with_texts
from extension.objects import yaml
from extension.objects.base import ObjectMeta, prepare
from extension.objects.codec import decode, unknown_fields
from extension.objects.errors import Invalid
from extension.objects.imagescan import ImageScanSpec
from extension.objects.kinds import BundleSpec, BundleTarget, GitTarget
from extension.objects.states import State

NAMES = ("fleet.yaml", "fleet.yml")


_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{1,2}:[0-9]{2}:[0-9]{2}([.,][0-9]+)?(Z|[-+][0-9]{2}:[0-9]{2})")
_GO_DURATION = re.compile("[-+]?(0|(([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h))+)")


class FleetYAML(BundleSpec, frozen=True):
    name: str = ""
    labels: dict[str, str] = {}
    target_customizations: tuple[BundleTarget, ...] = ()
    image_scans: tuple[ImageScanSpec, ...] = ()
    override_targets: tuple[GitTarget, ...] | None = None


def parse(data: bytes, where: str) -> tuple[FleetYAML, ObjectMeta, tuple[str, ...]]:
    """The options in a fleet.yaml, the metadata its top level gives the Bundle, and warnings of what has no meaning.

    Raises Invalid naming file and field.
    """
    found: Any = yaml.load(data, where)
    if found is None:
        found = {}
    if not isinstance(found, dict):
        raise Invalid(f"expected a map of options, got {type(found).__name__}", where=where)
    options = decode(FleetYAML, with_texts(found), where)
    _check(options, where)
    metadata = decode(ObjectMeta, found, where)
    _check_times(metadata, where)
    warnings = tuple(_warning(where, place, meant) for place, meant in unknown_fields(FleetYAML, found) if not _UNUSED.fullmatch(place))
    return options, ObjectMeta(labels=metadata.labels, annotations=metadata.annotations, finalizers=metadata.finalizers), warnings


def _warning(where: str, place: str, meant: str) -> str:
    meant = _OF_GITREPOS.get(place, meant)
    return f"{where}: {place} is no known field and was ignored" + (f", {meant} is one" if meant else "")


_OF_GITREPOS = {"targetNamespace": "namespace"}
"""What a GitRepo calls by another name."""
_UNUSED = re.compile("|".join((*(field.encode_name for field in msgspec.structs.fields(ObjectMeta)), r"imageScans\[\d+\]\.name")))
"""Keys that Fleet knows though they change nothing here: the Bundle's metadata at the top level, the name of an image scan."""


def _check_times(metadata: ObjectMeta, where: str) -> None:
    """The top level is the Bundle's metadata too, and must be readable as that (2.1)."""
    for field, time in (("creationTimestamp", metadata.creation_timestamp), ("deletionTimestamp", metadata.deletion_timestamp)):
        if time is not None and not _TIME.fullmatch(time):
            raise Invalid(f"{field}: {time!r} is no time such as 2026-01-31T12:00:00Z", where=where, field=field)


def _check(options: FleetYAML, where: str) -> None:
    for index, reference in enumerate(options.depends_on):
        place = f"dependsOn[{index}]"
        if not reference.name and reference.selector is None:
            raise Invalid(f"{place}: must specify either 'name' or 'selector'", where=where, field=place)
        for state in reference.accepted_states:
            if state not in State.__members__:
                known = ", ".join(s.name for s in sorted(State))
                raise Invalid(f"{place}: invalid state {state!r} in acceptedStates, must be one of: {known}", where=where, field=place)

    for index, scan in enumerate(options.image_scans):
        if scan.interval and not _GO_DURATION.fullmatch(scan.interval):
            place = f"imageScans[{index}].interval"
            raise Invalid(
                f"{place}: {scan.interval!r} is not a duration", where=where, field=place, hint="write for example 90s, 15m or 1h30m"
            )


prepare(FleetYAML)
