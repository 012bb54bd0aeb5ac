"""Sorting by a column as the table shows it, where that is made when an object is read: a status counted from deployments.

Clusters and deployments are sorted by the store, whatever their number. Of all other kinds there are few enough to read all that a list
asks for and sort those; where there are not, that is said.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec
import orjson

from api.errors import InvalidOption
from api.nouns import Noun
from api.selectors import STATE_FIELDS
from api.states import state
from extension.objects.base import Object, document
from extension.objects.errors import Invalid
from extension.objects.kinds import Bundle, BundleDeployment, Cluster, ClusterGroup, GitRepo, GitRepoRestriction, HelmOp
from extension.objects.shown import COLUMNS, at_path
from extension.store.protocol import Page, Query

FEW = (GitRepo, HelmOp, ClusterGroup, Bundle, GitRepoRestriction)
MOST = 2000
"""So many objects are sorted by what is made of them."""
_CELL = re.compile(r"(-?)metadata\.fields(?:\[(\d{1,2})\]|\.(\d{1,2}))")
_BY_NAME = ("metadata.namespace", "metadata.name")
_STORED = ("metadata.", "spec.")
Fetch = Callable[[Query], Page]
_Place = tuple[str, str, str]


def sort_path(noun: Noun, part: str) -> str:
    """The path of a column that is named by its place among the cells of a row, as Rancher's dashboard does; any other as it is. The
    message of a state is in the order of the states where the store sorts. Raises InvalidOption for a column that is not there."""
    found = _CELL.fullmatch(part)
    if found is None:
        return part
    paths = ("metadata.name", *(path for _, path in COLUMNS.get(noun.cls.KIND, ())))
    number = int(found[2] or found[3])
    if number >= len(paths):
        raise InvalidOption(f"sort: {noun.plural} have no column {number}", field="sort")
    is_message = number == len(paths) - 1 and noun.cls in (Cluster, BundleDeployment)
    return found[1] + (STATE_FIELDS[0] if is_message else paths[number])


def is_made(noun: Noun, field: str) -> bool:
    """Whether a list of this noun is sorted by that field here, and not in the store."""
    stated = field in STATE_FIELDS and noun.cls is not Bundle
    made = (path for _, path in COLUMNS.get(noun.cls.KIND, ()) if not path.startswith(_STORED))
    return noun.cls in FEW and (stated or field in made)


def sorted_here(noun: Noun, fetch: Fetch, query: Query) -> Page:
    """The page of a list, by `fetch` where the store sorts it. Raises InvalidOption where there are too many to sort here."""
    field = query.sort[0]
    if not is_made(noun, field.removeprefix("-")):
        return fetch(query)
    turned, path = field.startswith("-"), field.removeprefix("-")
    all_ = whole(noun, fetch, query, "sort")
    order = sorted(((_value(one, path), one.metadata.namespace, one.metadata.name), one) for one in all_.items)
    order.sort(key=lambda one: one[0][0], reverse=turned)
    after = _place(query.after) if query.after else None
    left = [one for one in order if after is None or _is_beyond(one[0], after, turned=turned)]
    more = orjson.dumps(left[query.limit - 1][0]).decode() if len(left) > query.limit else ""
    return Page(tuple(one for _, one in left[: query.limit]), more, len(order), all_.revision)


def _place(token: str) -> _Place:
    try:
        place: _Place = msgspec.json.decode(token, type=_Place)
    except msgspec.MsgspecError:
        raise Invalid("continue: is not a place in this list", field="continue") from None
    return place


def _is_beyond(place: _Place, after: _Place, *, turned: bool) -> bool:
    if place[0] != after[0]:
        return (place[0] < after[0]) == turned
    return place[1:] > after[1:]


_VERBS = {"sort": "sort", "summary": "count"}


def whole(noun: Noun, fetch: Fetch, query: Query, parameter: str) -> Page:
    """All that the list asks for, as one page. Raises InvalidOption for too many."""
    page = fetch(msgspec.structs.replace(query, sort=_BY_NAME, limit=MOST, after=""))
    if page.count > MOST:
        hint = "name a workspace or a filter" + (", or sort by another column" if parameter == "sort" else "")
        problem = f"{parameter}: {page.count} {noun.plural} are too many to {_VERBS[parameter]} by what is counted"
        raise InvalidOption(problem, field=parameter, hint=hint)
    return page


def _value(obj: Object, path: str) -> str:
    found: Any = state(obj)["name"] if path in STATE_FIELDS else at_path(document(obj), path)
    return str(found)
