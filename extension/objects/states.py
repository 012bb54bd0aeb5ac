"""The states of deployments, their ranking, and the sentences made from them (`fleet-semantics.md` 1.5).

A state is computed from facts in a fixed order of rules, the worst state names a group of deployments, and the
Ready message is a fold over the first resource of each state. All pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import IntEnum

import msgspec

from extension.objects.base import Condition
from extension.objects.status import (
    BundleSummary,
    FieldChange,
    ModifiedStatus,
    NonReadyResource,
    NonReadyStatus,
)

NAMED_RESOURCES = 10
TOLD_CHANGES = 3
"""So many fields of an object are told in a sentence."""
STOPPED_HINT = "stop who changes it back, or name it in diff.comparePatches; a forced update or another commit tries again"


class State(IntEnum):
    """A deployment's state; the number is Fleet's rank, the highest is the worst."""

    Ready = 1
    NotReady = 2
    Pending = 3
    OutOfSync = 4
    Modified = 5
    WaitApplied = 6
    ErrApplied = 7


_FIELD = {
    State.Ready: "ready",
    State.NotReady: "not_ready",
    State.Pending: "pending",
    State.OutOfSync: "out_of_sync",
    State.Modified: "modified",
    State.WaitApplied: "wait_applied",
    State.ErrApplied: "err_applied",
}
_ODD_STEP = re.compile(r"[^A-Za-z0-9_-]")
_MESSAGE_ORDER = (State.OutOfSync, State.NotReady, State.WaitApplied, State.ErrApplied, State.Pending, State.Modified)


def deployment_state(*, desired: str, staged: str, applied: str, deployed_failed: bool, ready: bool, non_modified: bool) -> State:
    """The state of one BundleDeployment from its ids and its agent's report; the first rule that matches wins."""
    if applied != desired:
        return State.ErrApplied if deployed_failed else State.WaitApplied
    if not ready:
        return State.NotReady
    if desired != staged:
        return State.OutOfSync
    return State.Ready if non_modified else State.Modified


def deployment_message(conditions: Iterable[Condition], applied_is_desired: bool) -> str:
    """The sentence of one deployment: of `Deployed`, else of `Installed` (once applied), else of `Monitored`."""
    messages = {c.type: c.message for c in conditions}
    installed = messages.get("Installed", "") if applied_is_desired else ""
    return messages.get("Deployed", "") or installed or messages.get("Monitored", "")


def summarise(counts: dict[State, int], non_ready: Iterable[NonReadyResource] = ()) -> BundleSummary:
    """A summary from counts by state and the first resources that are not ready."""
    named = tuple(resource for _, resource in zip(range(NAMED_RESOURCES), non_ready, strict=False))
    fields = {_FIELD[state]: count for state, count in counts.items()}
    return BundleSummary(**fields, desired_ready=sum(counts.values()), non_ready_resources=named)


def counts_of(summary: BundleSummary) -> dict[State, int]:
    return {state: getattr(summary, field) for state, field in _FIELD.items() if getattr(summary, field)}


def add(left: BundleSummary, right: BundleSummary) -> BundleSummary:
    """Two summaries as one. Fleet appends the whole right list while the left has fewer than ten entries."""
    numbers = {f: getattr(left, f) + getattr(right, f) for f in (*_FIELD.values(), "desired_ready")}
    named = left.non_ready_resources
    if len(named) < NAMED_RESOURCES:
        named = named + right.non_ready_resources
    return BundleSummary(**numbers, non_ready_resources=named)


def worst(states: Iterable[State]) -> State | None:
    """The highest-ranked state, None when there is none or all are Ready."""
    found = max(states, default=State.Ready)
    return None if found is State.Ready else found


def display_state(summary: BundleSummary) -> str:
    """The worst state among the summary's named resources, empty when there is none."""
    found = worst(State[r.bundle_state] for r in summary.non_ready_resources if r.bundle_state in State.__members__)
    return found.name if found else ""


def ready_message(summary: BundleSummary, kind_word: str) -> str:
    """The message of a Ready condition; empty means Ready. `kind_word` is `Bundle` or `Cluster`."""
    pieces: list[str] = []
    counts = counts_of(summary)
    for state in _MESSAGE_ORDER:
        if not counts.get(state):
            continue
        for resource in summary.non_ready_resources:
            if resource.bundle_state == state.name:
                pieces.append(_sentence(state, counts[state], kind_word, resource))
                pieces += [modified_text(m) for m in resource.modified_status[:4]]
                pieces += [non_ready_text(n) for n in resource.non_ready_status[:4]]
                break
    return "; ".join(sorted(pieces))


