"""What is remembered is bounded in time and number."""

from __future__ import annotations

from extension.rancher.remembering import Remembered
from tests.fakes.clock import Clock


def test_an_answer_ends_with_its_seconds() -> None:
    clock = Clock()
    known: Remembered[str, int | None] = Remembered(10, clock)
    known.put("a", None, 5)
    clock.pass_(4.9)
    assert known.get("a") == (None,)
    clock.pass_(0.1)
    assert known.get("a") is None
    assert len(known) == 0


def test_the_oldest_goes_when_there_are_too_many() -> None:
    known: Remembered[int, int] = Remembered(3, Clock())
    for key in (0, 1, 2, 0, 3):
        known.put(key, key, 60)
    assert [known.get(key) for key in range(4)] == [(0,), None, (2,), (3,)]


def test_what_is_dropped_is_asked_again() -> None:
    known: Remembered[str, int] = Remembered(3, Clock())
    known.put("a", 1, 60)
    known.drop("a")
    known.drop("never there")
    assert known.get("a") is None
