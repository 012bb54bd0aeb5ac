"""One process of all works as the engine."""

from __future__ import annotations

import pytest

from extension.engine.leadership import Leadership
from extension.objects.errors import Unavailable


class Lease:
    def __init__(self, holder, epoch):
        self.holder, self.epoch = holder, epoch


class Leases:
    """A lease by a clock that is set by hand; `away` is a store that does not answer."""

    def __init__(self, clock):
        self.clock, self.held, self.until, self.epoch, self.away = clock, None, 0.0, 0, False

    def _answer(self):
        if self.away:
            raise Unavailable("no answer")

    def holder(self):
        self._answer()
        return self.held if self.clock() < self.until else None

    def take(self, holder, _url, seconds):
        self._answer()
        if self.held is not None and self.held.holder != holder and self.clock() < self.until:
            return None
        self.epoch += 1
        self.held, self.until = Lease(holder, self.epoch), self.clock() + seconds
        return self.held

    def renew(self, lease, seconds):
        self._answer()
        if self.held is None or self.held.epoch != lease.epoch:
            return None
        self.until = self.clock() + seconds
        return lease

    def release(self, lease):
        self._answer()
        if self.held is not None and self.held.epoch == lease.epoch:
            self.held, self.epoch = None, self.epoch + 1


class Engine:
    def __init__(self, log, name, lease):
        self.log, self.name, self.lease = log, name, lease

    def start(self):
        self.log.append(f"{self.name} starts")

    def stop(self):
        self.log.append(f"{self.name} ends")


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class World:
    def __init__(self):
        self.clock, self.log = Clock(), []
        self.leases = Leases(self.clock)

    def process(self, name):
        return Leadership(
            self.leases,
            name,
            lambda lease: Engine(self.log, name, lease),
            lambda term: self.log.append(f"{name} is led in {term}") or True,
            seconds=9,
            clock=self.clock,
        )

    def look(self, process):
        try:
            process.look()
        except Unavailable:
            process._doubt()


@pytest.fixture
def world():
    return World()


def test_the_first_leads_and_the_others_are_led(world):
    a, b = world.process("a"), world.process("b")
    for process in (a, b, a, b):
        world.look(process)
    assert world.log == ["a starts", "a is led in 1", "b is led in 1"]
    assert a.engine is not None and b.engine is None


def test_another_takes_over_when_the_lease_is_over_and_not_before(world):
    a, b = world.process("a"), world.process("b")
    world.look(a)
    world.clock.now = 8.9
    world.look(b)
    assert b.engine is None
    world.clock.now = 9.0
    world.look(b)
    assert b.engine is not None
    world.look(a)
    assert a.engine is None
    assert world.log == ["a starts", "a is led in 1", "b is led in 1", "b starts", "a ends"]


def test_who_renews_in_time_leads_on(world):
    a, b = world.process("a"), world.process("b")
    for now in range(0, 40, 4):
        world.clock.now = float(now)
        world.look(a)
        world.look(b)
    assert a.engine is not None and b.engine is None and world.leases.epoch == 1


def test_who_stops_lets_another_take_over_at_once(world):
    a, b = world.process("a"), world.process("b")
    world.look(a)
    a.stop()
    world.look(b)
    assert world.log == ["a starts", "a is led in 1", "a ends", "b starts", "b is led in 3"]


def test_a_process_that_takes_the_place_of_a_killed_one_leads_at_once(world):
    world.look(world.process("a"))
    again = world.process("a")
    world.look(again)
    assert again.engine is not None and world.leases.epoch == 2


def test_an_engine_goes_on_while_the_store_is_away_until_its_lease_is_over(world):
    a = world.process("a")
    world.look(a)
    world.leases.away = True
    world.clock.now = 8.9
    world.look(a)
    assert a.engine is not None
    world.clock.now = 9.0
    world.look(a)
    assert a.engine is None
    world.leases.away = False
    world.look(a)
    assert a.engine is not None
    assert world.log == ["a starts", "a is led in 1", "a ends", "a starts"]


def test_an_engine_that_can_not_start_is_tried_again(world):
    a = world.process("a")
    failing, begin = [1], a._begin

    def sometimes(lease):
        if failing:
            failing.pop()
            raise Unavailable("no room")
        return begin(lease)

    a._begin = sometimes
    world.look(a)
    assert a.engine is None
    world.look(a)
    assert a.engine is not None and world.leases.epoch == 1


def test_it_runs_by_itself_and_ends_its_engine_when_it_is_stopped(world):
    a = world.process("a")
    a._pause = 0.01
    a.start()
    assert a.engine is not None
    a.stop()
    assert world.log[-1] == "a ends" and world.leases.held is None