def _sentence(state: State, count: int, kind_word: str, resource: NonReadyResource) -> str:
    message = f": {resource.message}" if resource.message else ""
    return f"{state.name}({count}) [{kind_word} {resource.name}{message}]"


def _resource_text(kind: str, api_version: str, namespace: str, name: str) -> str:
    group = api_version.split("/", maxsplit=1)[0]
    place = f"{namespace}/{name}" if namespace else name
    return f"{kind.lower()}{'.' + group if group else ''} {place}"


def modified_text(status: ModifiedStatus) -> str:
    """One modified object as Fleet words it, but with what changed and who did it in place of the patch, where that is known."""
    if status.missing:
        taken = f": {_told(status)}" if status.changes else ""
        suffix = f"is not owned by us{taken}" if status.exist else "missing"
    elif status.delete:
        suffix = "extra"
    else:
        suffix = f"modified: {_told(status)}" if status.changes else f"modified {status.patch}".rstrip()
    return f"{_resource_text(status.kind, status.api_version, status.namespace, status.name)} {suffix}{_stopped(status)}"


def changes_text(status: ModifiedStatus) -> str:
    """What changed in an object, and that it is not corrected any more, without the object. Empty when nothing of it is known."""
    return f"{_told(status)}{_stopped(status)}".strip()


def _told(status: ModifiedStatus) -> str:
    """The changes in a sentence without times: it must not change when nothing did."""
    told = [change_text(change) for change in status.changes[:TOLD_CHANGES]]
    more = len(status.changes) - len(told) + status.more_changes
    return " and ".join((*told, *((f"{more} more",) if more else ())))


def _stopped(status: ModifiedStatus) -> str:
    return f" (correction stopped after {status.repairs} repairs)" if status.repairs else ""


def modified_lines(status: ModifiedStatus) -> Iterator[str]:
    """One modified object with every change that is known and its time, a line each."""
    if not status.changes:
        yield modified_text(status)
        return
    word = "is not owned by us" if status.exist else "modified"
    yield f"{_resource_text(status.kind, status.api_version, status.namespace, status.name)} {word}:"
    for change in status.changes:
        yield f"  {change_text(change)}{f' at {change.time}' if change.time else ''}"
    if status.more_changes:
        yield f"  and {status.more_changes} more"
    if status.repairs:
        yield f"  correction stopped after {status.repairs} repairs: {STOPPED_HINT}"


def change_text(change: FieldChange) -> str:
    found = f"is {change.found}" if change.found else "is gone"
    wanted = f"deployed {change.wanted}" if change.wanted else "not deployed"
    by = f", changed by {change.manager}" if change.manager else ""
    return f"{_field(change.path)} {found}, {wanted}{by}"


def _field(pointer: str) -> str:
    """A JSON pointer as Kubernetes words the path of a field."""
    steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
    return "".join(f"[{step}]" if step.isdigit() or _ODD_STEP.search(step) else f".{step}" for step in steps).lstrip(".")


def non_ready_text(status: NonReadyStatus) -> str:
    """One object that is not ready as Fleet words it."""
    summary = status.summary
    marks = ",".join(mark for mark, on in (("progressing", summary.transitioning), ("error", summary.error)) if on)
    state = f"[{marks}]" if marks else summary.state
    told = f" {', '.join(summary.message)}" if summary.message and marks else ""
    return f"{_resource_text(status.kind, status.api_version, status.namespace, status.name)} {state}{told}"


def ready_condition(summary: BundleSummary, kind_word: str, now: str, before: Iterable[Condition] = ()) -> Condition:
    message = ready_message(summary, kind_word)
    status = "False" if message else "True"
    return condition("Ready", status, now, before, message=message)


def condition(type_: str, status: str, now: str, before: Iterable[Condition], *, message: str = "", reason: str = "") -> Condition:
    """A condition whose times move only when it changed; `before` are the object's conditions so far."""
    old = next((c for c in before if c.type == type_), None)
    new = Condition(type=type_, status=status, reason=reason, message=message, last_update_time=now, last_transition_time=now)
    if old is None:
        return new
    if (old.status, old.reason, old.message) == (status, reason, message):
        return old
    moved = now if old.status != status else old.last_transition_time
    return msgspec.structs.replace(new, last_transition_time=moved)


def without_condition(before: tuple[Condition, ...], type_: str) -> tuple[Condition, ...]:
    return tuple(c for c in before if c.type != type_)


def with_conditions(before: tuple[Condition, ...], *new: Condition) -> tuple[Condition, ...]:
    """The conditions with `new` ones in place of those of the same type."""
    types = {c.type: c for c in new}
    kept = tuple(types.pop(c.type, c) for c in before)
    return kept + tuple(types.values())
