"""What an agent says of a deployment, made from what it saw (`fleet-semantics.md` 4.1, 4.6). Pure.

Lists are capped at ten and sorted, so that a status is as small for a thousand broken objects as for ten, and does not
change when nothing did. The text of a message never holds what stands in a Secret.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from extension.delivery.changes import first_seen
from extension.delivery.corrections import judged, remembered
from extension.objects.base import Condition
from extension.objects.errors import UserError
from extension.objects.kinds import BundleDeploymentStatus
from extension.objects.options import BundleDeploymentOptions
from extension.objects.states import STOPPED_HINT, condition, modified_text, non_ready_text, with_conditions
from extension.objects.status import Correction, ModifiedStatus, NonReadyStatus, ResourceCounts, ResourceKey

LISTED = 10
NOT_REMOVED = "not removed: "
"""What the message of a deployment that is to go begins with where it can not."""

_RECORDED = re.compile(
    "|".join(
        (
            r"timed out waiting for the condition",
            r"error validating data",
            r"chart requires kubeVersion",
            r"annotation validation error",
            r"failed, and has been rolled back due to (atomic|rollback-on-failure) being set",
            r"YAML parse error",
            r"yaml: ",
            r"unknown field",
            r"Forbidden: updates to [0-9A-Za-z]+ spec for fields other than [0-9A-Za-z ']+ are forbidden",
            r"field is immutable",
        )
    )
)
"""Errors that trying again doesn't mend: they are written down and wait for a new deployment ID."""


class Observation(msgspec.Struct, frozen=True):
    """What is on the cluster: the release's objects, those that differ from it, and those that are not ready."""

    release: str
    resources: tuple[ResourceKey, ...] = ()
    modified: tuple[ModifiedStatus, ...] = ()
    non_ready: tuple[NonReadyStatus, ...] = ()


def is_to_correct(options: BundleDeploymentOptions, modified: Sequence[ModifiedStatus]) -> bool:
    """Whether drift is to be undone: all of it with `correctDrift`, and what is gone because another bundle of the same GitRepo,
    which had it before, took it along when it went (`overwrites`, 4.1); but for what is undone again and again. What another one has by now
    is its own."""
    mendable = [one for one in modified if not one.repairs]
    if options.correct_drift is not None and options.correct_drift.enabled:
        return bool(mendable)
    overwritten = {(one.kind, one.name) for one in options.overwrites}
    return any(one.missing and not one.exist and (one.kind, one.name) in overwritten for one in mendable)


def observed(  # noqa: PLR0917 (all that a status is made of)
    before: BundleDeploymentStatus,
    deployment_id: str,
    seen: Observation,
    now: str,
    wrong: str = "",
    corrections: tuple[Correction, ...] = (),
) -> BundleDeploymentStatus:
    """The status of a deployment that is applied; `wrong` is why its drift could not be corrected, `corrections` what was."""
    differing = [first_seen(one, before.modified_status) for one in seen.modified]
    modified = sorted(judged(differing, corrections), key=lambda m: (m.api_version, m.kind, m.namespace, m.name))
    non_ready = sorted(seen.non_ready, key=lambda n: n.uid)
    return msgspec.structs.replace(
        before,
        applied_deployment_id=deployment_id,
        release=seen.release,
        ready=not non_ready,
        non_modified=not modified,
        modified_status=tuple(modified[:LISTED]),
        non_ready_status=tuple(non_ready[:LISTED]),
        incomplete_state=len(modified) > LISTED or len(non_ready) > LISTED,
        resources=seen.resources,
        resource_counts=_counts(seen.resources, modified, non_ready),
        conditions=_conditions(before.conditions, modified, non_ready, now, wrong),
        corrections=remembered(corrections, modified, now),
    )


