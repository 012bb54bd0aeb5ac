"""Go duration strings as Fleet's CRDs take them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extension.objects.durations import seconds
from extension.objects.errors import Invalid


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0.0),
        ("0s", 0.0),
        ("15s", 15.0),
        ("1h30m", 5400.0),
        ("1.5h", 5400.0),
        ("250ms", 0.25),
        ("1us", 1e-6),
        ("1\u00b5s", 1e-6),
        ("3ns", 3e-9),
        ("1m1m", 120.0),
        ("2562047h", 2562047 * 3600.0),
    ],
)
def test_a_duration_in_seconds(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "15",
        "1d",
        "1w",
        "-1s",
        "+1s",
        ".5s",
        "5.s",
        "1 h",
        "1h ",
        "s",
        "1H",
        "1h30",
        "2562048h",
        "2562047h1s",
        "1" * 32 + "s",
        "\u0661s",
        "00",
    ],
)
def test_what_the_crd_refuses_is_invalid_and_the_field_is_named(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        seconds(text, field="spec.pollingInterval")
    assert caught.value.field == "spec.pollingInterval"
    assert caught.value.hint


@given(st.integers(0, 2000), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_units_add_up(hours: int, minutes: int, whole: int, millis: int) -> None:
    assert seconds(f"{hours}h{minutes}m{whole}s{millis}ms") == pytest.approx(hours * 3600 + minutes * 60 + whole + millis / 1000)
