"""Durations as Fleet's fields hold them: Go duration strings, restricted as the CRDs restrict them.

The API server that Fleet runs on refuses what its CRDs' pattern refuses (`fleet-semantics.md`, Conventions); reading
anything more here would store objects that a `fleet` engine can't take over.
"""

from __future__ import annotations

import re
from decimal import Decimal

from extension.objects.errors import Invalid

MAX_LENGTH = 32
MAX_HOURS = 2562047

_UNITS = {
    "ns": Decimal("1e-9"),
    "us": Decimal("1e-6"),
    "\u00b5s": Decimal("1e-6"),
    "ms": Decimal("1e-3"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
}
_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:ns|us|\u00b5s|ms|s|m|h))+")
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ns|us|\u00b5s|ms|s|m|h)")


def seconds(text: str, field: str = "", where: str = "") -> float:
    """`text` (`15s`, `1h30m`, `0`) in seconds. Raises Invalid naming `field`; days and weeks are no Go units."""
    if text == "0":
        return 0.0
    if not 1 <= len(text) <= MAX_LENGTH or not _DURATION.fullmatch(text):
        told = repr(text) if len(text) <= MAX_LENGTH else f"a text of {len(text)} characters"
        raise Invalid(
            f"{told} is not a duration", where=where, field=field, hint="write for example 90s, 15m or 1h30m; the largest unit is h"
        )
    total = sum((Decimal(number) * _UNITS[unit] for number, unit in _PART.findall(text)), Decimal(0))
    if total > MAX_HOURS * 3600:
        raise Invalid(f"{text} is longer than {MAX_HOURS}h", where=where, field=field, hint="choose a shorter duration")
    return float(total)
