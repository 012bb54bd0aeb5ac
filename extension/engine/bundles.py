"""Bundle -> Plan -> stored deployments, step by step as the rollout allows (`fleet-semantics.md` 3.3 to 3.5).

A pass is cheap when nothing changed: what a bundle was last planned from is remembered, and only its progress is
looked at again, since reports are what lets a rollout go on.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

import msgspec
from pyroaring import FrozenBitMap

from extension.bundles import with_values
from extension.engine.stored import drop_finalizer, ensure_finalizer, now
from extension.objects.base import Key
from extension.objects.content import content_id
from extension.objects.errors import UserError
from extension.objects.kinds import Bundle, PartitionStatus, Secret
from extension.objects.plan import Plan, Step
from extension.objects.states import condition
from extension.store.protocol import Store
from extension.targeting import Templates, Universe, plan, step

FINALIZER = "fleet.cattle.io/bundle-finalizer"
RETRY = 5.0
TARGETING = "TargetingError"


class Index(Universe, Protocol):
    """A universe that changes: `version` moves when it did, and it holds still in `unchanged()`."""

    version: int

    def unchanged(self) -> AbstractContextManager[None]: ...


class BundleReconciler:
    """Handler of the bundle queue."""

    def __init__(self, store: Store, universe: Index, templates: Templates) -> None:
        self._store = store
        self._universe = universe
        self._templates = templates
        self._plans: dict[Key, tuple[tuple[int, int], Plan]] = {}

    def __call__(self, key: Key) -> float | None:
        bundle = self._store.find(Bundle, key.namespace, key.name)
        if bundle is None:
            self._plans.pop(key, None)
            return None
        if bundle.metadata.deletion_timestamp:
            return self._finalize(bundle)
        try:
            return self._roll_out(ensure_finalizer(self._store, bundle, FINALIZER))
        except UserError as error:
            self._written(bundle, f"targeting error: {error}")
            return RETRY if error.status in (404, 409) else None

    def _roll_out(self, bundle: Bundle) -> float | None:
        planned = self._plan(bundle)
        done = step(planned, self._store.progress(bundle.key), self._universe)
        while not done.empty:
            self._store.apply(planned, done)
            full = done.newly_created >= planned.max_new  # more may be waiting to be created
            done = step(planned, self._store.progress(bundle.key), self._universe)
            if not full:
                break
        self._status(bundle, planned, done)
        return None if done.empty else 0.0

    def _plan(self, bundle: Bundle) -> Plan:
        made_from = (bundle.metadata.generation, self._universe.version)
        known = self._plans.get(bundle.key)
        if known is None or known[0] != made_from:
            whole = with_values(bundle, self._values(bundle))
            manifest_id = content_id(bundle.status.resources_sha256_sum)
            with self._universe.unchanged():
                made_from = (bundle.metadata.generation, self._universe.version)
                known = (made_from, plan(whole, self._universe, self._templates, manifest_id=manifest_id))
            self._plans[bundle.key] = known
        return known[1]

    def _values(self, bundle: Bundle) -> Secret | None:
        if not bundle.spec.values_hash:
            return None
        return self._store.get(Secret, bundle.metadata.namespace, bundle.metadata.name)

    def _status(self, bundle: Bundle, planned: Plan, done: Step) -> None:
        """Writes what no counter tells: the rollout's numbers and the clusters that could not be planned."""
        status = msgspec.structs.replace(
            bundle.status,
            observed_generation=bundle.metadata.generation,
            unavailable=done.unavailable,
            unavailable_partitions=done.unavailable_partitions,
            max_unavailable=planned.max_unavailable,
            max_unavailable_partitions=planned.max_unavailable_partitions,
            partitions=tuple(
                PartitionStatus(name=p.name, count=len(p.clusters), max_unavailable=p.max_unavailable, unavailable=p.unavailable)
                for p in done.partitions
            ),
        )
        self._written(msgspec.structs.replace(bundle, status=status), self._errors(planned))

    def _errors(self, planned: Plan) -> str:
        first = {error.clusters[0] for error in planned.errors}
        keys = self._store.keys("Cluster", first)
        return "; ".join(f"targeting error: {e.message} ({_counted(e.clusters, keys)})" for e in planned.errors)

    def _written(self, bundle: Bundle, message: str) -> None:
        """Writes the status; an error is a Ready of False with a reason, which stands until it is gone."""
        before = bundle.status.conditions
        conditions = tuple(c for c in before if c.type != "Ready")
        if message:
            conditions = (*conditions, condition("Ready", "False", now(), before, message=message, reason=TARGETING))
        status = msgspec.structs.replace(bundle.status, conditions=conditions)
        self._store.update_status(msgspec.structs.replace(bundle, status=status))

    def _finalize(self, bundle: Bundle) -> float | None:
        if self._store.forget(bundle.key):
            return None
        if bundle.spec.values_hash and self._store.find(Secret, bundle.metadata.namespace, bundle.metadata.name):
            self._store.delete(Secret, bundle.metadata.namespace, bundle.metadata.name)
        drop_finalizer(self._store, bundle, FINALIZER)
        self._plans.pop(bundle.key, None)
        return None


def _counted(clusters: FrozenBitMap, keys: dict[int, Key]) -> str:
    first = keys.get(clusters[0])
    named = f"cluster {first.namespace}/{first.name}" if first else "a cluster"
    return named if len(clusters) == 1 else f"{named} and {len(clusters) - 1} more"
