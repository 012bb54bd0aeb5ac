"""`summary=metadata.state.name` of a list: how many of all that it asks for are in which state, as Steve tells it (2.3).

What is counted in rows of its own is counted by the store, a state at a time; of the kinds whose state is a sum there are few enough
to look at each, and where there are not, that is said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec

from api.columns import FEW, Fetch, whole
from api.errors import InvalidOption
from api.listing import STATED
from api.nouns import Noun
from api.selectors import STATE_FIELDS, STATES, filters
from api.states import state
from extension.objects.kinds import BundleDeployment
from extension.objects.states import State
from extension.store.protocol import Query

FIELD = STATE_FIELDS[0]
_NAMES = sorted(set(STATES) - {State.Ready.name.lower()})
"""As `metadata.state` names them: what is ready is `active`."""


def summary(noun: Noun, fetch: Fetch, query: Query | None) -> list[dict[str, Any]]:
    """Steve's `summary` of a list. Raises InvalidOption for kinds that have no state."""
    return [{"property": FIELD, "counts": {name: {"total": count} for name, count in _counts(noun, fetch, query).items() if count}}]


def _counts(noun: Noun, fetch: Fetch, query: Query | None) -> Mapping[str, int]:
    if query is None:
        return {}
    if noun.cls in STATED:
        return {name: fetch(_in_state(noun, query, name)).count for name in _NAMES}
    if noun.cls not in FEW:
        raise InvalidOption(f"summary: {noun.plural} have no state to count", field="summary")
    return Counter(state(one)["name"] for one in whole(noun, fetch, query, "summary").items)


def _in_state(noun: Noun, query: Query, name: str) -> Query:
    wanted = filters([f"{FIELD}={name}"], "Ready" if noun.cls is BundleDeployment else "")
    return msgspec.structs.replace(query, filters=(*query.filters, *wanted), limit=1, after="")