def _counts(resources: Sequence[ResourceKey], modified: Sequence[ModifiedStatus], non_ready: Sequence[NonReadyStatus]) -> ResourceCounts:
    """Each object counts once: as missing, orphaned or modified, else as not ready, else as ready."""
    total = {(r.kind, r.api_version, r.namespace, r.name) for r in resources}
    differing = {(m.kind, m.api_version, m.namespace, m.name): m for m in modified}
    desired = len(total | {key for key, m in differing.items() if m.missing})
    late = {(n.kind, n.api_version, n.namespace, n.name) for n in non_ready} - differing.keys()
    return ResourceCounts(
        ready=len(total - differing.keys() - late),
        desired_ready=desired,
        missing=sum(m.missing for m in differing.values()),
        orphaned=sum(m.delete for m in differing.values()),
        modified=sum(not m.missing and not m.delete for m in differing.values()),
        not_ready=len(late),
    )


def _conditions(
    before: tuple[Condition, ...], modified: Sequence[ModifiedStatus], non_ready: Sequence[NonReadyStatus], now: str, wrong: str
) -> tuple[Condition, ...]:
    message = wrong or (non_ready_text(non_ready[0]) if non_ready else _modified(modified[0]) if modified else "")
    good = [condition(type_, "True", now, before) for type_ in ("Deployed", "Installed", "Monitored")]
    ready = condition("Ready", "False" if message else "True", now, before, message=message)
    return with_conditions(before, *good, ready)


def _modified(first: ModifiedStatus) -> str:
    return f"{modified_text(first)}: {STOPPED_HINT}" if first.repairs else modified_text(first)


def failed(before: BundleDeploymentStatus, deployment_id: str, error: UserError, now: str) -> BundleDeploymentStatus:
    """The status after an error of the deployment itself: written down and left (4.1), or `Deployed` False and to be tried again."""
    text = str(error)
    if _RECORDED.search(text):
        told = [condition(type_, "False", now, before.conditions, message=text, reason="Error") for type_ in ("Installed", "Ready")]
        conditions = with_conditions(before.conditions, condition("Deployed", "True", now, before.conditions), *told)
        return msgspec.structs.replace(
            before, applied_deployment_id=deployment_id, release="", ready=False, conditions=conditions, corrections=()
        )
    told = [condition("Deployed", "False", now, before.conditions, message=text, reason="Error")]
    return msgspec.structs.replace(before, conditions=with_conditions(before.conditions, *told))


def lacking(before: BundleDeploymentStatus, deployment_id: str, error: UserError, now: str) -> BundleDeploymentStatus:
    """The status of a deployment that lacks something it is made of: what is deployed stays, but nobody is to think that all is well."""
    told = condition("Ready", "False", now, before.conditions, message=str(error), reason="Error")
    status = failed(before, deployment_id, error, now)
    return msgspec.structs.replace(status, ready=False, conditions=with_conditions(status.conditions, told))


def remaining(before: BundleDeploymentStatus, error: UserError, now: str) -> BundleDeploymentStatus:
    """The status of a deployment that is to go, and does not."""
    told = condition("Deployed", "False", now, before.conditions, message=f"{NOT_REMOVED}{error}", reason="Error")
    return msgspec.structs.replace(before, conditions=with_conditions(before.conditions, told))


def waiting(before: BundleDeploymentStatus, message: str, now: str) -> BundleDeploymentStatus:
    """The status of a deployment that a dependency holds back, which is no error."""
    told = condition("Deployed", "Unknown", now, before.conditions, message=message, reason="Waiting")
    return msgspec.structs.replace(before, conditions=with_conditions(before.conditions, told))


def is_failed(status: BundleDeploymentStatus) -> bool:
    """Whether the deployment is to be tried again."""
    return any(c.type == "Deployed" and c.status == "False" for c in status.conditions)


def is_recorded(status: BundleDeploymentStatus, deployment_id: str) -> bool:
    """Whether this deployment ID failed with an error that was written down and waits for another one."""
    installed = any(c.type == "Installed" and c.status == "False" for c in status.conditions)
    return installed and status.applied_deployment_id == deployment_id
