"""Reports of many agents become one transaction: a write costs a disk flush, a report must not.

A report is on disk when the transaction of its batch is; until then the agent's own record on the cluster is the
truth, and a killed hub asks for it again.
"""

from __future__ import annotations

import threading

import structlog

from extension.objects.errors import Unavailable
from extension.store.protocol import Report, Store

log = structlog.get_logger()

GATHER = 0.02
LARGEST_BATCH = 1000
RETRY = 1.0


class Reports:
    """Gathers reports for GATHER seconds and writes them; the last report of a deployment wins within a batch."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._condition = threading.Condition()
        self._waiting: dict[tuple[int, int], Report] = {}
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="reports", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def add(self, report: Report) -> None:
        with self._condition:
            self._waiting[report.bundle_id, report.cluster_id] = report
            self._condition.notify()

    def stop(self) -> None:
        """Writes what is waiting and ends."""
        with self._condition:
            self._stopped = True
            self._condition.notify()
        if self._thread.ident is not None:
            self._thread.join(5)

    def _run(self) -> None:
        while True:
            with self._condition:
                while not self._waiting and not self._stopped:
                    self._condition.wait()
                self._condition.wait_for(self._is_stopped, GATHER)
                keys = list(self._waiting)[:LARGEST_BATCH]
                batch = [self._waiting.pop(key) for key in keys]
            if batch and not self._write(batch):
                return
            if self._stopped and not self._waiting:
                return

    def _write(self, batch: list[Report]) -> bool:
        """Whether to go on. A full disk keeps the reports and tries again; newer ones replace them."""
        try:
            self._store.report(batch)
        except Unavailable as error:
            log.warning("reports not written", reports=len(batch), error=str(error), after=RETRY)
            with self._condition:
                for report in batch:
                    self._waiting.setdefault((report.bundle_id, report.cluster_id), report)
                return not self._condition.wait_for(self._is_stopped, RETRY)
        return True

    def _is_stopped(self) -> bool:
        return self._stopped
