"""A repair as a whole: look, say what is wrong and what helps, do it when told to, and look again."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from extension.rancher.impersonating import headers
from extension.rancher.repair.changes import Step
from extension.rancher.repair.executing import Execution, Objects, Tell
from extension.rancher.repair.findings import Finding, findings
from extension.rancher.repair.planning import plan
from extension.rancher.repair.reading import Kubernetes
from extension.rancher.repair.report import PLANNED, Asked, Outcome, RepairReport, Told
from extension.rancher.repair.world import Ref, World

if TYPE_CHECKING:
    from extension.delivery.client import Client
    from extension.rancher.identity import Identity

ROUNDS = 3


class Place(Objects, Protocol):
    """A cluster that can be looked at as a whole."""

    def world(self, silent_after: float) -> World: ...


def repair(place: Place, asked: Asked, tell: Tell = lambda _: None) -> RepairReport:
    """A dry run writes nothing. What shows only now, such as the Bundle of an agent that is back, is cured too; nothing is tried
    twice. `tell` is told of each step. Raises a UserError when the cluster can't be read."""
    found = findings(place.world(asked.silent_after))
    steps = plan(found, label_secrets=asked.label_secrets)
    if asked.dry_run:
        return RepairReport(shown(found), tuple(map(planned, steps)), shown(found), dry_run=True)
    execution, left, tried = Execution(place, time.monotonic() + asked.wait, tell), found, set[tuple[int, Ref]]()
    for _ in range(ROUNDS):
        execution.run(steps)
        tried |= {(step.phase, step.at) for step in steps}
        left = findings(place.world(asked.silent_after)) if steps else left
        steps = [step for step in plan(left, label_secrets=asked.label_secrets) if (step.phase, step.at) not in tried]
    return RepairReport(shown(found), tuple(execution.outcomes), shown(left), dry_run=False)


class Repairs:
    """The repair of the cluster that a service belongs to, as one of its callers: Kubernetes judges each read and write as theirs."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def repair(self, identity: Identity, asked: Asked) -> RepairReport:
        """Raises Forbidden for a user in whose name nothing is done, or who may not read what is looked at."""
        return repair(Kubernetes(self._client.sending(headers(identity))), asked)


def shown(found: Iterable[Finding]) -> tuple[Told, ...]:
    return tuple(Told(one.rule, one.at, one.message, one.hint, one.advice) for one in found)


def planned(step: Step) -> Outcome:
    return Outcome(step.at, step.change.told, PLANNED)
