"""Durations as Go's `time.Duration` prints them, for the documents that Fleet's CLI prints."""

from __future__ import annotations

from extension.objects.durations import seconds

_SMALL = (("ms", 1_000_000), ("µs", 1_000), ("ns", 1))


def go_duration(text: str, where: str = "", field: str = "") -> str:
    """`5m` as `5m0s`, `90s` as `1m30s`, nothing as `0s`. Raises Invalid for what is no duration."""
    nanoseconds = round(seconds(text, field, where) * 1_000_000_000) if text else 0
    if nanoseconds == 0:
        return "0s"
    for unit, size in _SMALL:
        if size <= nanoseconds < 1_000_000_000:
            return f"{_decimal(nanoseconds, size)}{unit}"
    minutes, rest = divmod(nanoseconds, 60_000_000_000)
    hours, minutes = divmod(minutes, 60)
    shown = f"{hours}h" if hours else ""
    return f"{shown}{minutes}m{_decimal(rest, 1_000_000_000)}s" if hours or minutes else f"{_decimal(rest, 1_000_000_000)}s"


def _decimal(number: int, size: int) -> str:
    """`number / size` without trailing zeros; `size` is a power of ten."""
    whole, fraction = divmod(number, size)
    digits = str(fraction).zfill(len(str(size)) - 1).rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)
