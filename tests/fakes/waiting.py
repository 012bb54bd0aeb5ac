"""Waiting for what other threads do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def wait_for(check: Callable[[], Any], seconds: float = 10.0) -> Any:
    """What `check` gives once it is true; fails when that takes longer than `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < deadline, f"waited {seconds} s in vain"
        time.sleep(0.002)
    return found
