"""Correction that is given up when somebody undoes it each time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from extension.delivery.corrections import KEPT, MOST, WITHIN, counted, judged, known, remembered
from extension.objects.kinds import BundleDeploymentStatus
from extension.objects.options import BundleDeploymentOptions, CorrectDrift, OverwrittenResource
from extension.objects.status import Correction, FieldChange, ModifiedStatus

START = datetime(2026, 11, 29, 12, tzinfo=UTC)
SOON = timedelta(minutes=1)


def at(passed):
    return (START + passed).strftime("%Y-%m-%dT%H:%M:%SZ")


def edited(*fields, name="web", **what):
    return ModifiedStatus(
        "Deployment", "apps/v1", "shop", name, changes=tuple(FieldChange(f"/{field}", "1", "2") for field in fields), **what
    )


GONE = edited(missing=True)


def repaired(*drifts, apart=SOON):
    """What is known after these were repaired, one after the other."""
    corrections = ()
    for number, drift in enumerate(drifts):
        corrections = counted(corrections, drift if isinstance(drift, list) else [drift], at(apart * number))
    return corrections


def is_stopped(drift, corrections):
    [found] = judged([drift], corrections)
    return found.repairs >= MOST


TAKEN = edited("a", missing=True, exist=True)
REPAIRS = [
    ("the same each time", [edited("a")] * MOST, edited("a"), True),
    ("once less", [edited("a")] * (MOST - 1), edited("a"), False),
    ("with another field beside it now and then", [edited("a"), edited("a", "b")] * MOST, edited("a", "c"), True),
    ("another field now", [edited("a")] * MOST, edited("b"), False),
    ("another field beside it at first", [edited("a", "b"), *[edited("a")] * (MOST - 1)], edited("b"), False),
    ("other fields each time", [edited(name) for name in "abcdef"], edited("f"), False),
    ("missing each time", [GONE] * MOST, GONE, True),
    ("too many each time", [edited(delete=True)] * MOST, edited(delete=True), True),
    ("missing, or taken by another bundle", [GONE, TAKEN] * MOST, TAKEN, True),
    ("missing, then changed", [GONE] * MOST, edited("a"), False),
    ("another object each time", [edited("a", name=name) for name in "abcdef"], edited("a", name="f"), False),
    ("in turns with another object", [edited("a"), edited("a", name="db")] * MOST, edited("a"), True),
]


@pytest.mark.parametrize(("drifts", "now", "stopped"), [row[1:] for row in REPAIRS], ids=[row[0] for row in REPAIRS])
def test_correction_stops_after_so_many_repairs_of_the_same(drifts, now, stopped):
    assert is_stopped(now, repaired(*drifts)) is stopped


@pytest.mark.parametrize(("apart", "stopped"), [(WITHIN, True), (WITHIN + timedelta(seconds=1), False)], ids=["within", "later"])
def test_repairs_count_when_each_follows_the_one_before_within_an_hour(apart, stopped):
    assert is_stopped(edited("a"), repaired(*[edited("a")] * MOST, apart=apart)) is stopped


def test_what_is_stopped_says_after_how_many_repairs_and_the_rest_stays_as_it_is():
    corrections = repaired(*[[edited("a"), edited("a", name="new")]], *[edited("a")] * MOST)
    found = judged([edited("a"), edited("a", name="new"), edited("x", name="other")], corrections)
    assert [(one.name, one.repairs) for one in found] == [("web", MOST + 1), ("new", 0), ("other", 0)]


def test_what_is_stopped_stays_so_when_it_is_repaired_along_with_another_object_much_later():
    corrections = counted(repaired(*[edited("a")] * MOST), [edited("a"), edited("x", name="other")], at(timedelta(days=1)))
    assert is_stopped(edited("a"), corrections) and not is_stopped(edited("x", name="other"), corrections)


def test_an_object_that_stays_as_it_should_for_an_hour_is_forgotten_and_one_that_differs_is_not():
    corrections = repaired(*[[edited("a"), edited("a", name="db")]] * MOST)
    late = at(SOON * MOST + WITHIN)
    assert remembered(corrections, (), at(SOON * MOST)) == corrections
    assert [one.name for one in remembered(corrections, (edited("z"),), late)] == ["web"]


def test_of_so_many_objects_account_is_kept_those_that_were_repaired_last():
    corrections = repaired([edited("a", name=f"old{number}") for number in range(KEPT)], edited("a", name="new"))
    assert len(corrections) == KEPT and corrections[-1].name == "new"


ON, OFF = BundleDeploymentOptions(correct_drift=CorrectDrift(enabled=True)), BundleDeploymentOptions(correct_drift=CorrectDrift())
OVERWRITES = BundleDeploymentOptions(overwrites=(OverwrittenResource("a", "", "ConfigMap"),))
CASES = [
    ("the same deployment", "id:1", ON, True),
    ("another one, or a forced update", "id:2", ON, False),
    ("correction turned off", "id:1", OFF, False),
    ("no correction", "id:1", BundleDeploymentOptions(), False),
    ("what another bundle takes along", "id:1", OVERWRITES, True),
]


@pytest.mark.parametrize(("number", "options", "kept"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
def test_repairs_are_those_of_one_deployment_while_it_is_corrected(number, options, kept):
    status = BundleDeploymentStatus(applied_deployment_id="id:1", corrections=(Correction(repairs=1),))
    assert known(status, number, options) == (status.corrections if kept else ())
