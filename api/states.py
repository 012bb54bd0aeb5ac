"""`metadata.state`: the one word Rancher's tables show for an object, and whether it is an error or on its way (2.4)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from extension.objects.base import Condition, Object

WELL = "Ready"
PASSING = frozenset({"gitupdating", "waitapplied", "pending", "outofsync", "waitcheckin", "notready", "removing"})
WRONG = frozenset({"errapplied", "modified"})
_BAD = (("Stalled", "True"), ("Accepted", "False"))
_NOT_READY = ("Ready", "False")
"""Says that a Schedule can't be used; of what is deployed it is a sum, and the display state says which."""


def state(obj: Object) -> dict[str, Any]:
    """`{name, error, transitioning, message}` from Fleet's display state and the conditions."""
    status, spec = getattr(obj, "status", None), getattr(obj, "spec", None)
    display = getattr(status, "display", None)
    conditions: tuple[Condition, ...] = getattr(status, "conditions", ())
    refused = _refused(conditions, _BAD if display else (*_BAD, _NOT_READY))
    if obj.metadata.deletion_timestamp:
        name = "removing"
    elif getattr(spec, "paused", False):
        name = "paused"
    else:
        name = _name(display.state if display else "", bool(refused))
    error = bool(refused) or name in WRONG
    told = (_message(conditions, type_) for type_ in ("Ready", "Targeted", "Warning"))
    message = refused or next(filter(None, told), "") or (display.message if display else "")
    return {"name": name, "error": error, "transitioning": name in PASSING and not error, "message": message}


def _name(shown: str, refused: bool) -> str:
    """The display state as Rancher writes it; what is well is `active`."""
    if shown in ("", WELL):
        return "error" if refused else "active"
    return shown.lower()


def _message(conditions: Iterable[Condition], type_: str) -> str:
    return next((c.message for c in conditions if c.type == type_), "")


def _refused(conditions: Iterable[Condition], bad: Iterable[tuple[str, str]]) -> str:
    """Why nothing newer is deployed, empty when nothing is wrong."""
    return next((c.message or c.reason or c.type for c in conditions if (c.type, c.status) in bad), "")
