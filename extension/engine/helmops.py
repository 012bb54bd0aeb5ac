"""HelmOp -> the version its chart has now -> one Bundle without files (`fleet-semantics.md` 3.7).

The version is found here, so that all clusters get the same one; agents fetch the chart. When the repository can't be asked,
what is known of the same chart counts: values and targets change without it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec
import structlog

from extension.engine.gitrepos import WARNING, said
from extension.engine.helmop_bundles import Chart, bundle_of, chart_of, deployed, is_of, warning
from extension.engine.produced import REPO_NAME
from extension.engine.stored import drop_finalizer, ensure_finalizer, now
from extension.objects.base import Condition, Key
from extension.objects.durations import seconds
from extension.objects.errors import Conflict, Invalid, UserError
from extension.objects.helmop import charts
from extension.objects.kinds import Bundle, HelmOp
from extension.objects.options import HelmOptions
from extension.objects.states import condition, with_conditions, without_condition
from extension.sources.helmops import check, polls
from extension.sources.versions import is_exact
from extension.store.protocol import Store
from extension.targeting.admission import Rules, admitted_helmop

log = structlog.get_logger()

FINALIZER = "fleet.cattle.io/helmop-finalizer"
DELETION_RETRY = 2.0
RETRY = 30.0
"""How long after a failure the next try is made, sooner if the HelmOp polls more often."""
ACCEPTED = "Accepted"
POLLED = "Polled"
STALLED = "Stalled"
RECONCILING = "Reconciling"
BAD_WHEN_TRUE = (STALLED, RECONCILING, WARNING)


class Look(msgspec.Struct, frozen=True):
    """What a HelmOp was last looked at for, and until when (seconds of the clock) that is good enough. After a failure nothing but
    a new wish makes it sooner; else a Bundle that is not as it was written."""

    asked: tuple[int, int, int]
    due: float
    failed: bool


class Versions(Protocol):
    """`sources.helmops.HelmOpSources`, as far as reconciling needs it."""

    def version(self, op: HelmOp, helm: HelmOptions) -> str:
        """The version that these options name now, with the HelmOp's credentials."""


