"""What a repair is asked, and what it tells: the values that the command prints and `/v1/repair` answers. None holds a Secret's value."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from extension.objects.base import Struct, prepare
from extension.rancher.repair.world import Ref

SILENT_AFTER = 2700.0
"""Three times what Fleet lets pass between two words of an agent."""
DONE, UNNEEDED, WAITING, FAILED, SKIPPED = "done", "unneeded", "waiting", "failed", "skipped"
PLANNED = "planned"
WRITTEN, UNDER_WAY = "written", "under way"
"""Told while a step is waited for; no result that it ends with."""


class Outcome(Struct, frozen=True, omit_defaults=False):
    """What became of a step: `done`, `unneeded` (somebody did it before), `waiting` (written, and not whole yet), `failed` or
    `skipped`; `detail` says why."""

    at: Ref = msgspec.field(name="object")
    action: str
    result: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.result}: {self.at}: {self.action}" + (f" ({self.detail})" if self.detail else "")


class Told(Struct, frozen=True, omit_defaults=False):
    """A finding as it is shown. What is an `advice` is nothing that is broken."""

    rule: str
    at: Ref = msgspec.field(name="object")
    message: str
    hint: str = ""
    advice: bool = False

    def __str__(self) -> str:
        return f"{self.at}: {self.message}" + (f"\n  {self.hint}" if self.hint else "")


class RepairReport(Struct, frozen=True, omit_defaults=False):
    """What was found, what was or would be done, and what is left: all of it after a dry run."""

    findings: tuple[Told, ...]
    steps: tuple[Outcome, ...]
    left: tuple[Told, ...]
    dry_run: bool
    type: str = "repair"


@dataclass(frozen=True)
class Asked:
    """`wait` are the seconds that the steps may take together."""

    dry_run: bool = True
    label_secrets: bool = False
    silent_after: float = SILENT_AFTER
    wait: float = 0.0


prepare(RepairReport)
