"""Times that differ a little."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from extension.jitter import spread

SECONDS = st.floats(0.001, 1e6)


@given(SECONDS, st.floats(0.5, 1.0), st.floats(1.0, 3.0))
def test_it_is_within_its_bounds(seconds, least, most):
    assert seconds * least <= spread(seconds, least, most) <= seconds * most * (1 + 1e-12)


def test_the_generator_that_all_share_is_not_drawn_from():
    before = random.getstate()
    assert len({spread(1.0, 0.5, 1.5) for _ in range(10)}) > 1
    assert random.getstate() == before
