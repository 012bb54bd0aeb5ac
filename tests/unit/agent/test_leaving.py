"""What an agent does with what a move left to it, and when it is let go."""

from __future__ import annotations

import threading

import pytest

from extension.agent.identity import Identity
from extension.delivery.protocol import Release
from extension.objects.moving import Leaving
from tests.fakes.waiting import wait_for
from tests.unit.agent.hub import MemoryKeep, item
from tests.unit.agent.living import Living


@pytest.fixture
def living():
    made = Living()
    yield made
    made.stop()


@pytest.mark.parametrize("keep", [False, True])
def test_what_a_move_left_behind_goes_as_the_move_said_and_the_hub_is_told(living, keep):
    living.delivery.deployed["old"] = Release("old", "default", "old", "s-1:x")
    living.hub.leaving = (Leaving("old", keep),)
    living.hub.changed(item(1, "web"))
    living.start()
    wait_for(lambda: living.hub.leaving == ())
    assert living.delivery.did("keep" if keep else "remove") == ["old"]


def test_one_that_is_let_go_keeps_that_says_it_and_does_nothing_any_more(living):
    living.hub.changed(item(1, "web"))
    living.start()
    wait_for(lambda: living.hub.said(1))
    living.hub.dismisses = True
    living.hub.changed()
    living.until(lambda: living.hub.let_go == 1)
    wait_for(lambda: living.keep.identity == Identity("cluster-uid", dismissed=True))
    assert living.delivery.did("remove") == [], "what is to go was told before"
    wait_for(lambda: living.delivery.closed)
    del living.hub.asked[:]
    living.pass_(100_000.0)
    threading.Event().wait(0.1)
    assert living.hub.asked == []


@pytest.mark.parametrize(
    ("known", "said"),
    [
        pytest.param(Identity("cluster-uid", "key-1", dismissed=True), 1, id="killed before it was said"),
        pytest.param(Identity("cluster-uid", "key-gone", dismissed=True), 0, id="killed after it was said"),
        pytest.param(Identity("cluster-uid", dismissed=True), 0, id="long ago"),
    ],
)
def test_one_that_was_let_go_registers_nothing_when_it_starts_again(known, said):
    living = Living(MemoryKeep(known)).start()
    wait_for(lambda: living.delivery.closed)
    living.stop()
    assert (living.hub.let_go, living.hub.registered) == (said, [])
    assert living.keep.identity == Identity("cluster-uid", dismissed=True)
