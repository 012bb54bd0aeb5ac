"""What all benchmarks share: figures as JSON lines, sizes as arguments, memory of this process and its children."""

from __future__ import annotations

import json
import resource
import sys
from typing import Any


def size(default: int, most: int = 2_000_000) -> int:
    """The size asked for on the command line; `most` for a benchmark whose shape means nothing beyond it."""
    return min(most, int(sys.argv[1])) if len(sys.argv) > 1 else default


def figure(benchmark: str, size: int, value: float, unit: str, *, rss_mib: float | None = None, **detail: Any) -> None:
    """One line a figure; `rss_mib` is the peak of this process and its largest child unless given."""
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024
    line = {
        "benchmark": benchmark,
        "size": size,
        "value": round(value, 4),
        "unit": unit,
        "rss_mib": round(rss_mib or peak, 1),
        "detail": detail,
    }
    print(json.dumps(line), flush=True)
