"""Which process works as the engine: the one that has the lease (`store/lease.py`).

Every process tries. Who has it renews it long before it is over, and stops its engine when it could not, or when another took
it; should it not notice in time (it was stopped, it was cut off), the lease's guard keeps it from writing. The engine knows
nothing that is not in the store, so the next one goes on where it was.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Protocol

import structlog

from extension.objects.errors import UserError
from extension.store.lease import Lease

log = structlog.get_logger()

SECONDS = 9.0
"""For how long the lease is taken. Another process works as the engine at most this and PAUSE after the last one was heard of."""
PAUSE = 2.0


class Leases(Protocol):
    """`store/lease.py`."""

    def holder(self) -> Lease | None: ...
    def take(self, holder: str, url: str, seconds: float) -> Lease | None: ...
    def renew(self, lease: Lease, seconds: float) -> Lease | None: ...
    def release(self, lease: Lease) -> None: ...


class Part(Protocol):
    def start(self) -> None: ...
    def stop(self) -> None: ...


class Leadership:
    """`begin` makes the engine of a term, which is started and stopped here. `led` is told the term (the lease's epoch) as soon as any
    process leads, until it says that it heard.

    `name` is this process' own for as long as it lives: who comes again with it gets its lease back at once.
    """

    def __init__(  # noqa: PLR0917
        self,
        leases: Leases,
        name: str,
        begin: Callable[[Lease], Part],
        led: Callable[[int], bool] = lambda _term: True,
        url: str = "",
        seconds: float = SECONDS,
        pause: float = PAUSE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._leases = leases
        self._name = name
        self._begin = begin
        self._led = led
        self._url = url
        self._seconds = seconds
        self._pause = pause
        self._clock = clock
        self._lease: Lease | None = None
        self._good_until = 0.0
        self._engine: Part | None = None
        self._was_led = False
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="leadership", daemon=True)

    @property
    def engine(self) -> Part | None:
        """The engine, where this process leads."""
        return self._engine

    def start(self) -> None:
        """Tries once before it returns, so that the only process leads from its start. Raises what `begin` and the store raise."""
        self.look()
        self._thread.start()

    def stop(self) -> None:
        """Ends the engine and lets go of the lease."""
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join(self._seconds)
        self._step_down()

    def look(self) -> None:
        """Takes or renews the lease, or notices that it is another's."""
        asked = self._clock()
        if self._lease is not None:
            self._lease = self._leases.renew(self._lease, self._seconds)
            if self._lease is None:
                log.warning("another process works as the engine now", process=self._name)
                self._end()
        if self._lease is None:
            self._lease = self._leases.take(self._name, self._url, self._seconds)
        if self._lease is not None:
            self._good_until = asked + self._seconds
            if self._engine is None:
                self._lead(self._lease)
        if not self._was_led and (lease := self._lease or self._leases.holder()) is not None:
            self._was_led = self._led(lease.epoch)

    def _lead(self, lease: Lease) -> None:
        engine = self._begin(lease)
        engine.start()
        self._engine = engine
        log.info("works as the engine", process=self._name, epoch=lease.epoch, pid=os.getpid())

    def _run(self) -> None:
        while not self._stopped.wait(self._pause):
            try:
                self.look()
            except UserError as error:
                log.warning("lease", process=self._name, error=str(error), after=self._pause)
                self._doubt()
            except Exception:
                log.exception("lease", process=self._name, after=self._pause)
                self._doubt()

    def _doubt(self) -> None:
        """The lease could not be renewed: its engine ends when it is over, and takes part again like everybody."""
        if self._lease is not None and self._clock() >= self._good_until:
            log.warning("the lease could not be renewed in time", process=self._name)
            self._lease = None
            self._end()

    def _end(self) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.stop()

    def _step_down(self) -> None:
        self._end()
        lease, self._lease = self._lease, None
        if lease is not None:
            try:
                self._leases.release(lease)
            except UserError as error:
                log.warning("the lease was not let go", process=self._name, error=str(error))
