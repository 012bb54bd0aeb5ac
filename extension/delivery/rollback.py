"""Drift undone: a release is rolled back to the revision that is deployed, as Fleet does (`fleet-semantics.md` 4.5)."""

from __future__ import annotations

import sys

from extension.delivery.helm_records import HelmRecords, Revision
from extension.delivery.recovery import Call
from extension.objects.errors import Invalid
from extension.objects.options import CorrectDrift
from extension.rendering.helm_release import Access, Named


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
