"""One transaction for all who ask while another one runs: a write costs the same for one as for many.

Who comes first does the work for all who wait, so nobody waits for a timer, and where nobody else asks nothing is different.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from extension.objects.errors import UserError

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class _Waiting(Generic[Asked, Answer]):
    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.answer: Answer | None = None
        self.error: BaseException | None = None
        self.done = False


class Combined(Generic[Asked, Answer]):
    """Callable from many threads. `work` answers many in their order; when it raises, each is asked for alone, so that what is wrong
    with one is told to that one."""

    def __init__(self, work: Callable[[Sequence[Asked]], Sequence[Answer]]) -> None:
        self._work = work
        self._guard = threading.Lock()
        self._turn = threading.Lock()
        self._waiting: list[_Waiting[Asked, Answer]] = []

    def __call__(self, asked: Asked) -> Answer:
        mine: _Waiting[Asked, Answer] = _Waiting(asked)
        with self._guard:
            self._waiting.append(mine)
        with self._turn:
            if not mine.done:
                with self._guard:
                    batch, self._waiting = self._waiting, []
                self._do(batch)
        if mine.error is not None:
            raise mine.error
        return mine.answer  # type: ignore[return-value]

    def _do(self, batch: Sequence[_Waiting[Asked, Answer]]) -> None:
        try:
            answers = self._work([one.asked for one in batch])
        except UserError as error:
            if len(batch) > 1:
                for one in batch:
                    self._do([one])
                return
            batch[0].error = error
        except BaseException as error:
            for one in batch:
                one.error = error
        else:
            for one, answer in zip(batch, answers, strict=True):
                one.answer = answer
        for one in batch:
            one.done = True
