"""What happened to an object, as Kubernetes tells it: events, made by comparing the object with what it was before. Pure.

Fields of a spec are named and their values are not: they may be secret. Counters and times move all the while and are no event.
Reasons that Fleet has are Fleet's (`fleet-semantics.md` 3.1, 3.7).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Literal

import msgspec

from extension.objects.base import Condition, Key, Object, Struct
from extension.objects.imagescan import IMAGE_SYNCED
from extension.objects.kinds import Bundle, BundleDeployment, Cluster, ClusterGroup, GitRepo, HelmOp
from extension.objects.states import State, worst

COMMIT = "fleet.cattle.io/commit"
"""Label of a Bundle: the commit it was made from."""
LONGEST = 1024
"""Of a message, as in Kubernetes."""
CUT = "..."

CREATED, MOVED = BEGINNINGS = ("Created", "Moved")
"""The reasons of what an object begins with; one that moved began as another."""
RECORDED: tuple[type[Object], ...] = (GitRepo, HelmOp, Bundle, Cluster, ClusterGroup)
"""The kinds whose events are kept."""

Type = Literal["Normal", "Warning"]


class Happening(Struct, frozen=True):
    """Something that happened, without its time and its object."""

    type: Type
    reason: str
    message: str = ""


class Involved(Struct, frozen=True):
    """The object that an event is about."""

    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""


class Event(Struct, frozen=True):
    """`id` tells it from others of the same list, `count` is how often it happened in a row. Times are RFC 3339."""

    id: str
    type: Type
    reason: str
    message: str = ""
    involved_object: Involved = Involved()
    count: int = 1
    first_timestamp: str = ""
    last_timestamp: str = ""


def involved(obj: Object) -> Involved:
    return Involved(obj.KIND, obj.metadata.namespace, obj.metadata.name, obj.metadata.uid)


def normal(reason: str, message: str = "") -> Happening:
    return Happening("Normal", reason, _cut(message))


def warning(reason: str, message: str) -> Happening:
    return Happening("Warning", reason, _cut(message))


def _cut(message: str) -> str:
    return message if len(message) <= LONGEST else message[: LONGEST - len(CUT)] + CUT


def happened(before: Object | None, after: Object) -> tuple[Happening, ...]:
    """What is to be told of a write that made `after` of `before`, or made it at all."""
    if type(after) not in RECORDED:
        return ()
    if before is None:
        return (normal(CREATED),)
    found = [told for rule in _RULES if isinstance(after, rule.kinds) for told in rule.told(before, after)]
    return (*found, *troubles(before, after))


def moved(workspace: str) -> Happening:
    """Of a cluster that came from another workspace."""
    return normal(MOVED, f"from workspace {workspace}")


class _Rule(msgspec.Struct, frozen=True):
    """Which kinds it is for, what of them is looked at, and what is told where that differs."""

    kinds: tuple[type[Object], ...]
    of: Callable[[Any], Any]
    tell: Callable[[Any, Any], Happening | None]

    def told(self, before: Object, after: Object) -> Iterator[Happening]:
        old, new = self.of(before), self.of(after)
        told = None if old is new or old == new else self.tell(old, new)
        if told is not None:
            yield told


def _switched(on: Happening, off: Happening) -> Callable[[bool, bool], Happening]:
    return lambda _old, new: on if new else off


def _once(told: Happening) -> Callable[[Any, Any], Happening | None]:
    return lambda _old, new: told if new else None


def _named(reason: str) -> Callable[[str, str], Happening | None]:
    """The new value is the message."""
    return lambda _old, new: normal(reason, new) if new else None


def _changed(old: Any, new: Any) -> Happening | None:
    fields = list(_fields(old, new))
    return normal("Changed", ", ".join(fields)) if fields else None


def _fields(old: Any, new: Any) -> Iterator[str]:
    """The fields that differ, by their paths; of values that are no structs, such as Helm's, only the field that holds them."""
    for field in msgspec.structs.fields(type(new)):
        was, is_ = getattr(old, field.name), getattr(new, field.name)
        if field.name in _APART or was == is_:
            continue
        if isinstance(is_, Struct) and type(was) is type(is_):
            yield from (f"{field.encode_name}.{inner}" for inner in _fields(was, is_))
        else:
            yield field.encode_name


_APART = frozenset({"paused", "force_sync_generation", "redeploy_agent_generation", "resources"})
"""Fields of a spec that have a rule of their own."""


def _refilled(old: tuple[str, str], new: tuple[str, str]) -> Happening | None:
    """Of the hash of a Bundle's resources and its commit: a commit that leaves them as they are is none of its changes."""
    if old[0] == new[0]:
        return None
    return normal("Changed", f"resources, by commit {new[1]}" if new[1] else "resources")


def _relabelled(old: Mapping[str, str], new: Mapping[str, str]) -> Happening:
    put = [f"{key}={value}" for key, value in sorted(new.items()) if old.get(key) != value]
    return normal("LabelsChanged", ", ".join([*put, *(f"without {key}" for key in sorted(old.keys() - new.keys()))]))


