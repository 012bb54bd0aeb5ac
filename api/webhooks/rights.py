"""Who reads and replays which rows of the log: as with the GitRepos of their workspace; without one, who administers all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.access import EVERYWHERE, Caller
from extension.objects.errors import NotFound
from extension.objects.kinds import FleetWorkspace, GitRepo
from extension.store.deliveries import Delivery, Wanted
from extension.store.protocol import Store

_LONGEST_NUMBER = 18


def wanted(caller: Caller, args: Mapping[str, Any]) -> Wanted:
    """The rows a list request asks for, as far as the caller may read them."""
    place, before = args.get("workspace"), int(args.get("continue") or 0)
    permitted = caller.workspaces(GitRepo, "list") if place is None else (place,) if caller.may(GitRepo, "list", place) else ()
    unmatched = place is None and _rules(caller)
    return Wanted(permitted, unmatched, args.get("gitrepo", ""), before)


def readable(store: Store, caller: Caller, name: str) -> Delivery:
    """The row of an id. Raises NotFound, in the same words, when it is not there and when the caller may not see it."""
    known = name.isascii() and name.isdigit() and len(name) <= _LONGEST_NUMBER
    try:
        row = store.deliveries.get(int(name)) if known else None
    except NotFound:
        row = None
    if row is None or not _sees(caller, row):
        raise NotFound(f"webhook delivery {name[:80]} not found")
    return row


def may_replay(caller: Caller, row: Delivery) -> bool:
    return caller.may(GitRepo, "update", row.workspace) if row.workspace else _rules(caller)


def _sees(caller: Caller, row: Delivery) -> bool:
    return caller.may(GitRepo, "get", row.workspace) if row.workspace else _rules(caller)


def _rules(caller: Caller) -> bool:
    """Whether the caller administers all workspaces."""
    return caller.may(FleetWorkspace, "delete", EVERYWHERE)
