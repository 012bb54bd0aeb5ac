"""What the hub asks of the store for agents: by the numbers of clusters, so that no name is looked up a million times."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from pyroaring import BitMap
from sqlalchemy import ColumnElement, Connection, Select, Text, bindparam, literal_column, select, text

from extension.objects.base import Key
from extension.objects.content import manifest, sha256_sum
from extension.objects.errors import NotFound
from extension.objects.kinds import Cluster
from extension.objects.marks import DISMISSED, Mark
from extension.objects.moving import LEAVING, Leaving, decoded_leaving
from extension.objects.names import cluster_namespace, registered_cluster_name
from extension.store import agent_keys
from extension.store.agent_keys import Generations, identity
from extension.store.assignments import Assignments
from extension.store.bulk import fetched
from extension.store.database import Database, committed
from extension.store.dialects import in_document
from extension.store.lastseen import unheard, write_seen
from extension.store.protocol import Assigned
from extension.store.schema import objects
from extension.store.sealing import Seal
from extension.store.tallies import look
from extension.store.wordings import sequence_of

_AT_ONCE = 500
_SEEN_AT_ONCE = 5000
_EMPTY = sha256_sum(())

Row = TypeVar("Row")


class Known(msgspec.Struct, frozen=True):
    """A cluster as the hub knows it; `newest` is the revision of the newest thing it may have to be told of."""

    number: int
    key: Key
    identity: int
    newest: int
    served: bool
    client_id: str = ""

    @property
    def deployment_namespace(self) -> str:
        return cluster_namespace(self.key.namespace, self.key.name)


class Told(msgspec.Struct, frozen=True):
    """All that changed for a cluster up to `revision`; `sequence` is the highest of its agent's reports, `reported` the sum of those of
    the newest report of each deployment. `agent_generation` counts the forced updates of the agent,
    `dismissed` says that it is let go, `leaving` what a move left it to do."""

    revision: int
    items: Sequence[Assigned]
    sequence: int
    reported: int
    agent_generation: int = 0
    dismissed: bool = False
    leaving: tuple[Leaving, ...] = ()


class Asking:
    """Each method is one snapshot or one transaction. None of them wakes anybody, but for a cluster that is heard of for the first time."""

    def __init__(self, database: Database, seal: Seal, assignments: Assignments) -> None:
        self._database = database
        self._assignments = assignments
        self._heard = BitMap()
        self.secret: Callable[[str], bytes] = seal.derive

    # clusters

    def known(self, number: int) -> Known | None:
        """The cluster with this number; None when it is gone."""
        return next(iter(self._known(_KNOWN, number=number)), None)

    def clients(self, namespace: str, client_ids: Collection[str]) -> Mapping[str, Known]:
        """The clusters of a workspace by clientID: those that somebody made with one of these, and those with the names that
        registration gives them (`fleet-semantics.md` 3.8), which may turn out to have another clientID."""
        wanted, found = sorted(client_ids), {}
        for at in range(0, len(wanted), _AT_ONCE):
            part = wanted[at : at + _AT_ONCE]
            names = [registered_cluster_name(client) for client in part]
            by_name = {one.key.name: one for one in self._known(_BY_NAME, space=namespace, names=names)}
            made = {one.client_id: one for one in self._known(_BY_CLIENT, space=namespace, clients=part)}
            for client, name in zip(part, names, strict=True):
                one = made.get(client) or by_name.get(name)
                if one is not None:
                    found[client] = one
        return found

    def _known(self, statement: object, **values: object) -> list[Known]:
        with self._database.read() as connection:
            rows = fetched(connection, statement, **values)
        return [Known(id_, Key(Cluster.KIND, space, name), identity(uid), max(newest, asked or 0), bool(marks & Mark.SERVED), client or "")
                for id_, space, name, uid, newest, asked, marks, client in rows]  # fmt: skip

    def seen(self, numbers: Iterable[int], when: str) -> None:
        """Sets last-seen of clusters, a part in a transaction so that others can write in between. Those that are gone are left out. Of
        one that was never heard of before, watchers learn: it is not waited for any more."""
        wanted = list(dict.fromkeys(numbers))
        for at in range(0, len(wanted), _SEEN_AT_ONCE):
            part = wanted[at : at + _SEEN_AT_ONCE]
            with self._database.write() as connection:
                first = unheard(connection, [number for number in part if number not in self._heard])
                write_seen(connection, part, when)
                if first:
                    look(connection, first, self._database.next_revision(connection))
            self._heard.update(part)
            if first:
                self._database.announce()

    def silent(self, before: str) -> list[int]:
        """The clusters that were last seen earlier than `before`, in one sweep."""
        with self._database.read() as connection:
            return [row[0] for row in fetched(connection, _SILENT, before=before)]

    # work

    def work(self, number: int, since: int) -> Told:
        """What changed for a cluster after `since`, whole up to the revision it names."""
        with self._database.read() as connection:
            revision = committed(connection)
            items = self._assignments.assigned(connection, number, since)
            sequences = [sequence_of(doc) for _, doc in fetched(connection, _REPORTS, number=number)]
            doc = connection.execute(_DOCUMENT, {"number": number}).scalar()
        cluster = msgspec.json.decode(doc, type=Cluster) if doc else Cluster()
        notes = cluster.metadata.annotations
        return Told(
            revision,
            () if DISMISSED in notes else items,
            sequence=max(sequences, default=0),
            reported=sum(sequences),
            agent_generation=cluster.spec.redeploy_agent_generation,
            dismissed=DISMISSED in notes,
            leaving=decoded_leaving(notes.get(LEAVING, "")),
        )

    def asked(self, bundle_id: int, since: int) -> tuple[int, Sequence[tuple[int, int]]]:
        """The clusters of which something was asked for a bundle after `since`, with the revision; and up to when this is told."""
        with self._database.read() as connection:
            revision = committed(connection)
            return revision, fetched(connection, _ASKED, bundle=bundle_id, since=since)

    def clusters_of(self, bundle_id: int) -> list[int]:
        with self._database.read() as connection:
            return [row[0] for row in fetched(connection, _OF_BUNDLE, bundle=bundle_id)]

    def content(self, number: int, sha256: str) -> bytes:
        """The manifest with this hash, gzipped, if a deployment of the cluster names it. Raises NotFound."""
        with self._database.read() as connection:
            row = connection.execute(_CONTENT, {"number": number, "sha": sha256}).one_or_none()
        if row is None or (row.data is None and sha256 != _EMPTY):
            raise NotFound(f"no deployment of this cluster has content {sha256}", hint="check in again: the work may have changed")
        return bytes(row.data) if row.data is not None else gzip.compress(manifest(()), mtime=0)

    # keys

    def keys_changed(self, since: int) -> tuple[int, Mapping[int, Generations]]:
        """The number of the newest change of a key, and the clusters whose keys changed after `since`."""
        with self._database.read() as connection:
            newest = agent_keys.newest_change(connection)
            return newest, agent_keys.changed(connection, since) if newest != since else {}

    def change_key(self, number: int, change: Callable[[Generations], Generations]) -> Generations:
        """Writes other generations of a cluster's key."""
        with self._database.write() as connection:
            before = agent_keys.of_cluster(connection, number)
            after = change(before)
            if after != before:
                agent_keys.write(connection, number, after)
            return after

    def begin(self, term: int) -> None:
        """Notes that a process begins to work as the engine: what agents are told from now on is of a new epoch, whose name ends with
        `term`, eight hex digits of the lease's epoch."""
        self._writing(lambda connection: agent_keys.begin(connection, term))

    def epochs(self) -> Mapping[str, int | None]:
        """The epochs, oldest first, with the revisions at which they ended; None for the newest."""
        with self._database.read() as connection:
            return agent_keys.epochs(connection)

    def successor(self, number: int, known: int) -> int | None:
        """The cluster that took the place of one that was moved."""
        with self._database.read() as connection:
            return agent_keys.successor(connection, number, known)

    def _writing(self, work: Callable[[Connection], Row]) -> Row:
        with self._database.write() as connection:
            return work(connection)


