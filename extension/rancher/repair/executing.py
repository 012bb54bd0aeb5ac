"""The steps of a plan, done: all of a phase are written, then waited for together, then comes the next.

Each object is read again before it is written, and written only as it was read; who comes in between is asked again. A step whose
way was not paved is skipped, with the reason. Waiting ends at a time that is known before; what is not whole by then goes on by
itself, and the next repair only looks after it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, Protocol

from extension.objects.errors import Conflict, Unavailable, UserError
from extension.rancher.repair.changes import Step
from extension.rancher.repair.report import DONE, FAILED, SKIPPED, UNDER_WAY, UNNEEDED, WAITING, WRITTEN, Outcome
from extension.rancher.repair.world import Ref, Seen

TRIES = 5
PAUSE = 1.0


class Objects(Protocol):
    """The objects of a cluster, one at a time. All raise a UserError; a write raises Conflict when the object is another by now."""

    def read(self, at: Ref) -> Seen | None: ...
    def patch(self, seen: Seen, patch: Mapping[str, Any]) -> None: ...
    def delete(self, seen: Seen) -> None: ...


Tell = Callable[[Outcome], None]


class Execution:
    """One run. `until` is when waiting ends, by `clock`; `tell` is told each outcome as soon as it is known, and
    before that what is waited for."""

    def __init__(
        self,
        objects: Objects,
        until: float,
        tell: Tell,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._objects = objects
        self._until = until
        self._tell = tell
        self._clock = clock
        self._sleep = sleep
        self._blocked: dict[Ref, str] = {}
        self._away = ""
        self.outcomes: list[Outcome] = []

    def run(self, steps: Iterable[Step]) -> None:
        """Adds an outcome for each step; `steps` are in their order. What an earlier run did not bring about holds these up as well."""
        for _, phase in groupby(steps, key=lambda step: step.phase):
            written = [(step, found) for step in phase if (found := self._written(step))]
            self._wait(written)

    def _written(self, step: Step) -> str:
        """DONE or UNNEEDED of a step that is to be waited for, empty of one that ended otherwise."""
        reason = self._away or next((self._blocked[one] for one in step.after if one in self._blocked), "")
        if reason:
            return self._ended(step, SKIPPED, reason)
        try:
            return self._write(step)
        except UserError as error:
            if isinstance(error, Unavailable):
                self._away = str(error)
            return self._ended(step, FAILED, str(error))

    def _write(self, step: Step) -> str:
        for _ in range(TRIES):
            obj = self._objects.read(step.at)
            if obj is None:
                return self._ended(step, UNNEEDED, "it is gone")
            if step.unless and self._objects.read(step.unless):
                return self._ended(step, UNNEEDED, f"{step.unless} is there again")
            patch = step.change.patch(obj)
            if patch is None:
                return UNNEEDED
            try:
                self._objects.delete(obj) if step.change.removes else self._objects.patch(obj, patch)
            except Conflict:
                continue
            return DONE
        return self._ended(step, FAILED, "somebody else changes it all the time; try again")

    def _wait(self, written: Sequence[tuple[Step, str]]) -> None:
        """Until all are whole, or the time is over. A cluster that went away ends it at once."""
        rest, is_told = list(written), False
        while rest:
            waits = [(step, result, self._waits(step)) for step, result in rest]
            for step, result, waited in waits:
                if not waited:
                    self._ended(step, result)
                elif not is_told:
                    self._tell(Outcome(step.at, step.change.told, WRITTEN if result == DONE else UNDER_WAY, waited))
            is_told = True
            rest = [(step, result) for step, result, waited in waits if waited]
            if rest and (self._away or self._clock() >= self._until):
                for step, _, waited in waits:
                    if waited:
                        self._ended(step, WAITING, waited)
                return
            if rest:
                self._sleep(PAUSE)

    def _waits(self, step: Step) -> str:
        """What a step waits for, empty when it is whole."""
        if self._away:
            return self._away
        try:
            waited = step.change.waits(self._objects.read(step.at))
        except UserError as error:
            self._away = str(error) if isinstance(error, Unavailable) else ""
            return str(error)
        return f"for {waited}" if waited else ""

    def _ended(self, step: Step, result: str, detail: str = "") -> str:
        """Takes the outcome down. Returns nothing: there is nothing to wait for."""
        if result not in (DONE, UNNEEDED):
            self._blocked[step.at] = f"first {step.at} has to be whole"
        outcome = Outcome(step.at, step.change.told, result, detail)
        self.outcomes.append(outcome)
        self._tell(outcome)
        return ""
