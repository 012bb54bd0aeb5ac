"""Reports of many agents become one transaction: a write costs a disk flush, a report must not.

A report is on disk when the transaction of its batch is; until then the agent's own record on the cluster is the
truth, and a killed hub asks for it again. Who has to know waits for that (`deliver`).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

import msgspec
import structlog

from extension.objects.errors import Unavailable
from extension.store.protocol import Report, Store
from extension.store.reporting import newer

log = structlog.get_logger()

GATHER = 0.02
LARGEST_BATCH = 1000
RETRY = 1.0

Key = tuple[int, int]


class _Told:
    """Who waits for reports: `done` is released for each that is on disk, and `standing` has what stands of it then."""

    def __init__(self) -> None:
        self.done = threading.Semaphore(0)
        self.standing: dict[Key, int] = {}


class _Waiting(msgspec.Struct):
    """A report that is to be written, and who is to be told."""

    report: Report
    told: list[_Told]

    @property
    def key(self) -> Key:
        return self.report.bundle_id, self.report.cluster_id


class Reports:
    """Gathers reports for GATHER seconds and writes them; the last report of a deployment wins within a batch."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._condition = threading.Condition()
        self._waiting: dict[Key, _Waiting] = {}
        self._stopped = False
        self._trouble = ""
        self._thread = threading.Thread(target=self._run, name="reports", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def add(self, report: Report) -> None:
        with self._condition:
            self._put(_Waiting(report, []))
            self._condition.notify()

    def deliver(self, reports: Sequence[Report], timeout: float) -> Mapping[Key, int]:
        """Adds reports and waits until they, or newer ones of the same deployments, are on disk. By bundle and cluster, the sequence
        of the report that stood when they were written; those that are gone are left out. Raises Unavailable when that takes
        longer than `timeout` seconds, with what keeps them from it; they may be written later."""
        told = _Told()
        with self._condition:
            if self._stopped:
                raise Unavailable("the service is stopping", hint="send the reports again later")
            for report in reports:
                self._put(_Waiting(report, [told]))
            self._condition.notify()
        for _ in reports:
            if not told.done.acquire(timeout=timeout):
                raise Unavailable(f"the reports could not be written in time{self._trouble}", hint="send them again later")
        return told.standing

    def stop(self) -> None:
        """Writes what is waiting and ends."""
        with self._condition:
            self._stopped = True
            self._condition.notify()
        if self._thread.ident is not None:
            self._thread.join(5)

    def _put(self, new: _Waiting) -> None:
        """Keeps the newer report of a deployment, and everybody who waits for either."""
        known = self._waiting.get(new.key)
        self._waiting[new.key] = _Waiting(newer(known.report, new.report), known.told + new.told) if known else new

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

    def _write(self, batch: list[_Waiting]) -> bool:
        """Whether to go on. A full disk keeps the reports and tries again; newer ones replace them."""
        try:
            self._written(batch)
            self._trouble = ""
        except Unavailable as error:
            self._trouble = f": {error.message}"
            log.warning("reports not written", reports=len(batch), error=str(error), after=RETRY)
            with self._condition:
                newest, self._waiting = self._waiting, {}
                for waiting in (*batch, *newest.values()):
                    self._put(waiting)
                return not self._condition.wait_for(self._is_stopped, RETRY)
        return True

    def _written(self, batch: list[_Waiting]) -> None:
        """Raises Unavailable. A report that nobody can write is a mistake of ours: it is logged, and the others are written without it."""
        try:
            standing = self._store.report([waiting.report for waiting in batch])
        except Unavailable:
            raise
        except Exception:
            if len(batch) > 1:
                for waiting in batch:
                    self._written([waiting])
                return
            log.exception("report not written", bundle=batch[0].report.bundle_id, cluster=batch[0].report.cluster_id)
            standing = {batch[0].key: batch[0].report.sequence}  # to send it again would not help
        for waiting in batch:
            everybody, waiting.told = waiting.told, []
            for told in everybody:
                if waiting.key in standing:
                    told.standing[waiting.key] = standing[waiting.key]
                told.done.release()

    def _is_stopped(self) -> bool:
        return self._stopped