class HelmOpReconciler:
    """Handler of the HelmOp queue."""

    def __init__(
        self,
        store: Store,
        sources: Versions,
        *,
        jitter: Callable[[float], float],
        rules: Callable[[str], Rules],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._sources = sources
        self._jitter = jitter
        self._rules = rules
        self._clock = clock
        self._looks: dict[Key, Look] = {}
        self._wishes: dict[Key, int] = {}
        self._found: dict[Key, dict[Chart, str]] = {}
        self._written: dict[Key, int] = {}

    def __call__(self, key: Key) -> float | None:
        op = self._store.find(HelmOp, key.namespace, key.name)
        if op is None:
            for remembered in (self._looks, self._wishes, self._found, self._written):
                remembered.pop(key, None)
            return None
        if op.metadata.deletion_timestamp:
            return self._finalize(op)
        return self._look(ensure_finalizer(self._store, op, FINALIZER))

    def look_again(self, key: Key) -> None:
        """Makes the next pass ask the repository although nothing is due (a secret or a rule changed)."""
        self._wishes[key] = self._wishes.get(key, 0) + 1

    def _look(self, op: HelmOp) -> float | None:
        """Synchronises when a poll is due or somebody asked; the feed also wakes this for changes that ask for nothing."""
        asked = (op.metadata.generation, op.spec.force_sync_generation, self._wishes.get(op.key, 0))
        look, moment = self._looks.get(op.key), self._clock()
        if look is None or look.asked != asked or moment >= look.due or not (look.failed or self._intact(op)):
            forced = look is not None and look.asked[1] != asked[1]
            error, pause = self._sync(op, forced)
            look = self._looks[op.key] = Look(asked, moment + pause, error is not None)
        left = look.due - moment
        return None if left == math.inf else left

    def _intact(self, op: HelmOp) -> bool:
        """Whether the Bundle is still what this process wrote."""
        there = self._bundle(op)
        return there is not None and there.metadata.generation == self._written.get(op.key)

    def _sync(self, op: HelmOp, forced: bool) -> tuple[UserError | None, float]:
        """Brings the Bundle to what the HelmOp wants: the error that held it up, and the seconds until the next look."""
        blamed = ACCEPTED
        versions: dict[Chart, str] = {}
        try:
            op = self._admitted(op)
            check(op.spec)
            there = own(self._store, op)
            blamed = POLLED if polls(op.spec) else ACCEPTED
            versions, error = self._versions(op, there, forced)
            self._put(op, there, versions)
        except UserError as refused:
            error = refused
        if error is not None:
            log.warning("HelmOp not synchronised", helmop=str(op.key), error=str(error))
        self._tell(op, versions, blamed, error)
        return error, self._pause(op, error)

    def _pause(self, op: HelmOp, error: UserError | None) -> float:
        interval = _interval(op)
        if isinstance(error, Conflict):
            return DELETION_RETRY
        if error is not None:
            return self._jitter(min(interval, RETRY))
        return interval if interval == math.inf else self._jitter(interval)

    def _admitted(self, op: HelmOp) -> HelmOp:
        """The HelmOp with its workspace's defaults, stored; raises Forbidden when the rules refuse it (3.2)."""
        found = admitted_helmop(op, self._rules(op.metadata.namespace))
        return op if found == op else self._store.update(found)

    def _versions(self, op: HelmOp, there: Bundle | None, forced: bool) -> tuple[dict[Chart, str], UserError | None]:
        """The versions of all charts, asked for where they are not known or may have changed; the error that left a known one in
        place. Raises Invalid, Unavailable where none is known."""
        known = self._found.get(op.key) or deployed(op, there)
        asks, error = forced or polls(op.spec), None
        found: dict[Chart, str] = {}
        for chart, helm in {chart_of(helm): helm for _, helm in charts(op.spec)}.items():
            if chart in known and not (asks and not is_exact(helm.version)):
                found[chart] = known[chart]
                continue
            try:
                found[chart] = self._sources.version(op, helm)
            except UserError as failure:
                if chart not in known:
                    raise
                found[chart], error = known[chart], failure
        self._found[op.key] = found
        return found, error

    def _put(self, op: HelmOp, there: Bundle | None, versions: Mapping[Chart, str]) -> None:
        bundle = bundle_of(op, versions)
        if there is None:
            stored = self._store.create(bundle)
        else:
            metadata = msgspec.structs.replace(bundle.metadata, finalizers=there.metadata.finalizers)
            stored = self._store.update(msgspec.structs.replace(bundle, metadata=metadata))
        self._written[op.key] = stored.metadata.generation

    def _tell(self, op: HelmOp, versions: Mapping[Chart, str], blamed: str, error: UserError | None) -> None:
        """Writes the version and the conditions; a poll that finds nothing writes nothing."""
        there = self._store.find(HelmOp, op.metadata.namespace, op.metadata.name)
        if there is None:
            return
        before = there.status.conditions
        conditions = self._conditions(op, before, blamed, error)
        version = versions.get(chart_of(op.spec.helm or HelmOptions()), there.status.version)
        status = msgspec.structs.replace(there.status, conditions=conditions, version=version)
        news = (version, without_condition(conditions, "Ready")) != (there.status.version, without_condition(before, "Ready"))
        if news and blamed == POLLED:
            status = msgspec.structs.replace(status, last_polling_triggered=now())
        self._store.update_status(msgspec.structs.replace(there, status=status))

    def _conditions(self, op: HelmOp, before: tuple[Condition, ...], blamed: str, error: UserError | None) -> tuple[Condition, ...]:
        """What was deployed before stays, so only a HelmOp without a Bundle is not Ready; else Ready is the deployments'."""
        told = {ACCEPTED: "", STALLED: "", RECONCILING: ""} | ({POLLED: ""} if blamed == POLLED else {})
        if error is not None:
            told |= {blamed: str(error), STALLED: str(error)}
        elif warned := warning(op):
            told |= {WARNING: warned}
        gone = {"Ready"} if error is not None else {"Ready", POLLED, WARNING} - told.keys()
        kept = tuple(c for c in before if c.type not in gone)
        conditions = with_conditions(kept, *(said(type_, message, before, BAD_WHEN_TRUE) for type_, message in told.items()))
        if error is None or self._bundle(op) is not None:
            return conditions
        return (*conditions, condition("Ready", "False", now(), before, message=str(error), reason=STALLED))

    def _bundle(self, op: HelmOp) -> Bundle | None:
        """The Bundle that was made from the HelmOp."""
        there = self._store.find(Bundle, op.metadata.namespace, op.metadata.name)
        return there if there is not None and is_of(op, there) else None

    def _finalize(self, op: HelmOp) -> float | None:
        """Deletes the Bundle, waits for its deployments to go, then lets the HelmOp go."""
        there = self._bundle(op)
        if there is not None:
            if not there.metadata.deletion_timestamp:
                self._store.delete(Bundle, there.metadata.namespace, there.metadata.name)
            return DELETION_RETRY
        drop_finalizer(self._store, op, FINALIZER)
        return None


def own(store: Store, op: HelmOp) -> Bundle | None:
    """The HelmOp's Bundle. Raises Invalid when its name is taken, Conflict when it is on its way out."""
    there = store.find(Bundle, op.metadata.namespace, op.metadata.name)
    if there is None:
        return None
    if not is_of(op, there):
        repo = there.metadata.labels.get(REPO_NAME)
        whose = f"GitRepo {repo}" if repo else "a Bundle made by hand"
        raise Invalid(f"bundle name {op.metadata.name} is taken by {whose}", where=str(op.key), hint="give the HelmOp another name")
    if there.metadata.deletion_timestamp:
        raise Conflict(f"Bundle {op.metadata.name} is being deleted", where=str(op.key))
    return there


def _interval(op: HelmOp) -> float:
    """Seconds between polls, for ever where there is nothing to poll."""
    try:
        return seconds(op.spec.polling_interval or "0") if polls(op.spec) else math.inf
    except Invalid:
        return math.inf
