"""A cluster that changes its workspace: one write, since an object's workspace is part of what it is."""

from __future__ import annotations

from sqlalchemy import Connection

from extension.objects.errors import Conflict
from extension.objects.kinds import Cluster
from extension.store.agent_keys import succeed
from extension.store.documents import Documents
from extension.store.events import hand_on
from extension.store.removing import remove
from extension.store.tallies import Moves


def move(connection: Connection, documents: Documents, old: Cluster, new: Cluster, revision: int) -> tuple[Cluster, Moves]:
    """Puts `new` in the place of `old`, which loses its deployments: what became of their bundles' counts. Raises NotFound, AlreadyExists,
    and Conflict when `old` was changed since it was read."""
    row = documents.require(connection, old.key)
    if row.uid != old.metadata.uid or int(old.metadata.resource_version) < row.revision:
        raise Conflict(f"{old.key} was changed since it was read", field="metadata.resourceVersion", hint="try again")
    created = documents.create(connection, new, revision)
    id_ = documents.require(connection, created.key).id
    hand_on(connection, documents.object(Cluster, row), row.id, id_)
    moves = remove(connection, documents, row, revision)
    succeed(connection, row.id, row.uid, id_)
    return created, moves
