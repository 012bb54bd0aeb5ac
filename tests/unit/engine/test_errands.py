"""Moves that another process asks for."""

from __future__ import annotations

import threading

import pytest

from extension.engine.errands import Errands, Wanted, asked_for
from extension.objects.base import Key, ObjectMeta
from extension.objects.errors import AlreadyExists, Busy, Conflict, NotFound, Unavailable
from extension.objects.kinds import Cluster
from extension.objects.moving import Move, Moved
from extension.store import errands as log

KEY = Key("Cluster", "ws", "c")
MOVE = Move("other", {"a": "b"})
WANTED = Wanted(KEY, MOVE, False)
RESULT = Moved(Key("Cluster", "other", "c"), (Key("Bundle", "ws", "x"),))


class Moves:
    def __init__(self, outcome=RESULT):
        self.outcome, self.asked = outcome, []

    def __call__(self, *asked):
        self.asked.append(asked)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def done(store, moves):
    """What who asks gets from an engine that moves so."""
    engine = Errands(store, moves)
    engine.start()
    try:
        return asked_for(store.errands, WANTED, 10)
    finally:
        engine.stop()


def test_the_engine_moves_what_it_is_asked_for_once_and_tells_the_result(store):
    moves = Moves()
    assert done(store, moves) == RESULT
    assert moves.asked == [(KEY, MOVE, False)]
    assert store.errands.waiting() == []


@pytest.mark.parametrize(
    "error",
    [NotFound("no such cluster"), Conflict("moved", field="f", where="w", hint="h"), AlreadyExists("there is one", field="workspace")],
)
def test_who_asks_gets_the_error_itself(store, error):
    with pytest.raises(type(error)) as raised:
        done(store, Moves(error))
    assert vars(raised.value) == vars(error) and raised.value.args == error.args


@pytest.mark.parametrize("error", [ZeroDivisionError(), Busy("crowded", 5)])
def test_what_can_not_be_told_is_unavailable(store, error):
    with pytest.raises(Unavailable):
        done(store, Moves(error))


def test_who_waits_for_no_engine_gives_up_and_is_told_to_look(store):
    with pytest.raises(Unavailable, match="in time"):
        asked_for(store.errands, WANTED, 0.1)


def test_a_move_that_a_killed_engine_had_done_is_not_a_failure(store):
    store.create(Cluster(metadata=ObjectMeta(name="c", namespace="other")))
    found = {}
    asking = threading.Thread(target=lambda: found.update(result=asked_for(store.errands, WANTED, 10)))
    asking.start()
    while not store.errands.waiting():
        pass
    store.errands.begin(store.errands.waiting()[0].id)
    Errands(store, Moves(NotFound("no such cluster"))).look()
    asking.join(10)
    assert found["result"] == Moved(Key("Cluster", "other", "c"))


def test_answered_errands_are_forgotten_in_the_end_and_waiting_ones_never(store, monkeypatch):
    monkeypatch.setattr(log, "KEPT", 2)
    first = store.errands.ask(b"1")
    answered = store.errands.ask(b"2")
    store.errands.answer(answered, b"0")
    for number in range(3, 7):
        store.errands.ask(str(number).encode())
    assert store.errands.waiting()[0].id == first
    assert store.errands.answered(answered) is None
