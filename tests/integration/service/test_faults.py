"""Every fault a large hub has to bear, on a small one: it ends converged, nothing that was acknowledged is lost, and the audit is clean.

`python -m tests.benchmarks faults SIZE` is the same with many agents.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.faults.kinds import AGREES, FAULTS, Times, missing, passed, world_of

AGENTS = 40
TIMES = {
    "engine": Times(3, 0.5, 1.5),
    "api": Times(3, 0.5, 1.5),
    "postgres": Times(3, 0.5, 1.5),
    "full-disk": Times(1, 1.0, 3.0),
    "slow-disk": Times(3, 2.0, 3.0),
    "slow-database": Times(3, 2.0, 3.0),
    "storm": Times(1, 3.0, 3.0),
    "network": Times(4, 0.5, 1.5),
    "clocks": Times(3, 1.0, 2.0),
    "restore": Times(2, 3.0, 3.0),
}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.xdist_group(f"fault-{name}")) for name in FAULTS])
def test_after_a_fault_all_converge_nothing_acknowledged_is_lost_and_the_audit_is_clean(name: str, tmp_path: Path) -> None:
    fault = FAULTS[name]
    if reason := missing(fault, tmp_path / "probe"):
        assert not os.environ.get("REQUIRE_COMPONENTS"), reason
        pytest.skip(reason)
    with world_of(fault, tmp_path, AGENTS, interval=2.0) as world:
        told = passed(world, fault, random.Random(name), TIMES[name])
        log = world.log()
    assert (told["different"], told["audit"]) == (0, AGREES), f"{told}\n{log[-4000:]}"
    assert "Traceback" not in log, log[log.index("Traceback") - 500 :][:4000]
