"""When to look again: spread by a hash, so that thousands of repositories are not polled in the same second.

The same key always gets the same place in the interval, so a restart changes nothing about the load.
"""

from __future__ import annotations

import hashlib

SPREAD = 0.1


def jitter(interval: float, key: str) -> float:
    """`interval` (seconds) lengthened by up to a tenth, always the same for one `key` (0: "up to 10 % jitter")."""
    return interval * (1 + SPREAD * fraction(key))


def fraction(key: str) -> float:
    """A number from 0 up to but not 1 that depends on `key` alone and is spread evenly over keys."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=6).digest()) / 2**48
