"""Work that a request waits for, bounded: so many at a time, so many seconds each.

A request that waited long enough is told so. What it waited for ends at the next of its own looks at the clock; what can't
look, such as the fetch of a repository, goes on beside and leaves its turn when it ends, so that a slow Git server costs no
request more than its time and the process no more than its turns.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from typing import TypeVar

from extension.objects.errors import Busy, UserError

T = TypeVar("T")
SECONDS = 50.0
"""Less than the time after which clients give up (`extension.client.TIMEOUT`)."""
AT_ONCE = 4
RETRY = 5
KEPT = "what was fetched is kept, so a second try may be quicker"
PLAN_LESS = f"ask for one bundle, or without diffs; {KEPT}"


class TooLong(UserError):
    """An answer that was not there in time."""

    status = 504
    code = "Timeout"


class Deadline:
    """Until when an answer is waited for. `doing` is what was being done last, and `hint` the next step, for the message."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic, hint: str = PLAN_LESS) -> None:
        self.seconds = seconds
        self._hint = hint
        self.doing = ""
        self._clock = clock
        self._end = clock() + seconds

    @property
    def left(self) -> float:
        return max(0.0, self._end - self._clock())

    def check(self, doing: str) -> None:
        """Raises TooLong when the time is over; else remembers what is done next."""
        if not self.left:
            raise self.error()
        self.doing = doing

    def error(self) -> TooLong:
        doing = f" while {self.doing}" if self.doing else ""
        return TooLong(f"no answer within {self.seconds:g} s{doing}", hint=self._hint)


class Turns:
    """At most `at_once` answers are made at a time, each within `seconds`. `of` names them, `hint` what to do when one takes too long."""

    def __init__(
        self,
        at_once: int = AT_ONCE,
        seconds: float = SECONDS,
        clock: Callable[[], float] = time.monotonic,
        *,
        of: str = "plans",
        hint: str = PLAN_LESS,
    ) -> None:
        self._of, self._hint = of, hint
        self._free = threading.BoundedSemaphore(at_once)
        self._seconds = seconds
        self._clock = clock

    def run(self, work: Callable[[Deadline], T]) -> T:
        """What `work` gives, done in the caller's context. Raises Busy when there is no turn, TooLong when the time is over, and what
        `work` raises."""
        if not self._free.acquire(blocking=False):
            raise Busy(f"too many {self._of} are made at once", RETRY)
        deadline = Deadline(self._seconds, self._clock, self._hint)
        done: Future[T] = Future()
        try:
            args = (self._work, work, deadline, done)
            threading.Thread(target=copy_context().run, args=args, name="plan", daemon=True).start()
        except RuntimeError:  # no thread to be had
            self._free.release()
            raise Busy(f"no thread is free to make {self._of}", RETRY) from None
        try:
            return done.result(deadline.left)
        except TimeoutError:
            raise deadline.error() from None

    def _work(self, work: Callable[[Deadline], T], deadline: Deadline, done: Future[T]) -> None:
        try:
            found = work(deadline)
        except BaseException as error:  # handed to who waits
            done.set_exception(error)
        else:
            done.set_result(found)
        finally:
            self._free.release()
