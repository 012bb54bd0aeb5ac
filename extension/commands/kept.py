"""gunicorn's gthread worker, whose threads wait a moment for the next question of a connection that is kept open.

gthread hands such a connection back to its main thread after each answer, which hands it to a thread again: two wakings of a
thread and a dozen system calls, that take longer than a check-in does. Who asks again at once (a proxy before many agents)
is answered by the thread that it has.
"""

from __future__ import annotations

import select
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

MOMENT = 2
"""Milliseconds that a thread waits at most."""


class KeptWorker(ThreadWorker):  # type: ignore[misc]
    """Waits only as long as there is a thread for each connection, so that none has to wait for it."""

    def handle(self, conn: Any) -> Any:
        kept = super().handle(conn)
        while kept is True and self._may_wait() and _asks_again(conn):
            kept = super().handle(conn)
        return kept

    def _may_wait(self) -> bool:
        return bool(self.alive and self.nr_conns <= self.cfg.threads)


def _asks_again(conn: Any) -> bool:
    """Whether more was sent on a connection, or it was ended, within a moment."""
    poll = select.poll()
    poll.register(conn.sock, select.POLLIN)
    return bool(poll.poll(MOMENT))