_RULES: tuple[_Rule, ...] = (
    _Rule(RECORDED, lambda obj: bool(obj.metadata.deletion_timestamp), _once(normal("Deleting"))),
    _Rule((GitRepo,), lambda repo: repo.status.polling_commit, _named("GotNewCommit")),
    _Rule((HelmOp,), lambda op: op.status.version, _named("GotNewChartVersion")),
    _Rule((GitRepo, HelmOp, Bundle, Cluster), lambda obj: obj.spec.paused, _switched(normal("Paused"), normal("Unpaused"))),
    _Rule((GitRepo, HelmOp, Bundle), lambda obj: obj.spec.force_sync_generation, _once(normal("ForceUpdated"))),
    _Rule((Cluster,), lambda cluster: cluster.spec.redeploy_agent_generation, _once(normal("ForceUpdated", "the agent"))),
    _Rule(RECORDED, lambda obj: obj.spec, _changed),
    _Rule((Bundle,), lambda bundle: (bundle.status.resources_sha256_sum, bundle.metadata.labels.get(COMMIT, "")), _refilled),
    _Rule((Cluster,), lambda cluster: cluster.metadata.labels, _relabelled),
)

_TROUBLES: Mapping[type[Object], tuple[tuple[str, str, str], ...]] = {
    GitRepo: (
        ("GitPolling", "False", "FailedToCheckCommit"),
        ("Accepted", "False", "Stalled"),
        ("Warning", "True", "Warning"),
        (IMAGE_SYNCED, "False", "FailedToSyncImages"),
    ),
    HelmOp: (("Polled", "False", "FailedToGetNewChartVersion"), ("Accepted", "False", "Stalled"), ("Warning", "True", "Warning")),
    Bundle: (("Ready", "False", ""), ("Targeted", "False", "")),
    Cluster: (("Imported", "False", "FailedToImport"),),
    ClusterGroup: (),
}
"""By kind, the conditions that reconcilers set: type, the status that is bad, and the reason of the event; none is the condition's
own. `Stalled` says the same as what made it so, and is taken back before a try that may fail as well."""


def troubles(before: Object, after: Object, whose: str = "") -> tuple[Happening, ...]:
    """An error that came, or another one; and the end of the last. Messages begin with `whose`."""
    old, new = conditions_of(before), conditions_of(after)
    if old is new or old == new:
        return ()
    wrong = [(reason, _said(old, type_, bad), _said(new, type_, bad)) for type_, bad, reason in _TROUBLES[type(after)]]
    if any(is_ for _, _, is_ in wrong):
        came = ((reason, is_) for reason, was, is_ in wrong if is_ and (was is None or was.message != is_.message))
        return tuple(dict.fromkeys(warning(reason or is_.reason, whose + is_.message) for reason, is_ in came))
    over = [was.type for _, was, _ in wrong if was]
    return (normal("Resolved", whose + ", ".join(over)),) if over else ()


def conditions_of(obj: Object) -> tuple[Condition, ...]:
    found: tuple[Condition, ...] = getattr(getattr(obj, "status", None), "conditions", ())
    return found


def _said(conditions: Iterable[Condition], type_: str, bad: str) -> Condition | None:
    """The condition where it is bad. A Ready without a reason is computed from counters (`turn`)."""
    return next((c for c in conditions if (c.type, c.status) == (type_, bad) and (c.type != "Ready" or c.reason)), None)


_WRONG = (State.ErrApplied, State.Modified)


def readiness(states: Collection[State]) -> State | None:
    """What the states of all deployments together come to: Ready, a state in which something is wrong, NotReady for what is still to come;
    None where there are none."""
    if not states:
        return None
    return State.Ready if worst(states) is None else next((state for state in _WRONG if state in states), State.NotReady)


def turn(before: State | None, after: State | None, message: Callable[[], str]) -> Happening | None:
    """What is told where readiness changed; `message` says what is not ready."""
    if after is None or after is before:
        return None
    if after in _WRONG:
        return warning(after.name, message())
    if after is State.Ready:
        return normal(after.name)
    return normal(after.name, message()) if before is State.Ready else None


_OF_DEPLOYMENT: Mapping[tuple[str, str], tuple[Type, str]] = {
    ("Deployed", "True"): ("Normal", "Deployed"),
    ("Deployed", "False"): ("Warning", "ErrApplied"),
    ("Deployed", "Unknown"): ("Normal", "Waiting"),
    ("Monitored", "False"): ("Warning", "Modified"),
    ("Ready", "True"): ("Normal", "Ready"),
    ("Ready", "False"): ("Warning", "NotReady"),
}


def of_deployment(deployment: BundleDeployment, bundle: Key) -> Iterator[Event]:
    """What the conditions of a deployment say happened, what comes last first: nothing is kept of each of a million."""
    about = involved(deployment)
    for condition in reversed(deployment.status.conditions):
        time = condition.last_transition_time or condition.last_update_time
        found = _OF_DEPLOYMENT.get((condition.type, condition.status))
        if found is not None and time:
            message = _cut(f"{bundle}: {condition.message}" if condition.message else str(bundle))
            id_ = f"{about.namespace}.{about.name}.{condition.type}"
            yield Event(id_, *found, message, about, first_timestamp=time, last_timestamp=time)
