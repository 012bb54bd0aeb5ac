"""A repair as a whole: look, say what is wrong and what helps, do it when told to, and look again."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from extension.objects.base import Struct, prepare
from extension.rancher.impersonating import headers
from extension.rancher.repair.changes import Step
from extension.rancher.repair.executing import Execution, Objects, Outcome, Tell
from extension.rancher.repair.findings import Finding, findings
from extension.rancher.repair.planning import plan
from extension.rancher.repair.reading import Kubernetes
from extension.rancher.repair.world import Ref, World

if TYPE_CHECKING:
    from extension.delivery.client import Client
    from extension.rancher.identity import Identity

SILENT_AFTER = 2700.0
"""Three times what Fleet lets pass between two words of an agent."""
PLANNED = "planned"


class Told(Struct, frozen=True, omit_defaults=False):
    """A finding as it is shown. What is an `advice` is nothing that is broken."""

    rule: str
    at: Ref
    message: str
    hint: str = ""
    advice: bool = False

    def __str__(self) -> str:
        return f"{self.at}: {self.message}" + (f"\n  {self.hint}" if self.hint else "")


class RepairReport(Struct, frozen=True, omit_defaults=False):
    """What was found, what was or would be done, and what is left; nothing is known of that in a dry run, or while steps wait."""

    findings: tuple[Told, ...]
    steps: tuple[Outcome, ...]
    left: tuple[Told, ...]
    dry_run: bool
    type: str = "repair"


class Place(Objects, Protocol):
    """A cluster that can be looked at as a whole."""

    def world(self, silent_after: float) -> World: ...


@dataclass(frozen=True)
class Asked:
    """`wait` are the seconds that the steps may take together."""

    dry_run: bool = True
    label_secrets: bool = False
    silent_after: float = SILENT_AFTER
    wait: float = 0.0


def repair(place: Place, asked: Asked, tell: Tell = lambda _: None) -> RepairReport:
    """A dry run reads and writes nothing. `tell` gets each step as it ends. Raises a UserError when the cluster can't be read."""
    found = findings(place.world(asked.silent_after))
    steps = plan(found, label_secrets=asked.label_secrets)
    if asked.dry_run:
        return RepairReport(shown(found), tuple(map(planned, steps)), shown(found), dry_run=True)
    outcomes = Execution(place, time.monotonic() + asked.wait, tell).run(steps)
    left = findings(place.world(asked.silent_after)) if steps else found
    return RepairReport(shown(found), tuple(outcomes), shown(left), dry_run=False)


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


prepare(RepairReport)
