"""Bundle -> Plan -> stored deployments, step by step as the rollout allows (`fleet-semantics.md` 3.3 to 3.5).

A pass is cheap when nothing changed: what a bundle was last planned from is remembered, and only its progress is
looked at again, since reports are what lets a rollout go on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import msgspec

from extension.bundles import with_values
from extension.engine.stored import drop_finalizer, ensure_finalizer, now
from extension.objects.base import Key
from extension.objects.content import content_id
from extension.objects.errors import UserError
from extension.objects.kinds import Bundle, PartitionStatus, Secret
from extension.objects.plan import Plan, Step
from extension.objects.states import condition, with_conditions
from extension.store.protocol import Store
from extension.targeting import Templates, Universe, plan, step

FINALIZER = "fleet.cattle.io/bundle-finalizer"
MISSING_VALUES_RETRY = 5.0


class BundleReconciler:
    """Handler of the bundle queue. `universe_version` changes when clusters, labels or groups did."""

    def __init__(self, store: Store, universe: Universe, templates: Templates, universe_version: Callable[[], int]) -> None:
        self._store = store
        self._universe = universe
        self._templates = templates
        self._universe_version = universe_version
        self._plans: dict[Key, tuple[tuple[int, int], Plan]] = {}
        self._lock = threading.Lock()

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
            self._condition(bundle, f"targeting error: {error}")
            return MISSING_VALUES_RETRY if error.status == 404 else None

    def _roll_out(self, bundle: Bundle) -> float | None:
        planned = self._plan(bundle)
        done = step(planned, self._store.progress(bundle.key), self._universe)
        while not done.empty:
            self._store.apply(planned, done)
            if not done.newly_created:
                break
            done = step(planned, self._store.progress(bundle.key), self._universe)
        self._status(bundle, planned, done)
        return None

    def _plan(self, bundle: Bundle) -> Plan:
        made_from = (bundle.metadata.generation, self._universe_version())
        known = self._plans.get(bundle.key)
        if known is None or known[0] != made_from:
            whole = with_values(bundle, self._values(bundle))
            planned = plan(whole, self._universe, self._templates, manifest_id=content_id(bundle.status.resources_sha256_sum))
            known = self._plans[bundle.key] = (made_from, planned)
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
        self._condition(msgspec.structs.replace(bundle, status=status), self._errors(planned))

    def _errors(self, planned: Plan) -> str:
        keys = self._store.keys("Cluster", {cluster for e in planned.errors for cluster in e.clusters[:1]})
        return "; ".join(
            f"targeting error: {e.message} ({len(e.clusters)} clusters, first {keys[e.clusters[0]].name})" for e in planned.errors
        )

    def _condition(self, bundle: Bundle, message: str) -> None:
        before = bundle.status.conditions
        told = condition("Targeted", "False" if message else "True", now(), before, message=message)
        status = msgspec.structs.replace(bundle.status, conditions=with_conditions(before, told))
        self._store.update_status(msgspec.structs.replace(bundle, status=status))

    def _finalize(self, bundle: Bundle) -> float | None:
        if self._store.forget(bundle.key):
            return None
        if bundle.spec.values_hash and self._store.find(Secret, bundle.metadata.namespace, bundle.metadata.name):
            self._store.delete(Secret, bundle.metadata.namespace, bundle.metadata.name)
        drop_finalizer(self._store, bundle, FINALIZER)
        self._plans.pop(bundle.key, None)
        return None
