"""SIZE simulated agents (default 2,000) of a service while something goes wrong, and every row and counter compared afterwards.

    python -m tests.benchmarks.bench_faults [SIZE] [FAULT,FAULT... or all] [TIMES]

The faults are those of `tests/faults/kinds.py`; without any, `engine` and `api`. TIMES is how often each goes wrong, by default 25 for
kills of processes and 3 for all else. Agents ask so seldom that a large fleet is a modest load, yet each of them takes part. What goes on
is told on stderr. Exits 1 when anything was lost.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.common import figure, size
from tests.faults.kinds import AGREES, FAULTS, Times, missing, passed, world_of

A_SECOND = 500
"""Check-ins a second of all agents together, about."""
KILLS = {"engine": 25, "api": 25, "postgres": 25}
OTHERS = 3


def main() -> int:
    count = size(2_000, most=100_000)
    wanted = sys.argv[2] if len(sys.argv) > 2 else "engine,api"
    names = list(FAULTS) if wanted == "all" else wanted.split(",")
    if unknown := [name for name in names if name not in FAULTS]:
        print(f"there is no fault {unknown[0]}; there are {', '.join(FAULTS)}", file=sys.stderr)
        return 2
    return max(tried(name, count, int(sys.argv[3]) if len(sys.argv) > 3 else KILLS.get(name, OTHERS)) for name in names)


def tried(name: str, count: int, often: int) -> int:
    """Whether something was lost."""
    fault, began = FAULTS[name], time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        if reason := missing(fault, Path(scratch) / "probe"):
            print(f"{name} is left out: {reason}", file=sys.stderr)
            return 0

        def say(text: str) -> None:
            print(f"{time.monotonic() - began:7.1f} s {name}: {text}", file=sys.stderr, flush=True)

        wide = max(1.0, count / 10_000)
        least, most = (0.2 * wide, 2.0 * wide) if name in KILLS else (5.0 * wide, 10.0 * wide)
        with world_of(fault, Path(scratch), count, max(5.0, count / A_SECOND), say) as world:
            told = passed(world, fault, random.Random(count), Times(often, least, most))
        figure("faults", count, told.pop("different"), "deployments", fault=name,
               what=f"rows and counters that differ from what the agents know; {fault.behaviour}", **told)  # fmt: skip
    return int(told["audit"] != AGREES or bool(told["examples"]))


if __name__ == "__main__":
    sys.exit(main())
