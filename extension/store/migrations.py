"""Schema versions, forward only: each migration runs once, in the transaction that records it.

A file of a newer version is refused, since an older program could write what the newer one can't read.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, text

from extension.objects.errors import Unavailable
from extension.store.schema import LABEL_VIEW, metadata, webhook_deliveries


def _first(connection: Connection) -> None:
    metadata.create_all(connection)
    connection.execute(text(LABEL_VIEW))
    connection.execute(text("INSERT INTO sequence (id, number) VALUES (1, 1)"))


def _log_of_webhooks(connection: Connection) -> None:
    webhook_deliveries.create(connection, checkfirst=True)


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (_first, _log_of_webhooks)
"""Migration N brings a store from version N to N + 1. Released ones are never edited."""


def migrate(connection: Connection, where: str) -> None:
    """Brings the store to the newest version. Raises Unavailable for a newer one."""
    connection.execute(text("CREATE TABLE IF NOT EXISTS migration (version INTEGER PRIMARY KEY)"))
    version = connection.execute(text("SELECT coalesce(max(version), 0) FROM migration")).scalar_one()
    if version > len(MIGRATIONS):
        raise Unavailable(
            f"the store has version {version}, this program knows {len(MIGRATIONS)}",
            where=where,
            hint="start the newer program, or restore a backup made by this one",
        )
    for number in range(version, len(MIGRATIONS)):
        MIGRATIONS[number](connection)
        connection.execute(text("INSERT INTO migration (version) VALUES (:version)"), {"version": number + 1})
