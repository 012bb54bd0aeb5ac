"""Go durations in printed documents: what `time.Duration` prints, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extension.commands.durations import go_duration
from extension.objects.durations import seconds
from extension.objects.errors import Invalid

GO = {
    "": "0s", "0": "0s", "0s": "0s", "5m": "5m0s", "90s": "1m30s", "1h": "1h0m0s", "24h": "24h0m0s", "1.5h": "1h30m0s",
    "1m0.5s": "1m0.5s", "1500ms": "1.5s", "15ms": "15ms", "1.5ms": "1.5ms", "7us": "7µs", "7µs": "7µs", "1200ns": "1.2µs", "3ns": "3ns",
    "999999999ns": "999.999999ms", "3600s": "1h0m0s", "2562047h": "2562047h0m0s",
}  # fmt: skip


@pytest.mark.parametrize("text", GO)
def test_a_duration_is_printed_as_go_prints_it(text: str) -> None:
    assert go_duration(text) == GO[text]


@given(st.integers(min_value=0, max_value=10**15))
def test_what_is_printed_means_what_was_read(nanoseconds: int) -> None:
    text = f"{nanoseconds}ns"
    assert seconds(go_duration(text)) == pytest.approx(seconds(text), rel=1e-12)


def test_no_duration_is_refused_where_it_stands() -> None:
    with pytest.raises(Invalid, match=r"imageScans: scan-0: 'soon' is not a duration"):
        go_duration("soon", "imageScans: scan-0", "interval")
