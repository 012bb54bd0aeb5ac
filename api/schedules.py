"""Schedules: when clusters of a workspace may be changed (`fleet-semantics.md` 1.17, 3.9)."""

from __future__ import annotations

from datetime import UTC, datetime

from api.checks import targets
from api.nouns import Noun, Write
from api.resources import blueprint
from extension.objects.errors import Invalid, MissingRequired
from extension.objects.kinds import Schedule, ScheduleSpec
from extension.targeting.windows import window


def _windows(write: Write) -> None:
    """The windows can be told. Whether they overlap can depend on the day, so what is stored already is not judged again."""
    spec, old = _spec(write), write.old
    if isinstance(old, Schedule) and old.spec == spec:
        return
    for field, value in (("schedule", spec.schedule), ("duration", spec.duration)):
        if not value:
            raise MissingRequired(f"spec.{field}: is required", field=f"spec.{field}", hint=_FORMS[field])
    try:
        window(spec, datetime.now(UTC))
    except Invalid as error:
        raise Invalid(f"{error.field}: {error.message}", field=error.field, hint=error.hint) from None


_FORMS = {"schedule": "write for example 0 0 22 * * * for 10 p.m.: seconds come first", "duration": "write for example 1h30m"}


def _targets(write: Write) -> None:
    targets(_spec(write).targets.clusters, "spec.targets.clusters")


def _spec(write: Write) -> ScheduleSpec:
    assert isinstance(write.new, Schedule)
    return write.new.spec


NOUN = Noun(
    Schedule,
    "The hours in which clusters of a workspace may be changed.",
    checks=(_windows, _targets),
)
blueprints = (blueprint(NOUN),)
