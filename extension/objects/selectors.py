"""Label selectors, as Kubernetes means them (`fleet-semantics.md` 3.3 "Matcher criteria").

`NotIn` and `!=` match an object without the key; an empty selector matches everything,
an absent one nothing (the caller decides what absent means).
"""

from __future__ import annotations

from collections.abc import Mapping

from extension.objects.base import Struct
from extension.objects.errors import Invalid

OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")


class Requirement(Struct, frozen=True):
    key: str = ""
    operator: str = ""
    values: tuple[str, ...] = ()


class LabelSelector(Struct, frozen=True):
    match_labels: dict[str, str] = {}
    match_expressions: tuple[Requirement, ...] = ()


def requirements(selector: LabelSelector) -> tuple[Requirement, ...]:
    """The selector as one list of requirements, all of which must hold, checked. Raises Invalid."""
    equal = (Requirement(key=k, operator="In", values=(v,)) for k, v in sorted(selector.match_labels.items()))
    found = (*equal, *selector.match_expressions)
    for req in found:
        _check(req)
    return found


def _check(req: Requirement) -> None:
    if req.operator not in OPERATORS:
        raise Invalid(
            f'"{req.operator}" is not a valid label selector operator',
            field="matchExpressions.operator",
            hint=f"use one of {', '.join(OPERATORS)}",
        )
    if req.operator in ("In", "NotIn") and not req.values:
        raise Invalid(f"operator {req.operator} on key {req.key!r} needs at least one value", field="matchExpressions.values")
    if req.operator in ("Exists", "DoesNotExist") and req.values:
        raise Invalid(f"operator {req.operator} on key {req.key!r} takes no values", field="matchExpressions.values")


def holds(req: Requirement, labels: Mapping[str, str]) -> bool:
    """Whether one requirement holds for these labels."""
    match req.operator:
        case "In":
            return labels.get(req.key) in req.values
        case "NotIn":
            return labels.get(req.key) not in req.values
        case "Exists":
            return req.key in labels
        case _:
            return req.key not in labels


def matches(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    """Whether all of the selector's requirements hold for these labels. Raises Invalid for a bad operator."""
    return all(holds(req, labels) for req in requirements(selector))
