"""Bundle -> Plan -> stored deployments, step by step as the rollout allows (`fleet-semantics.md` 3.3 to 3.5).

A pass is cheap when nothing changed: what a bundle was last planned from is remembered, and only its progress is
looked at again, since reports are what lets a rollout go on. One that the reconciler's own writes asked for ends as soon as
it sees that nobody else wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Protocol

import msgspec
from pyroaring import FrozenBitMap

from extension.bundles import with_values
from extension.engine.removals import held_up
from extension.engine.stored import drop_finalizer, ensure_finalizer, now
from extension.objects.base import Key, document
from extension.objects.content import content_id
from extension.objects.errors import Forbidden, UserError
from extension.objects.gitops import PendingTargets, unsummed
from extension.objects.helmop import charts
from extension.objects.kinds import Bundle, BundleStatus, PartitionStatus, Secret
from extension.objects.plan import Facet, Plan, Step
from extension.objects.states import NAMED_RESOURCES, condition, without_condition
from extension.sources.versions import is_exact
from extension.store.protocol import Store
from extension.targeting import Templates, Universe, plan, restrictions, step
from extension.targeting.admission import Rules, check_bundle

FINALIZER = "fleet.cattle.io/bundle-finalizer"
RETRY = 5.0
AT_ONCE = 100_000
"""For how many clusters a step is written in one transaction."""
PASSING = (404, 409, 503)
"""Statuses of errors that can go without a change of the Bundle: its values are on their way, the renderer was stopped."""
TARGETING = "TargetingError"
POLICY = "PolicyViolation"
VERSION = "ChartVersion"
REMOVAL = "Removing"
REMOVAL_RETRY = 15.0
"""How often a bundle that is to go is looked at; each deployment that goes makes it sooner."""
TARGETED = "Targeted"
"""Condition of a Bundle that no cluster gets. Fleet says nothing then; it is there only while it is False."""


class Index(Universe, Protocol):
    """A universe that changes: `version` moves when it did. See `store.labels.LabelIndex`."""

    version: int

    def reading(self) -> AbstractContextManager[set[Facet]]: ...
    def holds(self, facets: Iterable[Facet], version: int) -> bool: ...
    def changed(self, version: int) -> FrozenBitMap | None: ...


class _Planned(msgspec.Struct, frozen=True):
    """A plan, the Bundle's side of what it was made from, and the clusters' side: facets at a version."""

    made_from: tuple[int, dict[str, str], Rules]
    facets: frozenset[Facet]
    version: int
    plan: Plan


class BundleReconciler:
    """Handler of the bundle queue."""

    def __init__(self, store: Store, universe: Index, templates: Templates, rules: Callable[[str], Rules]) -> None:
        self._store = store
        self._universe = universe
        self._templates = templates
        self._rules = rules
        self._plans: dict[Key, _Planned] = {}
        self._unplanned: set[Key] = set()
        self._settled: dict[Key, tuple[Plan, str]] = {}

    def __call__(self, key: Key) -> float | None:
        bundle = self._store.find(Bundle, key.namespace, key.name)
        if bundle is None:
            self._forget(key)
            return None
        if bundle.metadata.deletion_timestamp:
            return self._finalize(bundle)
        bundle = ensure_finalizer(self._store, bundle, FINALIZER)
        if vague := vague_version(bundle):
            self._written(bundle, bundle.status, vague, VERSION)
            return None
        try:
            planned = self._plan(bundle)
        except Forbidden as error:
            self._written(bundle, bundle.status, str(error), POLICY)
            return None
        except UserError as error:
            self._written(bundle, bundle.status, f"targeting error: {error}")
            return RETRY if error.status in PASSING else None
        return self._roll_out(bundle, planned)

    def _roll_out(self, bundle: Bundle, planned: Plan) -> float | None:
        """Goes as far as the rollout may, and looks once more after a write of its own: then the next pass knows that nothing is left
        to do as long as the Bundle's version, which a report moves too, is the one from before that look."""
        known = self._settled.get(bundle.key)
        if known is not None and known[0] is planned and known[1] == bundle.metadata.resource_version:
            return None
        for _ in range(2):
            done, missing = self._steps(planned)
            before, bundle = bundle, self._status(bundle, planned, done, missing)
            if not done.empty:
                return 0.0
            if bundle is before:
                self._store.tidy(bundle.key)
                self._settled[bundle.key] = (planned, bundle.metadata.resource_version)
                break
        return None

    def _steps(self, planned: Plan) -> tuple[Step, FrozenBitMap]:
        """Writes what may be written now: new deployments, then what these may do. The step that is left, empty unless somebody else
        wrote meanwhile (a cluster that went since is left out, and the plan is another then), and the targets that have no deployment."""
        done, missing = self._step(planned)
        for _ in range(2):
            if done.empty:
                break
            for part in done.parts(AT_ONCE):
                self._store.apply(planned, part)
            created = bool(done.create)
            done, missing = self._step(planned)
            if not created:
                break
        return done, missing

    def _step(self, planned: Plan) -> tuple[Step, FrozenBitMap]:
        """Fleet creates `maxNew` deployments and comes again at once, until none is left: here that is one step."""
        most = len(planned.clusters) if planned.max_new else 0
        progress = self._store.progress(planned.bundle)
        return step(planned, progress, self._universe, max_new=most), planned.clusters - progress.existing

    def _plan(self, bundle: Bundle) -> Plan:
        rules = self._rules(bundle.metadata.namespace)
        check_bundle(bundle, rules)
        made_from = (bundle.metadata.generation, bundle.metadata.labels, rules)
        known = self._plans.get(bundle.key)
        if known is None or known.made_from != made_from or not self._universe.holds(known.facets, known.version):
            self._forget(bundle.key)
            self._unplanned.add(bundle.key)
            whole = with_values(bundle, values_of(self._store, bundle))
            manifest_id = manifest_of(bundle)
            with self._universe.reading() as facets:
                made = planned_for(whole, self._universe, self._templates, rules, manifest_id)
                known = _Planned(made_from, frozenset(facets), self._universe.version, made)
            self._plans[bundle.key] = known
            self._unplanned.discard(bundle.key)
        return known.plan

    def affected(self, version: int) -> list[Key]:
        """The bundles that have to be looked at after the clusters changed since that version: whose targets, options or partitions
        read something that changed, that go to a cluster whose marks did, and all that could not be planned."""
        marked = self._universe.changed(version)
        found = list(self._unplanned)
        for key, known in list(self._plans.items()):
            if marked is None or not known.plan.clusters.isdisjoint(marked):
                self._settled.pop(key, None)
                found.append(key)
            elif not self._universe.holds(known.facets, known.version):
                found.append(key)
        return found

    def _status(self, bundle: Bundle, planned: Plan, done: Step, missing: FrozenBitMap) -> Bundle:
        """Writes what no counter tells: the rollout's numbers and the clusters that could not be planned."""
        status = msgspec.structs.replace(
            bundle.status,
            observed_generation=bundle.metadata.generation,
            pending=self._pending(missing),
            unavailable=done.unavailable,
            unavailable_partitions=done.unavailable_partitions,
            max_unavailable=planned.max_unavailable,
            max_unavailable_partitions=planned.max_unavailable_partitions,
            partitions=tuple(
                PartitionStatus(name=p.name, count=len(p.clusters), max_unavailable=p.max_unavailable, unavailable=p.unavailable)
                for p in done.partitions
            ),
        )
        conditions = without_condition(status.conditions, TARGETED)
        if not planned.clusters and not planned.errors:
            message = f"no cluster of workspace {bundle.metadata.namespace} matches its targets"
            conditions = (*conditions, condition(TARGETED, "False", now(), status.conditions, message=message, reason="NoClusters"))
        status = msgspec.structs.replace(status, conditions=conditions)
        return self._written(bundle, status, self._errors(planned))

    def _pending(self, missing: FrozenBitMap) -> PendingTargets:
        """What the summary tells of targets without a deployment, of which no counter knows (1.5)."""
        if not missing:
            return PendingTargets()
        first = self._store.keys("Cluster", self._universe.first(missing, NAMED_RESOURCES)).values()
        names = sorted(first, key=lambda key: (key.name, key.namespace))
        return PendingTargets(len(missing), tuple(f"{key.namespace}/{key.name}" for key in names))

    def _errors(self, planned: Plan) -> str:
        if not planned.errors:
            return ""
        first = {error.clusters[0] for error in planned.errors}
        keys = self._store.keys("Cluster", first)
        return "; ".join(f"targeting error: {e.message} ({_counted(e.clusters, keys)})" for e in planned.errors)

    def _written(self, bundle: Bundle, status: BundleStatus, message: str, reason: str = TARGETING) -> Bundle:
        """The Bundle with this status, written if it says anything new; an error is a Ready of False with a reason, which stands until
        it is gone."""
        before = status.conditions
        conditions = tuple(c for c in before if c.type != "Ready")
        if message:
            conditions = (*conditions, condition("Ready", "False", now(), before, message=message, reason=reason))
        status = msgspec.structs.replace(status, conditions=conditions, partitions=unsummed(status.partitions))
        stored = tuple(c for c in bundle.status.conditions if c.type != "Ready" or c.reason)  # one without a reason is computed
        if status == msgspec.structs.replace(bundle.status, conditions=stored, partitions=unsummed(bundle.status.partitions)):
            return bundle
        return self._store.update_status(msgspec.structs.replace(bundle, status=status))

    def _finalize(self, bundle: Bundle) -> float | None:
        if self._store.forget(bundle.key):
            status = msgspec.structs.replace(bundle.status, pending=PendingTargets())
            self._written(bundle, status, held_up(self._store, bundle.key), REMOVAL)
            return REMOVAL_RETRY
        if bundle.spec.values_hash and self._store.find(Secret, bundle.metadata.namespace, bundle.metadata.name):
            self._store.delete(Secret, bundle.metadata.namespace, bundle.metadata.name)
        drop_finalizer(self._store, bundle, FINALIZER)
        self._forget(bundle.key)
        return None

    def _forget(self, bundle: Key) -> None:
        self._unplanned.discard(bundle)
        self._plans.pop(bundle, None)
        self._settled.pop(bundle, None)


