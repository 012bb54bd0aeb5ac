"""The windows of a Schedule, by the clock alone (`fleet-semantics.md` 3.9).

A window opens when the cron expression fires and stays open for the duration. Nothing about it is remembered, so a restart
in the middle of a window finds it open (Fleet waits for the next one), and every process comes to the same answer.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from cronsim import CronSim, CronSimError

from extension.objects import durations
from extension.objects.errors import Invalid
from extension.objects.schedule import ScheduleSpec

_FIELDS = (6, 7)
_KNOWN_YEARS = range(1970, 2100)
"""Quartz's."""
_WEEKDAY = re.compile(r"(?<![#/\d])[1-7](?!\d)")
"""A day's number as Quartz counts, 1 for Sunday; not the step after a slash nor the week after a hash."""


class Window(msgspec.Struct, frozen=True):
    """Whether a window is open, when that changes, and when the next one opens; None when there is no further one."""

    is_open: bool
    changes: datetime | None
    next_start: datetime | None


def window(spec: ScheduleSpec, now: datetime, local: tzinfo = UTC) -> Window:
    """The window at `now`, which has a time zone. `local` is the zone of a Schedule without a location.

    Raises Invalid for an expression, duration or location that can't be used, and for windows that would overlap.
    """
    zone = _zone(spec.location, local)
    length = timedelta(seconds=durations.seconds(spec.duration, "spec.duration"))
    if not length:
        raise Invalid("a window needs a duration", field="spec.duration", hint="write for example 1h30m")
    upcoming = list(itertools.islice(_fires(spec.schedule, now.astimezone(zone)), 2))
    if len(upcoming) == 2 and upcoming[1] - upcoming[0] <= length:
        gap = upcoming[1] - upcoming[0]
        raise Invalid(f"the windows overlap: {spec.duration} is not shorter than the {gap} between two starts", field="spec.duration")
    next_start = upcoming[0] if upcoming else None
    opened = next(_fires(spec.schedule, now.astimezone(zone) + timedelta(seconds=1), reverse=True), None)
    is_open = opened is not None and now < opened + length
    closes = opened + length if opened and is_open else None
    return Window(is_open, closes or next_start, next_start)


def _zone(name: str, local: tzinfo) -> tzinfo:
    if not name or name == "Local":
        return local
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid(f"{name!r} is no time zone", field="spec.location", hint="write for example Europe/Berlin or UTC") from None


def _fires(expression: str, start: datetime, *, reverse: bool = False) -> Iterator[datetime]:
    """The moments the expression fires after (or before) `start`. Raises Invalid."""
    fields = expression.split()
    if len(fields) not in _FIELDS:
        hint = "second minute hour day-of-month month day-of-week [year]"
        raise Invalid(f"a cron expression has 6 or 7 fields, this one has {len(fields)}", field="spec.schedule", hint=hint)
    days = _WEEKDAY.sub(lambda found: str(int(found[0]) - 1), fields[5])
    cron = " ".join((*fields[:5], days)).replace("?", "*")
    years = _years(fields[6]) if len(fields) == 7 else None
    try:
        yield from CronSim(cron, start, reverse=reverse) if years is None else _within(years, cron, start, reverse)
    except (CronSimError, ValueError) as error:
        raise Invalid(f"{expression!r} is no cron expression: {error}", field="spec.schedule") from None


def _within(years: frozenset[int], cron: str, start: datetime, reverse: bool) -> Iterator[datetime]:
    """The moments of these years. Those between are not gone through: an expression can fire each second of them."""
    for year in sorted((y for y in years if y == start.year or (y > start.year) != reverse), reverse=reverse):
        edge = datetime(year + reverse, 1, 1, tzinfo=start.tzinfo) - timedelta(seconds=not reverse)
        for moment in CronSim(cron, start if year == start.year else edge, reverse=reverse):
            if moment.year != year:
                break
            yield moment


def _years(field: str) -> frozenset[int] | None:
    if field in ("*", "?"):
        return None
    found: set[int] = set()
    for part in field.split(","):
        matched = re.fullmatch(r"(\d{4})(?:-(\d{4}))?(?:/(\d+))?", part)
        if matched is None:
            raise Invalid(f"{field!r} is no field of years", field="spec.schedule", hint="write for example 2027 or 2027-2030")
        first, last, pace = int(matched[1]), matched[2], int(matched[3] or 1)
        found.update(range(first, int(last or (_KNOWN_YEARS[-1] if matched[3] else first)) + 1, max(pace, 1)))
    if not found or not found <= set(_KNOWN_YEARS):
        hint = f"years are {_KNOWN_YEARS[0]} to {_KNOWN_YEARS[-1]}"
        raise Invalid(f"{field!r} is no field of years", field="spec.schedule", hint=hint)
    return frozenset(found)
