"""Which clusters a selector matches, asked of the label table; the engine's own index is `labels.py`."""

from __future__ import annotations

from sqlalchemy import Connection, select

from extension.objects.errors import Invalid
from extension.objects.selectors import LabelSelector
from extension.store.listing import document_field, selection
from extension.store.protocol import Query
from extension.store.schema import objects


def members(connection: Connection, namespace: str, selector: LabelSelector) -> list[int]:
    """The ids of the clusters of a namespace that the selector matches; a broken selector matches none, as in Fleet."""
    try:
        where = selection(Query(selector=selector), document_field, objects.c.namespace, "Cluster")
    except Invalid:
        return []
    rows = connection.execute(select(objects.c.id).where(objects.c.kind == "Cluster", objects.c.namespace == namespace, where))
    return [int(row.id) for row in rows]
