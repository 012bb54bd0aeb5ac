"""What is still to be told to the hub: of each deployment the newest report, until the hub has acknowledged it.

Reports carry numbers that only rise, so that of two the hub knows which is newer however they arrive. What was acknowledged is summed: a
hub that names another sum has lost some, and is told all anew. Thread-safe.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable

import msgspec

from extension.objects.agents import MOST_WORDS, DeploymentReport, ReportAnswer, ReportBatch
from extension.objects.moving import Leaving

MOST, LARGEST = 1000, 512 << 10
"""Reports of one request, and bytes where it has several: an ingress before the hub may take no more than 1 MiB."""


class Outbox:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sequence = 0
        self._waiting: dict[int, DeploymentReport] = {}
        self._acknowledged: dict[int, int] = {}
        self._left: frozenset[Leaving] = frozenset()
        self._unreachable: str | None = None
        self.filled = threading.Event()
        """Set while there is something to send."""

    def put(self, report: DeploymentReport) -> None:
        """Takes the place of an older report of the deployment; it is numbered here."""
        with self._lock:
            self._sequence += 1
            self._waiting[report.bundle_id] = msgspec.structs.replace(report, sequence=self._sequence)
            self.filled.set()

    def done(self, marks: Iterable[Leaving]) -> None:
        """What a move left to do, and is done."""
        with self._lock:
            self._left |= frozenset(marks)
            if self._left:
                self.filled.set()

    def reached(self, unreachable: str) -> None:
        """Why the cluster can't be reached, empty: it can."""
        with self._lock:
            self._unreachable = unreachable[:MOST_WORDS]
            self.filled.set()

    def batch(self, generation: int | None = None) -> ReportBatch:
        """What is to be said next, with the forced update of the agent that is done."""
        with self._lock:
            waiting = sorted(self._waiting.values(), key=lambda one: one.sequence)[:MOST]
            left, unreachable = tuple(self._left), self._unreachable
        sizes = itertools.accumulate(len(msgspec.json.encode(one)) for one in waiting)
        reports = tuple(one for one, size in zip(waiting, sizes, strict=True) if size <= LARGEST or one is waiting[0])
        return ReportBatch(reports, generation, left=left, unreachable=unreachable)

    def answered(self, said: ReportBatch, answer: ReportAnswer) -> None:
        """What the hub answered. A report that it calls stale is told again with a number above its own."""
        sent = said.reports
        stale = {one.bundle_id: one.sequence for one in answer.stale}
        gone = set(answer.gone)
        with self._lock:
            self._left -= frozenset(said.left)
            if said.unreachable == self._unreachable:
                self._unreachable = None
            self._sequence = max(self._sequence, *stale.values(), 0)
            for one in sent:
                current = self._waiting.get(one.bundle_id)
                if one.bundle_id in stale:
                    self._sequence += 1
                    self._waiting[one.bundle_id] = msgspec.structs.replace(current or one, sequence=self._sequence)
                    continue
                if current is not None and current.sequence == one.sequence:
                    del self._waiting[one.bundle_id]
                if one.removed or one.bundle_id in gone:
                    self._acknowledged.pop(one.bundle_id, None)
                else:
                    self._acknowledged[one.bundle_id] = one.sequence
            self._settle()

    def _settle(self) -> None:
        if not self._waiting and not self._left and self._unreachable is None:
            self.filled.clear()

    def told(self, sequence: int, reported: int, named: Iterable[int] | None) -> bool:
        """Takes what a check-in says of the hub's knowledge; `named` are all deployments there are, where it names them. Whether the hub
        lacks something that it once acknowledged."""
        with self._lock:
            self._sequence = max(self._sequence, sequence)
            if named is not None:
                kept = set(named)
                self._acknowledged = {bundle: number for bundle, number in self._acknowledged.items() if bundle in kept}
                self._waiting = {bundle: one for bundle, one in self._waiting.items() if bundle in kept}
                self._settle()
            return reported != sum(self._acknowledged.values())
