"""What all benchmarks share: figures as JSON lines, sizes as arguments, memory of this process and its children."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from typing import Any


def size(default: int, most: int = 2_000_000) -> int:
    """The size asked for on the command line; `most` for a benchmark whose shape means nothing beyond it."""
    return min(most, int(sys.argv[1])) if len(sys.argv) > 1 else default


def requests_in(log: Path) -> list[str]:
    """What an API server was asked by others than its own controllers, by its audit log: verb and resource, oldest first."""
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    others = [one for one in entries if not str(one.get("userAgent", "")).startswith("kube-")]
    return [f"{one['verb']} {one.get('objectRef', {}).get('resource') or one['requestURI'].partition('?')[0]}" for one in others]


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
