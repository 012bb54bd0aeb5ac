"""A thread that looks again and again."""

from __future__ import annotations

import pytest

from extension.engine.looks import Looks
from extension.objects.errors import Unavailable
from tests.fakes.waiting import wait_for


class Looking(Looks):
    def __init__(self, fault=None):
        super().__init__("looking", 0.001, 0.004)
        self.looks, self.fault = 0, fault

    def look(self):
        self.looks += 1
        if self.fault is not None and self.looks == 1:
            raise self.fault


@pytest.mark.parametrize("fault", [None, Unavailable("the disk is full"), RuntimeError("a mistake of ours")])
def test_it_looks_again_whatever_happened_until_it_is_stopped(fault):
    looking = Looking(fault)
    looking.start()
    wait_for(lambda: looking.looks > 3)
    looking.stop()
    before = looking.looks
    assert not looking._thread.is_alive() and looking.looks == before


def test_it_waits_twice_as_long_each_time_up_to_a_bound():
    looking = Looking()
    looking.start()
    wait_for(lambda: looking.looks > 3)
    looking.stop()
    assert looking._wait == 0.004


def test_stopping_before_starting_is_no_error():
    Looking().stop()
