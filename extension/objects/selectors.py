"""Label selectors, as Kubernetes means them (`fleet-semantics.md` 3.3 "Matcher criteria").

`NotIn` and `!=` match an object without the key; an empty selector matches everything,
an absent one nothing (the caller decides what absent means).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from extension.objects.base import Struct, written
from extension.objects.errors import Invalid

OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")

_NAME = "[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_KEY = re.compile(rf"((?=.{{1,253}}/)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?{_NAME}")
_VALUE = re.compile(f"({_NAME})?")


class Requirement(Struct, frozen=True):
    key: str = written()
    operator: str = written()
    values: tuple[str, ...] = ()


class LabelSelector(Struct, frozen=True):
    match_labels: dict[str, str] = {}
    match_expressions: tuple[Requirement, ...] = ()


def requirements(selector: LabelSelector) -> tuple[Requirement, ...]:
    """The selector as one list of requirements, all of which must hold, checked. Raises Invalid."""
    equal = tuple(Requirement(key=k, operator="In", values=(v,)) for k, v in sorted(selector.match_labels.items()))
    for req in equal:
        _check_label(req, f"matchLabels.{req.key}", f"matchLabels.{req.key}")
    for req in selector.match_expressions:
        _check_operator(req)
        _check_label(req, "matchExpressions.key", "matchExpressions.values")
    return (*equal, *selector.match_expressions)


def _check_operator(req: Requirement) -> None:
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


def _check_label(req: Requirement, key: str, values: str) -> None:
    """`key` and `values` are the fields that an error names."""
    if not _KEY.fullmatch(req.key):
        raise Invalid(f"{req.key!r} is no label key", field=key, hint="write a name, or a domain, / and a name")
    wrong = next((value for value in req.values if not _VALUE.fullmatch(value)), None)
    if wrong is not None:
        hint = "use at most 63 letters, digits, '-', '_' and '.', a letter or digit first and last"
        raise Invalid(f"{wrong!r} is no value of the label {req.key}", field=values, hint=hint)


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


def described(selector: LabelSelector) -> str:
    """A selector in kubectl's words; `anything` for an empty one."""
    words = {"In": "{key} in ({values})", "NotIn": "{key} notin ({values})", "Exists": "{key}", "DoesNotExist": "!{key}"}
    parts = [
        f"{req.key}={req.values[0]}"
        if req.operator == "In" and len(req.values) == 1
        else words[req.operator].format(key=req.key, values=",".join(req.values))
        for req in requirements(selector)
    ]
    return ",".join(parts) or "anything"