_o = objects.alias("o")
_ASKED_OF: ColumnElement[int | None] = literal_column(
    "(SELECT max(CASE WHEN d.asked > b.revision THEN d.asked ELSE b.revision END) FROM deployment d"
    " JOIN object b ON b.id = d.bundle_id WHERE d.cluster_id = o.id)"
)
_DOCUMENT = select(_o.c.doc).where(_o.c.id == bindparam("number"))
_CLIENT = in_document(_o.c.doc, agent_keys.CLIENT_ID)


def _clusters(condition: str) -> Select[Any]:
    """The clusters for which this holds, as `_known` reads them; literals, since indexes over some of the rows need them."""
    columns = (_o.c.id, _o.c.namespace, _o.c.name, _o.c.uid, _o.c.revision, _ASKED_OF, _o.c.marks, _CLIENT)
    return select(*columns).where(text(f"o.kind = '{Cluster.KIND}' AND {condition}"))


_KNOWN = _clusters("o.id = :number")
_BY_NAME = _clusters("o.namespace = :space").where(_o.c.name.in_(bindparam("names", expanding=True, type_=Text())))
_BY_CLIENT = (
    _clusters(f"(o.marks & {int(Mark.CLIENT)}) <> 0 AND o.namespace = :space")
    .where(_CLIENT.in_(bindparam("clients", expanding=True, type_=Text())))
    .with_hint(_o, f"INDEXED BY {agent_keys.CLIENT_INDEX}", "sqlite")
)
_SILENT = text("SELECT cluster_id FROM seen WHERE at < :before")
_REPORTS = text(
    "SELECT d.bundle_id, r.doc FROM deployment d LEFT JOIN report r ON r.bundle_id = d.bundle_id AND r.cluster_id = d.cluster_id"
    " WHERE d.cluster_id = :number"
)
_ASKED = text("SELECT cluster_id, asked FROM deployment WHERE bundle_id = :bundle AND revision > :since AND asked > :since")
_OF_BUNDLE = text("SELECT cluster_id FROM deployment WHERE bundle_id = :bundle")
_CONTENT = text(
    "SELECT (SELECT data FROM content WHERE sha256 = :sha) AS data WHERE EXISTS (SELECT 1 FROM deployment d JOIN variant v"
    " ON v.id = d.live OR v.id = d.staged WHERE d.cluster_id = :number AND v.content = :sha)"
)
