"""The text forms of selections: Kubernetes' `labelSelector` and Steve's `filter`, as values the store understands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from api.errors import InvalidOption
from extension.objects.errors import Invalid
from extension.objects.selectors import LabelSelector, Requirement, requirements
from extension.objects.states import State
from extension.store.protocol import Filter

MAX_TERMS = 50

STATE = "status.display.state"
STATE_FIELDS = ("metadata.state.name", STATE)
STATES: Mapping[str, str] = {
    **{state.name.lower(): state.name for state in State},
    "active": State.Ready.name,
    "waitcheckin": "WaitCheckIn",
}

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_KEY = rf"(?:{_LABEL}/)?{_LABEL}"
LABEL_KEY = re.compile(_KEY)
LABEL_VALUE = re.compile(rf"(?:{_LABEL})?")
_REQUIREMENT = re.compile(
    rf"\s*(?:!\s*(?P<absent>{_KEY})"
    rf"|(?P<key>{_KEY})(?:\s+(?P<set>in|notin)\s*\((?P<values>[^()]*)\)|\s*(?P<op>==|=|!=)\s*(?P<value>[^\s,()!=]*))?)\s*(?:,|$)"
)
_PATH = r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*|\[[^\[\]]+\])*"
_QUOTED = r"'[^']*'|\"[^\"]*\""
_TERM = re.compile(
    rf"\s*(?:!\s*(?P<absent>{_PATH})"
    rf"|(?P<field>{_PATH})(?:\s+(?P<set>in|notin)\s*\((?P<values>[^()]*)\)|\s*(?P<op>==|!=|!~|=|~)\s*(?P<value>{_QUOTED}|[^,]*))?)\s*(?:,|$)"
)


def label_selector(text: str) -> LabelSelector:
    """`env=prod,tier!=gold,region in (eu, us),!legacy` as a selector. Raises InvalidOption at the place it can't be read, and for
    what is no label."""
    selector = LabelSelector(match_expressions=tuple(_requirement(m) for m in _terms(_REQUIREMENT, text, "labelSelector")))
    try:
        requirements(selector)
    except Invalid as error:
        raise InvalidOption(f"labelSelector: {error.message}", field="labelSelector", hint=error.hint or _FORMS["labelSelector"]) from None
    return selector


def _requirement(found: re.Match[str]) -> Requirement:
    if found["absent"]:
        return Requirement(key=found["absent"], operator="DoesNotExist")
    if found["set"]:
        return Requirement(key=found["key"], operator="In" if found["set"] == "in" else "NotIn", values=_values(found["values"]))
    if found["op"]:
        return Requirement(key=found["key"], operator="NotIn" if found["op"] == "!=" else "In", values=(found["value"],))
    return Requirement(key=found["key"], operator="Exists")


_OPERATORS: Mapping[str, Literal["=", "!=", "~", "!~"]] = {"=": "=", "==": "=", "!=": "!=", "~": "~", "!~": "!~"}


def filters(texts: list[str], well: str = "") -> tuple[tuple[Filter, ...], ...]:
    """Steve's `filter` parameters: the commas in one are alternatives, several must all hold. `well` is the display state of
    an object that is active: nothing, but `Ready` for a deployment."""
    return tuple(tuple(term for m in _terms(_TERM, text, "filter") for term in _stated(_filter(m), well)) for text in texts)


def _filter(found: re.Match[str]) -> Filter:
    if found["absent"]:
        return Filter(found["absent"], "!exists")
    field = _unquoted_key(found["field"])
    if found["set"]:
        return Filter(field, "in" if found["set"] == "in" else "notin", _values(found["values"]))
    if not found["op"]:
        return Filter(field, "exists")
    return Filter(field, _OPERATORS[found["op"]], (_unquoted(found["value"]),))


def _stated(term: Filter, well: str) -> tuple[Filter, ...]:
    """A term about the state in Fleet's words, such as `ErrApplied` for the `errapplied` of a table. What was never deployed
    has no state at all and is shown as active, so that is an alternative of its own."""
    if term.field not in STATE_FIELDS or term.operator in ("~", "!~", "exists", "!exists"):
        return (term,)
    unknown = [value for value in term.values if value.lower() not in STATES]
    if unknown:
        raise InvalidOption(f"filter: {unknown[0][:40]!r} is not a state", field="filter", hint=f"use one of {', '.join(sorted(STATES))}")
    named = [STATES[value.lower()] for value in term.values]
    stated = Filter(STATE, term.operator, tuple(well if name == State.Ready.name else name for name in named))
    active = term.operator in ("=", "in") and State.Ready.name in named
    return (stated, Filter(STATE, "!exists")) if active else (stated,)


_FORMS: Mapping[str, str] = {
    "labelSelector": "write for example env=prod,tier!=gold,region in (eu, us),!legacy",
    "filter": "write for example metadata.name~web,metadata.labels[env]=prod",
}


def _terms(pattern: re.Pattern[str], text: str, parameter: str) -> list[re.Match[str]]:
    found: list[re.Match[str]] = []
    at = 0
    while at < len(text):
        term = pattern.match(text, at)
        if term is None or term.end() == at:
            raise InvalidOption(f"{parameter}: can't be read at {text[at : at + 40]!r}", field=parameter, hint=_FORMS[parameter])
        found.append(term)
        at = term.end()
    if len(found) > MAX_TERMS:
        raise InvalidOption(f"{parameter}: has {len(found)} terms, more than {MAX_TERMS}", field=parameter)
    return found


def _values(text: str) -> tuple[str, ...]:
    return tuple(_unquoted(part.strip()) for part in text.split(","))


def _unquoted(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def _unquoted_key(path: str) -> str:
    return re.sub(r"\[(['\"])(.*?)\1\]", r"[\2]", path)
