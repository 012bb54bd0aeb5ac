"""Schedules by the clock (`fleet-semantics.md` 3.9)."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extension.objects.errors import Invalid
from extension.objects.schedule import ScheduleSpec
from extension.targeting.windows import window


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def spec(schedule="0 0 22 * * ?", duration="2h", location="UTC"):
    return ScheduleSpec(schedule=schedule, duration=duration, location=location)


@pytest.mark.parametrize(
    ("now", "is_open", "changes"),
    [
        ("2026-11-23T21:59:59", False, "2026-11-23T22:00:00"),
        ("2026-11-23T22:00:00", True, "2026-11-24T00:00:00"),
        ("2026-11-23T23:59:59", True, "2026-11-24T00:00:00"),
        ("2026-11-24T00:00:00", False, "2026-11-24T22:00:00"),
    ],
)
def test_a_window_is_open_from_its_start_for_its_duration(now, is_open, changes):
    found = window(spec(), at(now))
    assert (found.is_open, found.changes) == (is_open, at(changes))


def test_while_a_window_is_open_the_next_start_is_the_one_after():
    assert window(spec(), at("2026-11-23T23:00:00")).next_start == at("2026-11-24T22:00:00")


def test_days_of_the_week_count_from_sunday_as_one():
    sundays = spec("0 0 3 ? * 1", "1h")
    assert window(sundays, at("2026-11-23T12:00:00")).next_start == at("2026-11-29T03:00:00")
    weekdays = spec("0 0 3 ? * 2-6", "1h")
    assert window(weekdays, at("2026-11-27T12:00:00")).next_start == at("2026-11-30T03:00:00")
    third_friday = spec("0 0 3 ? * 6#3", "1h")
    assert window(third_friday, at("2026-11-23T12:00:00")).next_start == at("2026-12-18T03:00:00")
    named = spec("0 0 3 ? * SUN", "1h")
    assert window(named, at("2026-11-23T12:00:00")).next_start == at("2026-11-29T03:00:00")


def test_a_location_moves_the_window_and_keeps_the_wall_clock_over_a_change_of_time():
    berlin = spec("0 0 22 * * *", "1h", "Europe/Berlin")
    assert window(berlin, at("2026-10-24T12:00:00")).next_start == at("2026-10-24T20:00:00")
    assert window(berlin, at("2026-10-25T12:00:00")).next_start == at("2026-10-25T21:00:00")
    assert window(spec(location=""), at("2026-11-23T12:00:00"), ZoneInfo("Asia/Tokyo")).next_start == at("2026-11-23T13:00:00")


def test_a_year_ends_a_schedule():
    once = spec("0 0 0 1 1 ? 2027", "1h")
    assert window(once, at("2026-11-23T12:00:00")).next_start == at("2027-01-01T00:00:00")
    assert window(once, at("2027-01-01T00:30:00")).is_open
    over = window(once, at("2027-02-01T00:00:00"))
    assert (over.is_open, over.changes, over.next_start) == (False, None, None)


@pytest.mark.parametrize(
    ("given_spec", "words", "field"),
    [
        (spec("0 22 * * *"), "6 or 7 fields", "spec.schedule"),
        (spec("0 0 25 * * ?"), "Bad hour", "spec.schedule"),
        (spec("0 0 1 * * ? soon"), "years", "spec.schedule"),
        (spec(duration="1d"), "not a duration", "spec.duration"),
        (spec(duration="0s"), "needs a duration", "spec.duration"),
        (spec(duration="24h"), "overlap", "spec.duration"),
        (spec(location="Berlin"), "no time zone", "spec.location"),
        (spec(location="../etc/passwd"), "no time zone", "spec.location"),
    ],
)
def test_what_can_not_be_used_is_refused_by_field(given_spec, words, field):
    with pytest.raises(Invalid, match=words) as caught:
        window(given_spec, at("2026-11-23T12:00:00"))
    assert caught.value.field == field


@given(st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1)), st.integers(0, 23), st.integers(1, 23 * 60))
def test_a_window_changes_exactly_when_it_says(now, hour, minutes):
    given_spec = spec(f"0 0 {hour} * * ?", f"{minutes}m")
    moment = now.replace(tzinfo=UTC, microsecond=0)
    found = window(given_spec, moment)
    assert found.changes is not None and found.changes > moment
    assert window(given_spec, found.changes).is_open != found.is_open
    assert window(given_spec, found.changes - timedelta(seconds=1)).is_open == found.is_open


@pytest.mark.parametrize(
    ("years", "starts"),
    [
        ("2031", "2031-01-01T00:00:00"),
        ("2026,2040", "2026-11-23T12:00:01"),
        ("2000,2040-2042", "2040-01-01T00:00:00"),
        ("2020-2099/10", "2030-01-01T00:00:00"),
    ],
)
def test_the_years_until_a_schedule_starts_are_not_gone_through_second_by_second(years, starts):
    assert window(spec(f"* * * * * ? {years}", "1ms"), at("2026-11-23T12:00:00")).next_start == at(starts)


def test_a_window_that_opened_in_an_earlier_year_of_a_schedule_is_open():
    found = window(spec("59 59 23 31 12 ? 2020,2026,2040", "2h"), at("2027-01-01T01:00:00"))
    assert (found.is_open, found.changes) == (True, at("2027-01-01T01:59:59"))
    assert found.next_start == at("2040-12-31T23:59:59")


@pytest.mark.parametrize("years", ["9999", "0000", "2030-2020", "1969"])
def test_years_that_quartz_does_not_have_are_refused(years):
    with pytest.raises(Invalid, match="is no field of years") as caught:
        window(spec(f"0 0 0 1 1 ? {years}"), at("2026-11-23T12:00:00"))
    assert caught.value.field == "spec.schedule"


@given(st.lists(st.text("0123456789*?/,-#LWSUNMO", max_size=6), min_size=6, max_size=7).map(" ".join), st.text(max_size=12))
def test_any_schedule_is_understood_or_refused_by_its_field(expression, location):
    try:
        window(spec(expression, "1ms", location), at("2026-11-23T12:00:00"))
    except Invalid as error:
        assert error.field in ("spec.schedule", "spec.location", "spec.duration")
