"""Times that differ a little, so that many who wait do not come at once.

The generator is this module's own: whoever seeds Python's for all, or looks at whether it was drawn from, is not disturbed by what
threads do meanwhile.
"""

from __future__ import annotations

import random

_RANDOM = random.Random()  # noqa: S311 (no secret)


def spread(seconds: float, least: float, most: float) -> float:
    """Between `least` and `most` times as long."""
    return seconds * _RANDOM.uniform(least, most)
