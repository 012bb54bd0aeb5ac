"""Moves that are asked for in a process which is not the engine: only the engine can hold a cluster still while it moves.

They go through the store (`store/errands.py`). One that was begun by an engine which was killed is looked at before it is done again:
a cluster that is in its new workspace already was moved.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
import structlog

from extension.engine.looks import Looks
from extension.objects import errors
from extension.objects.base import Key
from extension.objects.errors import NotFound, Unavailable, UserError
from extension.objects.kinds import Cluster
from extension.objects.moving import Move, Moved
from extension.store.errands import Errand, ErrandLog
from extension.store.protocol import Store

log = structlog.get_logger()

Mover = Callable[[Key, Move, bool], Moved]
POLL = 0.2
PATIENCE = 60.0
"""Seconds in which an errand has to be done: longer than another process needs to become the engine."""


class Wanted(msgspec.Struct, frozen=True):
    """A move, with the arguments of `Moves.move`."""

    cluster: Key
    move: Move
    dry_run: bool


class Failure(msgspec.Struct, frozen=True):
    """A UserError by the name of its class."""

    name: str
    message: str
    where: str = ""
    field: str = ""
    hint: str = ""


class Answer(msgspec.Struct, frozen=True):
    result: Moved | None = None
    failure: Failure | None = None


class Errands(Looks):
    """The engine's part: does what is asked for, one after the other."""

    def __init__(self, store: Store, move: Mover) -> None:
        super().__init__("errands", POLL, POLL)
        self._store = store
        self._move = move

    def look(self) -> None:
        """Does all that waits. Raises Unavailable when the store can't be used."""
        for errand in self._store.errands.waiting():
            self._store.errands.begin(errand.id)
            self._store.errands.answer(errand.id, msgspec.json.encode(self._answer(errand)))

    def _answer(self, errand: Errand) -> Answer:
        wanted = msgspec.json.decode(errand.asked, type=Wanted)
        try:
            return Answer(result=self._move(wanted.cluster, wanted.move, wanted.dry_run))
        except UserError as error:
            there = Key(Cluster.KIND, wanted.move.workspace, wanted.cluster.name)
            if errand.begun and isinstance(error, NotFound) and self._store.find(Cluster, there.namespace, there.name):
                return Answer(result=Moved(there))
            return Answer(failure=Failure(type(error).__name__, error.message, error.where, error.field, error.hint))
        except Exception:
            log.exception("errand", cluster=str(wanted.cluster))
            return Answer(failure=Failure("Unavailable", "the move failed, for a reason that the service's log tells"))


def asked_for(errands: ErrandLog, wanted: Wanted, patience: float = PATIENCE) -> Moved:
    """Has the engine do it, and waits. Raises what it raised, Unavailable when there is no answer in time: it may be done later."""
    number = errands.ask(msgspec.json.encode(wanted))
    deadline = time.monotonic() + patience
    while (found := errands.answered(number)) is None:
        if time.monotonic() > deadline:
            raise Unavailable("the engine did not answer in time", hint="look where the cluster is before you try again")
        time.sleep(POLL)
    answer = msgspec.json.decode(found, type=Answer)
    if answer.failure is not None:
        raise _error(answer.failure)
    if answer.result is None:
        raise Unavailable("the engine's answer can't be read")
    return answer.result


def _error(failure: Failure) -> UserError:
    kind = getattr(errors, failure.name, Unavailable)
    if not (isinstance(kind, type) and issubclass(kind, UserError)) or kind is errors.Busy:
        kind = Unavailable
    made: UserError = kind(failure.message, where=failure.where, field=failure.field, hint=failure.hint)
    return made
