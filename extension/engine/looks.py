"""Threads that look at something again and again, such as what is to be written now and then."""

from __future__ import annotations

import threading

import structlog

from extension.objects.errors import UserError

log = structlog.get_logger()


class Looks:
    """Calls `look`, which a subclass has, until it is stopped: after `first` seconds, and then each time after twice as long, up to
    `longest`. What goes wrong is logged, and the next look may do better."""

    def __init__(self, name: str, first: float, longest: float) -> None:
        self._name = name
        self._wait = first
        self._longest = longest
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join(5)

    def look(self) -> None:
        raise NotImplementedError

    def _run(self) -> None:
        while not self._stopped.wait(self._wait):
            self._wait = min(self._longest, 2 * self._wait)
            try:
                self.look()
            except UserError as error:
                log.warning(self._name, error=str(error))
            except Exception:
                log.exception(self._name)
