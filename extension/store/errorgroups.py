"""Deployments that are not ready, grouped by the shape of what they say, of all bundles of a workspace.

Read from counters: a group costs the same for any number of clusters. Only where several bundles say the same are clusters counted
once each, from the sets of `standing.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec
from sqlalchemy import ColumnElement, Connection, func, select, true

from extension.objects.base import Key
from extension.objects.errors import Invalid
from extension.objects.states import State
from extension.store.applications import bundle_ids
from extension.store.database import Database, committed
from extension.store.dialects import among
from extension.store.documents import Documents
from extension.store.listing import STATE_PATHS, shape_digests
from extension.store.protocol import Page, Query
from extension.store.schema import complaints, deployments, objects, shapes
from extension.store.standing import Standing

_WORKSPACE = "metadata.labels[fleet.cattle.io/bundle-namespace]"
NAMED = 5
"""So many clusters of a group are named."""


class ErrorQuery(msgspec.Struct, frozen=True):
    """Which groups of errors: of bundles of these workspaces, or None for all; of a bundle, of what a GitRepo or HelmOp made; in one
    state, of one shape. `after` is the `next` of the page before."""

    workspaces: tuple[str, ...] | None = None
    bundle: Key | None = None
    maker: Key | None = None
    state: State | None = None
    shape: str = ""
    limit: int = 100
    after: str = ""


class ErrorGroup(msgspec.Struct, frozen=True):
    """Deployments of a workspace's bundles that are in one state and say the same: `text`, whose name is `shape`; `example` is what one
    of them said. `names` are a few of the clusters, `since` is when the first began to say it."""

    workspace: str
    shape: str
    text: str
    example: str
    state: State
    clusters: int
    deployments: int
    bundles: tuple[str, ...]
    names: tuple[str, ...]
    since: str


class Errors(Protocol):
    """What deployments complain of."""

    def list(self, query: ErrorQuery) -> Page:
        """A page of ErrorGroups, those with the most clusters first. Raises Invalid for an `after` that is no place."""


_Place = tuple[int, str, str, int]
"""What groups are sorted by: fewer clusters later, then workspace, shape and state."""


class _Part(msgspec.Struct, frozen=True):
    """What one bundle has of a group."""

    bundle_id: int
    bundle: str
    shape_id: int
    text: str
    example: str
    count: int
    since: str


_Groups = dict[tuple[str, str, int], list[_Part]]


class ErrorGroups:
    """The groups, by snapshot."""

    def __init__(self, database: Database, documents: Documents, standing: Standing) -> None:
        self._database = database
        self._documents = documents
        self._standing = standing

    def list(self, query: ErrorQuery) -> Page:
        """A page of ErrorGroups, those with the most clusters first. Raises Invalid for an `after` that is no place."""
        after = _place(query.after)
        with self._database.read() as connection:
            groups = self._groups(connection, query)
            counts = {key: self._clusters(connection, key[2], parts) for key, parts in groups.items()}
            order = sorted((-count, *key) for key, count in counts.items())
            left = [place for place in order if after is None or place > after]
            shown = [_group(connection, place, groups[place[1:]]) for place in left[: query.limit]]
            more = msgspec.json.encode(left[query.limit - 1]).decode() if len(left) > query.limit else ""
            return Page(tuple(shown), more, len(order), committed(connection))

    def _groups(self, connection: Connection, query: ErrorQuery) -> Mapping[tuple[str, str, int], Sequence[_Part]]:
        """What each bundle has, by workspace, shape and state."""
        wanted = complaints.c.state > int(State.Ready) if query.state is None else complaints.c.state == int(query.state)
        if query.workspaces is not None:
            wanted &= objects.c.namespace.in_(query.workspaces)
        if query.bundle or query.maker:
            wanted &= among(complaints.c.bundle_id, self._bundles(connection, query))
        if query.shape:
            wanted &= shapes.c.digest == query.shape
        found: _Groups = defaultdict(list)
        for space, digest, state, *part in connection.execute(_PARTS.where(wanted)):
            found[space, digest, state].append(_Part(*part))
        return found

    def _bundles(self, connection: Connection, query: ErrorQuery) -> Sequence[int]:
        """The bundles asked for; none where the one that is named is not there."""
        chosen: set[int] | None = None
        for key, bundles in ((query.bundle, self._itself), (query.maker, bundle_ids)):
            if key is not None:
                found = set(bundles(connection, key))
                chosen = found if chosen is None else chosen & found
        return sorted(chosen or ())

    def _itself(self, connection: Connection, key: Key) -> Sequence[int]:
        row = self._documents.row(connection, key)
        return [] if row is None else [int(row.id)]

    def _clusters(self, connection: Connection, state: int, parts: Sequence[_Part]) -> int:
        if len(parts) == 1:
            return parts[0].count
        return len(self._standing.complaining(connection, [(part.bundle_id, part.shape_id) for part in parts], (state,)))


def deployments_alike(connection: Connection, query: Query) -> int | None:
    """How many deployments a list has that asks for nothing but a shape, states and workspaces: the counters know. None for others."""
    if query.selector is not None:
        return None
    wanted: ColumnElement[bool] = true() if query.namespaces is None else objects.c.namespace.in_(query.namespaces)
    for terms in query.filters:
        one = terms[0]
        if digests := shape_digests(terms):
            wanted &= shapes.c.digest.in_(digests)
        elif len(terms) > 1 or one.operator not in {"=", "in"} or one.field not in {STATE_PATHS[0], _WORKSPACE}:
            return None
        elif one.field == _WORKSPACE:
            wanted &= objects.c.namespace.in_(one.values)
        else:
            wanted &= complaints.c.state.in_([State[name].value for name in one.values if name in State.__members__])
    found = _PARTS.with_only_columns(func.coalesce(func.sum(complaints.c.n), 0), maintain_column_froms=True).where(wanted)
    return int(connection.execute(found).scalar_one())


def _group(connection: Connection, place: _Place, parts: Sequence[_Part]) -> ErrorGroup:
    count, workspace, digest, state = place
    largest = max(parts, key=lambda part: (part.count, -part.bundle_id))
    return ErrorGroup(
        workspace=workspace,
        shape=digest,
        text=largest.text,
        example=largest.example,
        state=State(state),
        clusters=-count,
        deployments=sum(part.count for part in parts),
        bundles=tuple(sorted(part.bundle for part in parts)),
        names=_names(connection, largest.shape_id, state),
        since=min(part.since for part in parts),
    )


def _names(connection: Connection, shape_id: int, state: int) -> tuple[str, ...]:
    """Of the bundle with the most, the clusters that registered first, as `workspace/name`."""
    here = (deployments.c.shape == shape_id) & (deployments.c.shape != 0) & (deployments.c.state == state)
    first = select(deployments.c.cluster_id).where(here).order_by(deployments.c.cluster_id).limit(NAMED).subquery()
    rows = connection.execute(
        select(objects.c.namespace, objects.c.name).join(first, first.c.cluster_id == objects.c.id).order_by(objects.c.id)
    )
    return tuple(f"{row.namespace}/{row.name}" for row in rows)


def _place(token: str) -> _Place | None:
    if not token:
        return None
    try:
        place: _Place = msgspec.json.decode(token, type=_Place)
    except msgspec.DecodeError:
        raise Invalid("continue: is not a place in this list", field="continue") from None
    return place


_PARTS: Any = (
    select(
        objects.c.namespace,
        shapes.c.digest,
        complaints.c.state,
        complaints.c.bundle_id,
        objects.c.name,
        shapes.c.id,
        shapes.c.text,
        shapes.c.example,
        complaints.c.n,
        complaints.c.since,
    )
    .join(shapes, shapes.c.id == complaints.c.shape_id)
    .join(objects, objects.c.id == complaints.c.bundle_id)
)
