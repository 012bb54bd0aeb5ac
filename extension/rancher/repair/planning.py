"""The steps that cure findings, in their order, each thing once. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from extension.rancher.repair.changes import KeepInBackups, Restart, Step
from extension.rancher.repair.findings import AGENTS, BUNDLES, SETTLED, Finding
from extension.rancher.repair.world import Ref, moment


def plan(found: Iterable[Finding], *, label_secrets: bool = False) -> list[Step]:
    """What to do, in order. Secrets are labelled only when asked for; agents come after all that Fleet's controllers need."""
    steps = [step for finding in found for step in finding.steps if label_secrets or not isinstance(step.change, KeepInBackups)]
    controllers = [step.at for step in steps if step.phase <= SETTLED]
    made = [_after(step, controllers) if step.phase in (AGENTS, BUNDLES) else step for step in steps]
    return sorted(_restarted_once(made), key=lambda step: step.phase)


def _after(step: Step, others: Iterable[Ref]) -> Step:
    return replace(step, after=tuple(dict.fromkeys((*step.after, *others))))


def _restarted_once(steps: Iterable[Step]) -> list[Step]:
    """A Deployment that several ServiceAccounts need restarted is restarted once, after the last of them."""
    others: list[Step] = []
    restarts: dict[Ref, Step] = {}
    for step in steps:
        if not isinstance(step.change, Restart):
            others.append(step)
            continue
        known = restarts.get(step.at, step)
        stamp = max(_stamp(known), _stamp(step), key=moment)
        restarts[step.at] = replace(_after(known, step.after), change=Restart(stamp))
    return [*others, *restarts.values()]


def _stamp(step: Step) -> str:
    return step.change.stamp if isinstance(step.change, Restart) else ""
