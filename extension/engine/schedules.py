"""Schedule -> which clusters may be changed now (`fleet-semantics.md` 3.9).

The clock alone decides whether a window is open (`targeting.windows`), so nothing is lost by a restart. A cluster in several
Schedules may be changed while any of their windows is open; Fleet lets the last writer win. A Schedule that can't be used
says so in its Ready condition and holds no cluster back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Protocol

import msgspec
from pyroaring import BitMap, FrozenBitMap

from extension.engine.stored import drop_finalizer, ensure_finalizer, listed, now
from extension.objects.base import Key
from extension.objects.errors import Invalid
from extension.objects.kinds import Cluster, Schedule
from extension.objects.plan import NONE
from extension.objects.states import condition, with_conditions
from extension.store.protocol import Store
from extension.targeting import Universe
from extension.targeting.matching import Scope
from extension.targeting.windows import Window, window

FINALIZER = "fleet.cattle.io/schedule-finalizer"
LONGEST = 3600.0
NAMED = 100
"""How many matching clusters a Schedule's status names; how many there are is in no field of Fleet's."""


class Index(Universe, Protocol):
    def scheduled(self) -> FrozenBitMap: ...


class Look(msgspec.Struct, frozen=True):
    """A Schedule at one moment: its window and clusters, or why it can't be used."""

    window: Window | None = None
    clusters: FrozenBitMap = NONE
    error: str = ""


class ScheduleReconciler:
    """Handler of the schedule queue."""

    def __init__(self, store: Store, index: Index, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._store = store
        self._index = index
        self._clock = clock

    def __call__(self, key: Key) -> float | None:
        schedule = self._store.find(Schedule, key.namespace, key.name)
        if schedule is None:
            return None
        if schedule.metadata.deletion_timestamp:
            self._mark(key.namespace)
            drop_finalizer(self._store, schedule, FINALIZER)
            return None
        schedule = ensure_finalizer(self._store, schedule, FINALIZER)
        moment = self._clock()
        found = self._look(schedule, moment)
        self._tell(schedule, found)
        self._mark(key.namespace)
        if found.window is None or found.window.changes is None:
            return None
        return min(LONGEST, max(0.0, (found.window.changes - moment).total_seconds()) + 0.01)

    def _look(self, schedule: Schedule, moment: datetime) -> Look:
        """What a Schedule means at the moment; one that is being deleted means nothing any more."""
        if schedule.metadata.deletion_timestamp:
            return Look()
        scope = Scope(self._index, schedule.metadata.namespace)
        try:
            found = window(schedule.spec, moment, moment.astimezone().tzinfo or UTC)
            clusters = FrozenBitMap.union(NONE, *(scope.hits(scope.match(entry)) for entry in schedule.spec.targets.clusters))
        except Invalid as error:
            return Look(error=str(error))
        return Look(found, clusters)

    def _tell(self, schedule: Schedule, found: Look) -> None:
        before = schedule.status.conditions
        starts = found.window.next_start if found.window else None
        first = self._store.keys("Cluster", self._index.first(found.clusters, NAMED))
        ready = condition("Ready", "False" if found.error else "True", now(), before, message=found.error)
        status = msgspec.structs.replace(
            schedule.status,
            active=bool(found.window and found.window.is_open),
            next_start_time=starts.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if starts else None,
            matching_clusters=tuple(sorted(key.name for key in first.values())),
            conditions=with_conditions(before, ready),
        )
        self._store.update_status(msgspec.structs.replace(schedule, status=status))

    def _mark(self, namespace: str) -> None:
        """Writes `scheduled` and `activeSchedule` on the clusters of a workspace where they are not what its Schedules want."""
        scheduled, active, moment = BitMap(), BitMap(), self._clock()
        for schedule in listed(self._store, Schedule, namespace):
            found = self._look(schedule, moment)
            scheduled |= found.clusters
            active |= found.clusters if found.window and found.window.is_open else NONE
        here = self._index.clusters(namespace)
        were = self._index.scheduled() & here
        were_active = were - self._index.off_schedule()
        self._write((scheduled ^ were) | (active ^ were_active), scheduled, active)

    def _write(self, changed: Iterable[int], scheduled: BitMap, active: BitMap) -> None:
        for number, key in self._store.keys("Cluster", changed).items():
            cluster = self._store.find(Cluster, key.namespace, key.name)
            if cluster is not None:
                status = msgspec.structs.replace(cluster.status, scheduled=number in scheduled, active_schedule=number in active)
                self._store.update_status(msgspec.structs.replace(cluster, status=status))
