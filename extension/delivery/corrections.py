"""When drift is not corrected any more: somebody undoes every repair, and to go on would never end (rancher/fleet#2521). Pure.

A repair is the same as the one before when it brings back a field of the same object that the one before brought back, within an hour.
After so many of them the object is left as it is, and whoever reads its status learns who changes it. What was counted is in the status
of the deployment, so that neither an agent nor the service forgets it with a restart; another deployment ID, which a forced update gives
too, starts anew, and so does correction that is turned off and on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from extension.objects.kinds import BundleDeploymentStatus
from extension.objects.options import BundleDeploymentOptions
from extension.objects.status import Correction, ModifiedStatus

MOST = 5
"""So often the same is repaired."""
WITHIN = timedelta(hours=1)
KEPT = 100
"""So many objects of a deployment are kept account of, those that were repaired last."""
_WHOLE = ("",)
"""The pointer to a whole object: one that is missing, or too many."""

Place = tuple[str, str, str, str]


def known(status: BundleDeploymentStatus, deployment_id: str, options: BundleDeploymentOptions) -> tuple[Correction, ...]:
    """The repairs that were made of this deployment."""
    corrects = bool(options.correct_drift and options.correct_drift.enabled) or bool(options.overwrites)
    return status.corrections if corrects and status.applied_deployment_id == deployment_id else ()


def judged(modified: Iterable[ModifiedStatus], corrections: Iterable[Correction]) -> tuple[ModifiedStatus, ...]:
    """What differs; where that is not corrected any more with the number of the repairs."""
    by_place = {_place(one): one for one in corrections}
    found = ((one, by_place.get(_place(one))) for one in modified)
    return tuple(
        msgspec.structs.replace(one, repairs=before.repairs) if before and before.repairs >= MOST and _same(one, before) else one
        for one, before in found
    )


def counted(corrections: Iterable[Correction], repaired: Iterable[ModifiedStatus], now: str) -> tuple[Correction, ...]:
    """The repairs with those that were just made."""
    by_place = {_place(one): one for one in corrections}
    for one in repaired:
        before = by_place.get(_place(one))
        again = _same(one, before) if before and (before.repairs >= MOST or not _is_over(before, now)) else ()
        number = before.repairs + 1 if before and again else 1
        by_place[_place(one)] = Correction(*_place(one), fields=again or _fields(one), repairs=number, time=now)
    return tuple(sorted(by_place.values(), key=lambda one: one.time)[-KEPT:])


def remembered(corrections: Iterable[Correction], modified: Sequence[ModifiedStatus], now: str) -> tuple[Correction, ...]:
    """The repairs that can still be followed by the same ones: an object that stayed as it should for an hour is nobody's bone."""
    differing = {_place(one) for one in modified}
    return tuple(one for one in corrections if _place(one) in differing or not _is_over(one, now))


def _place(one: ModifiedStatus | Correction) -> Place:
    return one.kind, one.api_version, one.namespace, one.name


def _fields(one: ModifiedStatus) -> tuple[str, ...]:
    fields = () if one.missing or one.delete else tuple(change.path for change in one.changes)
    return fields or _WHOLE


def _same(one: ModifiedStatus, before: Correction) -> tuple[str, ...]:
    """The fields that differ and were repaired before."""
    return tuple(field for field in _fields(one) if field in before.fields)


def _is_over(one: Correction, now: str) -> bool:
    return datetime.fromisoformat(now) - datetime.fromisoformat(one.time) > WITHIN
