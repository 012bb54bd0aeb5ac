"""Drift undone: a release is rolled back to the revision that is deployed, as Fleet does (`fleet-semantics.md` 4.5)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable

import msgspec

from extension.delivery.helm_records import HelmRecords, Revision
from extension.delivery.protocol import Deployment
from extension.delivery.recovery import Call
from extension.objects.errors import Invalid
from extension.objects.options import CorrectDrift
from extension.objects.status import ModifiedStatus
from extension.rendering.helm_release import Access, Named

FIRST, LONGEST = 5.0, 600.0
"""Seconds after which a correction that failed is tried again: twice as many each time."""
Situation = tuple[object, ...]


def situation(deployment: Deployment, modified: Iterable[ModifiedStatus]) -> Situation:
    """All that decides how a correction ends, as far as one can see."""
    drift = tuple(msgspec.structs.replace(one, changes=()) for one in modified)  # without who changed it, and when
    return deployment.deployment_id, deployment.options.correct_drift, drift


class Failures:
    """Corrections that failed: the same is tried again later and later. A deployment that is not ready is looked at every second, and
    what can't be brought back must not cost a rollback each time. Forgotten with a restart."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._known: dict[str, tuple[Situation, int, float, str]] = {}

    def waiting(self, bundle: str, now: Situation) -> str:
        """Why the correction failed, while it is too early for another; else empty."""
        found, _, until, why = self._known.get(bundle, ((), 0, 0.0, ""))
        return why if found == now and self._clock() < until else ""

    def failed(self, bundle: str, now: Situation, why: str) -> None:
        found, before, _, _ = self._known.get(bundle, ((), 0, 0.0, ""))
        number = before + 1 if found == now else 0
        self._known[bundle] = (now, number, self._clock() + min(LONGEST, FIRST * 2.0 ** min(number, 10)), why)

    def ended(self, bundle: str) -> None:
        """It worked, or nothing is to be corrected any more."""
        self._known.pop(bundle, None)


def rolled_back(  # noqa: PLR0917 (all that a rollback is told)
    records: HelmRecords, call: Call, access: Access, deployed: Revision, correct: CorrectDrift, history: int
) -> Revision:
    """The revision that is deployed then; of those before it `history` less one are kept. Raises Invalid with why it failed, and then
    leaves a failed revision only where it is to."""
    try:
        call("helm_release.rollback", Named(access, deployed.name, deployed.number, correct.force))
    except Invalid:
        _trim(records, deployed, range(deployed.number + 1, sys.maxsize), history if correct.keep_fail_history else 0)
        raise
    newest = records.revisions(deployed.namespace, deployed.name)[-1]
    _trim(records, newest, range(newest.number), history - 1)
    return newest


def _trim(records: HelmRecords, release: Revision, numbers: range, kept: int) -> None:
    """Forgets revisions with these numbers but so many of the newest: Helm trims nothing after a rollback."""
    found = [one for one in records.revisions(release.namespace, release.name) if one.number in numbers]
    for old in found[: len(found) - kept]:
        records.drop(old)
