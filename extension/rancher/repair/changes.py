"""What is done to one object: small values that say what to write, what to wait for, and how to tell of it. All pure.

A change is decided on a snapshot and made later, by then on the object as it is: `patch` says what is to be written now, or
nothing when somebody else was there first, so that doing a thing twice is doing it once. A change never asks for a second
redeployment where one that was asked for has not ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from extension.objects.core import BACKUP
from extension.rancher.repair.world import Ref, Seen, moment

PENDING = "continuous-delivery.cattle.io/restart-pending"
"""Annotation of a ServiceAccount whose pods still have to restart: what an interrupted repair left to do."""
RESTARTED = "kubectl.kubernetes.io/restartedAt"

Patch = Mapping[str, Any]


class Change(Protocol):
    """`patch` is a merge patch, None where there is nothing to write. `waits` names what is still waited for, with nothing for
    nothing. Of a change that `removes`, the patch is not looked into: some means delete."""

    @property
    def removes(self) -> bool: ...
    @property
    def told(self) -> str: ...
    def patch(self, obj: Seen) -> Patch | None: ...
    def waits(self, obj: Seen | None) -> str: ...


@dataclass(frozen=True)
class Once:
    """A change that is made as soon as it is written."""

    removes = False

    def waits(self, obj: Seen | None) -> str:
        return ""


@dataclass(frozen=True)
class DropTokens(Once):
    """Takes token secrets that do not exist from a ServiceAccount; `stamp` marks that its pods have to restart, empty if none are."""

    names: tuple[str, ...]
    stamp: str

    @property
    def told(self) -> str:
        return f"take the missing token secrets off its list: {', '.join(self.names)}"

    def patch(self, obj: Seen) -> Patch | None:
        listed = obj.items("secrets")
        kept = [one for one in listed if one.get("name") not in self.names]
        if len(kept) == len(listed):
            return None
        marked = {"metadata": {"annotations": {PENDING: self.stamp}}} if self.stamp else {}
        return {"secrets": kept or None, **marked}


@dataclass(frozen=True)
class Restart:
    """Restarts the pods of a Deployment, as `kubectl rollout restart`; one after `stamp` will do."""

    stamp: str
    removes = False
    told = "restart its pods"

    def patch(self, obj: Seen) -> Patch | None:
        before = obj.text("spec", "template", "metadata", "annotations", RESTARTED)
        if before and moment(before) >= moment(self.stamp):
            return None
        return {"spec": {"template": {"metadata": {"annotations": {RESTARTED: self.stamp}}}}}

    def waits(self, obj: Seen | None) -> str:
        if obj is None:
            return ""
        wanted = obj.number("spec", "replicas")
        wanted = 1 if wanted is None else wanted
        if (obj.number("status", "observedGeneration") or 0) < (obj.number("metadata", "generation") or 0):
            return "Kubernetes to look at it"
        status = [obj.number("status", name) or 0 for name in ("updatedReplicas", "replicas", "availableReplicas")]
        return "" if status == [wanted] * 3 else f"{wanted} new pods; ready are {min(status[0], status[2])}"


@dataclass(frozen=True)
class Settle(Once):
    """Takes the mark of a restart away that came about."""

    stamp: str
    told = "forget the restart that was to be made"

    def patch(self, obj: Seen) -> Patch | None:
        return {"metadata": {"annotations": {PENDING: None}}} if obj.annotations.get(PENDING) == self.stamp else None


@dataclass(frozen=True)
class Redeploy:
    """Has Fleet install a cluster's agent again. `was` is the generation before, None where it was asked for already; `last_seen` is
    when the agent last told of itself: another time means that it is back."""

    was: int | None
    last_seen: str
    removes = False

    @property
    def told(self) -> str:
        return "wait for its agent, which is being installed again" if self.was is None else "have its agent installed again"

    def patch(self, obj: Seen) -> Patch | None:
        if self.was is None or (obj.number("spec", "redeployAgentGeneration") or 0) != self.was:
            return None
        return {"spec": {"redeployAgentGeneration": following(self.was)}}

    def waits(self, obj: Seen | None) -> str:
        if obj is None:
            return ""
        if redeploying(obj):
            return "Fleet to install the agent"
        return "the agent to tell of itself" if obj.text("status", "agent", "lastSeen") == self.last_seen else ""


@dataclass(frozen=True)
class Resync:
    """Has an agent's Bundle deployed again; `was` as of Redeploy."""

    was: int | None
    removes = False

    @property
    def told(self) -> str:
        return "wait for its deployment" if self.was is None else "have it deployed again"

    def patch(self, obj: Seen) -> Patch | None:
        if self.was is None or not is_modified(obj) or (obj.number("spec", "forceSyncGeneration") or 0) != self.was:
            return None
        return {"spec": {"forceSyncGeneration": following(self.was)}}

    def waits(self, obj: Seen | None) -> str:
        if obj is None:
            return ""
        if is_unobserved(obj):
            return "Fleet to look at it"
        return "the agent to deploy it" if is_modified(obj) else ""


@dataclass(frozen=True)
class KeepInBackups(Once):
    """Labels a Secret so that rancher-backup takes it along."""

    told = f"label it {BACKUP}=true"

    def patch(self, obj: Seen) -> Patch | None:
        return None if obj.labels.get(BACKUP) == "true" else {"metadata": {"labels": {BACKUP: "true"}}}


@dataclass(frozen=True)
class Remove(Once):
    """Deletes an object."""

    removes = True
    told = "delete it"

    def patch(self, obj: Seen) -> Patch | None:
        return None if obj.is_leaving else {}


@dataclass(frozen=True)
class Step:
    """A change of an object, after those of the objects in `after`, and only while there is no object `unless`."""

    phase: int
    at: Ref
    change: Change
    after: tuple[Ref, ...] = ()
    unless: Ref | None = None


def following(generation: int) -> int:
    """The generation that asks again, as Rancher's dashboard makes it."""
    return (generation or 1) + 1


def redeploying(cluster: Seen) -> bool:
    """Whether Fleet has an agent to install that it has not installed."""
    return cluster.number("status", "agentDeployedGeneration") != (cluster.number("spec", "redeployAgentGeneration") or 0)


def is_modified(bundle: Seen) -> bool:
    return bool(bundle.number("status", "summary", "modified")) or bundle.text("status", "display", "state") == "Modified"


def is_unobserved(bundle: Seen) -> bool:
    """Whether Fleet has not yet looked at the Bundle as it is."""
    return (bundle.number("status", "observedGeneration") or 0) < (bundle.number("metadata", "generation") or 0)
