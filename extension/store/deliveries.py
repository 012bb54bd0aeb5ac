"""The log of webhook deliveries: the newest of each workspace, so that nobody has to guess why a push did nothing.

A delivery has a row in every workspace that has GitRepos of its repository, with the results of these GitRepos only, so a
reader of one workspace learns nothing of another; one that fits no GitRepo has a row without a workspace. Verified and
refused ones are bounded apart: who can't sign pushes no signed one out of the log. Rows are outside the sequence and wake
nobody. They hold no payload, no signature and no URL with a login.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, delete, insert, select, true

from extension.objects.base import Struct, prepare
from extension.objects.errors import NotFound
from extension.store.database import Database
from extension.store.schema import webhook_deliveries as table

KEPT = 100
"""Rows a workspace keeps of verified deliveries, and as many of refused ones."""
UNMATCHED = ""
"""The workspace of a delivery that fits no GitRepo."""

Result = Literal["triggered", "unchanged", "skipped", "verified", "refused", "failed"]


class Outcome(Struct, frozen=True):
    """What a delivery did to a GitRepo of the row's workspace, and why not more."""

    gitrepo: str
    result: Result
    message: str = ""


class Delivery(Struct, frozen=True):
    """One delivery as one workspace saw it. `urls` are the ways the payload names the repository, `guid` the provider's own
    name of the delivery, `request` that of the HTTP request. `replay_of` and `replayed_by` are set for a replay."""

    id: int = 0
    workspace: str = UNMATCHED
    time: str = ""
    provider: str = ""
    event: str = ""
    idle: str = ""
    urls: tuple[str, ...] = ()
    ref: str = ""
    commit: str = ""
    verified: bool = False
    reason: str = ""
    guid: str = ""
    request: str = ""
    replay_of: int = 0
    replayed_by: str = ""
    gitrepos: tuple[Outcome, ...] = ()


class Wanted(msgspec.Struct, frozen=True):
    """Which rows: of these workspaces, or None for all; those without a workspace only if `unmatched`; of GitRepos of one name;
    older than the row `before`."""

    workspaces: tuple[str, ...] | None = None
    unmatched: bool = False
    gitrepo: str = ""
    before: int = 0


class Deliveries(Protocol):
    """The log, as the API uses it."""

    def add(self, found: Sequence[Delivery]) -> Sequence[Delivery]:
        """Stores them, in one transaction; they come back with their ids."""

    def get(self, delivery_id: int) -> Delivery:
        """Raises NotFound."""

    def list(self, wanted: Wanted, limit: int = KEPT) -> Sequence[Delivery]:
        """The newest first."""


class DeliveryLog:
    """`Deliveries` in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, found: Sequence[Delivery]) -> Sequence[Delivery]:
        if not found:
            return []
        with self._database.write() as connection:
            return [_added(connection, delivery) for delivery in found]

    def get(self, delivery_id: int) -> Delivery:
        with self._database.read() as connection:
            row = connection.execute(select(table).where(table.c.id == delivery_id)).one_or_none()
        if row is None:
            raise NotFound(f"webhook delivery {delivery_id} not found")
        return _delivery(row)

    def list(self, wanted: Wanted, limit: int = KEPT) -> Sequence[Delivery]:
        found = select(table).where(_where(wanted)).order_by(table.c.id.desc()).limit(limit)
        with self._database.read() as connection:
            return [_delivery(row) for row in connection.execute(found)]


def forget_deliveries(connection: Connection, workspace: str) -> None:
    """Drops the rows of a workspace that goes, so that a later one of its name does not read them."""
    connection.execute(delete(table).where(table.c.workspace == workspace))


def _where(wanted: Wanted) -> ColumnElement[bool]:
    found: ColumnElement[bool] = true() if wanted.workspaces is None else table.c.workspace.in_(wanted.workspaces)
    if not wanted.unmatched:
        found &= table.c.workspace != UNMATCHED
    if wanted.gitrepo:
        found &= table.c.doc.contains(f'"gitrepo":"{wanted.gitrepo}"', autoescape=True)
    return found & (table.c.id < wanted.before) if wanted.before else found


def _added(connection: Connection, delivery: Delivery) -> Delivery:
    doc = msgspec.json.encode(delivery).decode()
    values = {"workspace": delivery.workspace, "verified": delivery.verified, "doc": doc}
    number = connection.execute(insert(table).values(values).returning(table.c.id)).scalar_one()
    alike = (table.c.workspace == delivery.workspace) & (table.c.verified == delivery.verified)
    oldest = select(table.c.id).where(alike).order_by(table.c.id.desc()).offset(KEPT).limit(1).scalar_subquery()
    connection.execute(delete(table).where(alike, table.c.id <= oldest))
    return msgspec.structs.replace(delivery, id=number)


def _delivery(row: Row[Any]) -> Delivery:
    return msgspec.structs.replace(msgspec.json.decode(row.doc, type=Delivery), id=row.id)


prepare(Delivery)
