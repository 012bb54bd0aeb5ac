"""State folders: one service's each."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from extension.objects.errors import Unavailable

LOCK = "lock"
LOCK_SECONDS = 10.0


def lock(folder: Path) -> int:
    """Keeps the folder for this service, until its last process has ended or closed the descriptor that this is. Raises Unavailable
    when another has it for so long that it is not the rest of one that was killed."""
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise Unavailable("another service uses this folder", where=str(folder), hint="stop it, or name another one") from None
            time.sleep(0.05)
        else:
            return descriptor
