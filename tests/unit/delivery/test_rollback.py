"""Corrections that fail are tried again, but not each time somebody looks."""

from __future__ import annotations

import msgspec
import pytest

from extension.delivery.protocol import Deployment
from extension.delivery.rollback import FIRST, LONGEST, Failures, situation
from extension.objects.options import BundleDeploymentOptions, CorrectDrift
from extension.objects.status import FieldChange, ModifiedStatus
from tests.fakes.clock import Clock

DRIFT = ModifiedStatus("ConfigMap", "v1", "web", "a", patch='{"a":1}', changes=(FieldChange("/a", "1", "2", "x", "then"),))


def deployment(number=1, **correct):
    options = BundleDeploymentOptions(correct_drift=CorrectDrift(enabled=True, **correct))
    return Deployment("web", "ws", f"id:{number}", options, tuple)


HERE = situation(deployment(), [DRIFT])


def test_each_time_it_fails_it_is_left_alone_twice_as_long_up_to_ten_minutes():
    clock = Clock()
    failures, pauses = Failures(clock), []
    for _ in range(10):
        failures.failed("web", HERE, "no")
        start = clock.now
        while failures.waiting("web", HERE):
            clock.pass_(FIRST)
        pauses.append(clock.now - start)
    assert pauses[:4] == [FIRST, FIRST * 2, FIRST * 4, FIRST * 8] and pauses[-1] == LONGEST


def test_what_worked_is_forgotten():
    failures = Failures(Clock())
    failures.failed("web", HERE, "no")
    failures.ended("web")
    failures.ended("web")
    assert failures.waiting("web", HERE) == ""


CASES = [
    ("the same", deployment(), [DRIFT], True),
    ("changed anew by somebody else", deployment(), [msgspec.structs.replace(DRIFT, changes=())], True),
    ("another deployment ID", deployment(2), [DRIFT], False),
    ("force", deployment(force=True), [DRIFT], False),
    ("another drift", deployment(), [msgspec.structs.replace(DRIFT, patch="{}")], False),
    ("more drift", deployment(), [DRIFT, msgspec.structs.replace(DRIFT, name="b")], False),
]


@pytest.mark.parametrize(("now", "drift", "waits"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
def test_only_the_same_waits_and_says_why(now, drift, waits):
    failures = Failures(Clock())
    failures.failed("web", HERE, "no")
    assert failures.waiting("web", situation(now, drift)) == ("no" if waits else "")
    assert failures.waiting("other", HERE) == ""
