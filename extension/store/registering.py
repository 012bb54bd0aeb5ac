"""Many clusters in one transaction: what `create` does for one, with a statement a table and not one a row."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select

from extension.objects.base import Key
from extension.objects.errors import AlreadyExists
from extension.objects.kinds import Cluster, ClusterRegistrationToken
from extension.objects.marks import marks
from extension.store.bulk import load, new_ids
from extension.store.clock import now
from extension.store.documents import Documents, prepared
from extension.store.schema import objects
from extension.store.tagging import tag
from extension.store.tallies import begin

_AT_ONCE = 500


def register(connection: Connection, documents: Documents, clusters: Sequence[Cluster], revision: int, token: Key | None) -> None:
    """Creates the clusters, which must have names, and counts them for the token they came with. Raises AlreadyExists, and then none is
    created."""
    _refuse_known(connection, clusters)
    created = now()
    made = list(zip(new_ids(connection, len(clusters)), (_complete(c, created, revision) for c in clusters), strict=True))
    load(connection, "object", _COLUMNS, [_row(number, cluster, revision) for number, cluster in made])
    tag(connection, made)
    begin(connection, [number for number, _ in made], revision)
    row = documents.row(connection, token) if token else None
    if row is not None:
        _count(connection, documents, row, len(made), revision)


def _count(connection: Connection, documents: Documents, row: Row[Any], clusters: int, revision: int) -> None:
    found = documents.object(ClusterRegistrationToken, row)
    status = msgspec.structs.replace(found.status, registered_clusters=found.status.registered_clusters + clusters)
    documents.replace(connection, row, msgspec.structs.replace(found, status=status), revision)


def _refuse_known(connection: Connection, clusters: Sequence[Cluster]) -> None:
    wanted = [(c.metadata.namespace, c.metadata.name) for c in clusters]
    for at in range(0, len(wanted), _AT_ONCE):
        part = wanted[at : at + _AT_ONCE]
        spaces, names = ({one[0] for one in part}, [one[1] for one in part])
        here = (objects.c.kind == Cluster.KIND) & objects.c.namespace.in_(spaces) & objects.c.name.in_(names)
        there = {(row.namespace, row.name) for row in connection.execute(select(objects.c.namespace, objects.c.name).where(here))}
        known = next((one for one in part if one in there), None)
        if known is not None:
            raise AlreadyExists(f"Cluster {known[0]}/{known[1]} exists already", field="metadata.name")
    twice = next((one for one in wanted if wanted.count(one) > 1), None) if len(set(wanted)) < len(wanted) else None
    if twice is not None:
        raise AlreadyExists(f"Cluster {twice[0]}/{twice[1]} is there twice", field="metadata.name")


def _complete(cluster: Cluster, created: str, revision: int) -> Cluster:
    meta = msgspec.structs.replace(
        cluster.metadata, uid=str(uuid.uuid4()), creation_timestamp=created, generation=1, resource_version=str(revision),
        deletion_timestamp=None,
    )  # fmt: skip
    return prepared(msgspec.structs.replace(cluster, metadata=meta))


def _row(number: int, cluster: Cluster, revision: int) -> tuple[Any, ...]:
    meta = cluster.metadata
    doc = msgspec.json.encode(cluster).decode()
    return (
        number, Cluster.KIND, meta.namespace, meta.name, meta.uid, 1, meta.creation_timestamp, revision, revision, int(marks(cluster)), doc,
    )  # fmt: skip


_COLUMNS = ("id", "kind", "namespace", "name", "uid", "generation", "created", "born", "revision", "marks", "doc")
