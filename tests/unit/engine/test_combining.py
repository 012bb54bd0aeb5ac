"""Many ask at once, and are answered with one piece of work."""

from __future__ import annotations

import threading

import pytest

from extension.engine.combining import Combined
from extension.objects.errors import Conflict


class Work:
    """Doubles numbers, refuses 13, breaks at 99, and holds the first batch until it is let go."""

    def __init__(self):
        self.batches, self.go = [], threading.Event()
        self.begun = threading.Event()

    def __call__(self, numbers):
        self.batches.append(sorted(numbers))
        self.begun.set()
        assert self.go.wait(10)
        if 99 in numbers:
            raise ZeroDivisionError
        if 13 in numbers:
            raise Conflict("13 is refused")
        return [2 * number for number in numbers]


def asked(work, *rest):
    """What 1 gets, and what `rest` get who ask while 1 is answered."""
    combined, found = Combined(work), {}

    def ask(number):
        try:
            found[number] = combined(number)
        except (Conflict, ZeroDivisionError) as error:
            found[number] = type(error).__name__

    threads = [threading.Thread(target=ask, args=(number,)) for number in (1, *rest)]
    threads[0].start()
    assert work.begun.wait(10)
    for thread in threads[1:]:
        thread.start()
    while len(combined._waiting) < len(rest):
        pass
    work.go.set()
    for thread in threads:
        thread.join(10)
    return found


def test_who_asks_while_others_are_answered_is_answered_together_with_all_who_wait():
    work = Work()
    assert asked(work, 2, 3, 4) == {1: 2, 2: 4, 3: 6, 4: 8}
    assert work.batches == [[1], [2, 3, 4]]


def test_what_is_wrong_with_one_is_told_to_that_one_alone():
    assert asked(Work(), 2, 13, 4) == {1: 2, 2: 4, 13: "Conflict", 4: 8}


def test_a_mistake_of_ours_is_told_to_all_it_hit_and_the_next_are_answered():
    work = Work()
    assert asked(work, 2, 99) == {1: 2, 2: "ZeroDivisionError", 99: "ZeroDivisionError"}
    assert work.batches == [[1], [2, 99]]


def test_one_who_asks_alone_gets_the_error_itself():
    work = Work()
    work.go.set()
    with pytest.raises(Conflict, match="13 is refused"):
        Combined(work)(13)
