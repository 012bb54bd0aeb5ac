"""Schedule: when clusters may be changed (`fleet-semantics.md` 1.17, 3.9)."""

from __future__ import annotations

from typing import ClassVar

from extension.objects.base import Condition, Object, Struct
from extension.objects.gitops import GitTarget


class ScheduleTargets(Struct, frozen=True):
    clusters: tuple[GitTarget, ...] = ()


class ScheduleSpec(Struct, frozen=True):
    """`schedule` is a cron expression whose first field is seconds, `duration` a Go duration, `location` an IANA time zone."""

    schedule: str = ""
    duration: str = ""
    location: str = ""
    targets: ScheduleTargets = ScheduleTargets()


class ScheduleStatus(Struct, frozen=True):
    conditions: tuple[Condition, ...] = ()
    active: bool = False
    next_start_time: str | None = None
    matching_clusters: tuple[str, ...] = ()


class Schedule(Object, frozen=True, kw_only=True):
    KIND: ClassVar[str] = "Schedule"
    PLURAL: ClassVar[str] = "schedules"
    spec: ScheduleSpec = ScheduleSpec()
    status: ScheduleStatus = ScheduleStatus()