def planned_for(whole: Bundle, universe: Universe, templates: Templates, rules: Rules, manifest_id: str) -> Plan:
    """The plan of a Bundle that has its values, under its workspace's rules. Raises Invalid as `targeting.plan`."""
    limits = restrictions(whole, [document(one) for one in (*rules.restrictions, *rules.policies)])
    return plan(whole, universe, templates, manifest_id=manifest_id, restrictions=limits)


def manifest_of(bundle: Bundle) -> str:
    """The content ID of a stored Bundle, empty for a HelmOp's."""
    return "" if bundle.spec.helm_op_options else content_id(bundle.status.resources_sha256_sum)


def values_of(store: Store, bundle: Bundle) -> Secret | None:
    """The Secret that holds the values of a stored Bundle; None when it has none. Raises NotFound while it is on its way."""
    if not bundle.spec.values_hash:
        return None
    return store.get(Secret, bundle.metadata.namespace, bundle.metadata.name)


def vague_version(bundle: Bundle) -> str:
    """Why a HelmOp's Bundle can't be deployed yet: where a constraint stands in place of a version, clusters would get different
    ones (3.5). Empty when nothing is wrong."""
    if bundle.spec.helm_op_options is None:
        return ""
    named = ((place, helm.version) for place, helm in charts(bundle.spec) if helm.version and not is_exact(helm.version.removeprefix("v")))
    said = (f"{version!r} in {place}.version is no version" for place, version in named)
    return next((f"chart version cannot be deployed; check HelmOp status for more details: {one}" for one in said), "")


def _counted(clusters: FrozenBitMap, keys: dict[int, Key]) -> str:
    first = keys.get(clusters[0])
    named = f"cluster {first.namespace}/{first.name}" if first else "a cluster"
    return named if len(clusters) == 1 else f"{named} and {len(clusters) - 1} more"
