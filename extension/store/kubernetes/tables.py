"""The mirror's tables: what the API server sent, in a SQLite file of this process that ends with it.

The file is of the store's own shape, so that lists, filters, selectors and the change feed are those of any store. It is no place to
keep anything: it is made anew at each start, nothing waits for a disk, and its numbers start where no other process's are, so that a
number of another mirror is `Gone` here and never read as one of this.

An object that was written over by a newer version, or deleted, is not brought back by an older event (`resourceVersion` says which is
which).
"""

from __future__ import annotations

import secrets
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, event, text

from extension.objects.base import Key, Object, prepare
from extension.objects.kinds import BundleDeployment, Cluster
from extension.store import feed
from extension.store.bulk import fetched
from extension.store.database import Database
from extension.store.kubernetes.deployments import DeploymentRows, Pair, parents
from extension.store.kubernetes.documents import AsStored, MirroredDocuments, rows_of
from extension.store.kubernetes.kinds import number_of, version
from extension.store.lastseen import write_seen
from extension.store.removing import remove
from extension.store.sealing import KEY_BYTES, Seal
from extension.store.sql import SqlStore
from extension.store.sqlite import SqliteFile

FIRST_BITS = 50
"""Numbers start somewhere below this power of two: exact in JavaScript, and hardly ever near another process's."""
KEPT_DELETIONS = 10_000

Seen = Key | Pair
"""A document, or the place of a BundleDeployment; one without a place by its key."""


class Tables:
    """`store` reads them. All methods may be called from several threads."""

    def __init__(self, path: Path) -> None:
        for old in (path, *(path.with_name(f"{path.name}-{end}") for end in ("wal", "shm"))):
            old.unlink(missing_ok=True)
        seal = Seal(secrets.token_bytes(KEY_BYTES))
        self._database = Database(_Passing(path))
        self._database.alone = True
        self._documents = MirroredDocuments(seal)
        self._rows = DeploymentRows(seal)
        self.store = SqlStore(self._database, seal, shown=(self._documents, AsStored()))
        self.first = secrets.randbits(FIRST_BITS) + 2
        self._deleted: dict[str, None] = {}
        self._orphans: dict[Key, tuple[Key, Key]] = {}
        self._lock = threading.Lock()
        with self._database.write() as connection:
            connection.execute(text("UPDATE sequence SET number = :number"), {"number": self.first})
            self._rows.prepare(connection)

    def close(self) -> None:
        self.store.close()
        Path(self._database.where).unlink(missing_ok=True)

    def put(self, objects: Sequence[Object], restored: bool = False) -> set[Seen]:
        """Writes objects of one kind, each only over an older version of it, or over any where the API server was `restored` to what it
        was before; which they were, for `prune`."""
        with self._writing() as (connection, revision):
            known = [obj for obj in objects if restored or obj.metadata.uid not in self._deleted]
            if known and isinstance(known[0], BundleDeployment):
                return self._put_deployments(connection, known, revision, restored)
            self._put_documents(connection, known, revision, restored)
            return {obj.key for obj in objects}

    def drop(self, objects: Iterable[Object]) -> None:
        """Takes away objects of one kind that were deleted."""
        with self._writing() as (connection, revision):
            for obj in objects:
                self._remember(obj.metadata.uid)
                if isinstance(obj, BundleDeployment):
                    self._orphans.pop(obj.key, None)
                    self._rows.drop(connection, self._rows.pairs(connection, [obj]).values(), revision)
                elif (row := self._documents.row(connection, obj.key)) is not None and row.uid == obj.metadata.uid:
                    self._remove(connection, row, revision)

    def shown(self, found: Sequence[BundleDeployment]) -> list[BundleDeployment]:
        """BundleDeployments of the store as the API server has them."""
        with self._database.read() as connection:
            return self._rows.shown(connection, found)

    def began(self) -> int:
        """The number at which a list of everything begins, for `prune`."""
        return self._database.revision()

    def prune(self, cls: type[Object], seen: set[Seen], began: int) -> None:
        """Takes away the objects of a kind that were there when a list began and that it did not have."""
        with self._writing() as (connection, revision):
            if cls is BundleDeployment:
                self._prune_deployments(connection, seen, began, revision)
                return
            for row in fetched(connection, _OLD, kind=cls.KIND, began=began):
                if (key := Key(cls.KIND, row[0], row[1])) not in seen:
                    self._remove(connection, self._documents.require(connection, key), revision)

    def waiting_for(self, keys: set[Key]) -> list[Key]:
        """The BundleDeployments that had no place for want of one of these Bundles or Clusters."""
        with self._lock:
            return [key for key, both in self._orphans.items() if keys & set(both)]

    def _put_documents(self, connection: Connection, objects: Sequence[Object], revision: int, restored: bool) -> None:
        old = rows_of(connection, [obj.key for obj in objects])
        last = {obj.key: obj for obj in sorted(objects, key=version)}
        newer = [obj for key, obj in last.items() if key not in old or _is_new(obj, old[key].doc, restored)]
        for obj in newer:
            if obj.key in old and old[obj.key].uid != obj.metadata.uid:
                self._remove(connection, old[obj.key], revision)
        self._documents.put(connection, newer, revision)
        _keep_seen(connection, [obj for obj in newer if isinstance(obj, Cluster)])

    def _put_deployments(self, connection: Connection, given: Sequence[Any], revision: int, restored: bool) -> set[Seen]:
        if restored:
            self._rows.drop(connection, self._rows.pairs(connection, given).values(), revision)
        placed = self._rows.put(connection, given, revision)
        with self._lock:
            for one in given:
                both = parents(one)
                if one.key in placed or both is None:
                    self._orphans.pop(one.key, None)
                else:
                    self._orphans[one.key] = both
        return {placed.get(one.key, one.key) for one in given}

    def _prune_deployments(self, connection: Connection, seen: set[Seen], began: int, revision: int) -> None:
        rows: list[Pair] = [(row[0], row[1]) for row in fetched(connection, _OLD_ROWS, began=began)]
        self._rows.drop(connection, [pair for pair in rows if pair not in seen], revision)
        with self._lock:
            for key in self._orphans.keys() - seen:
                del self._orphans[key]

    def _remove(self, connection: Connection, row: Any, revision: int) -> None:
        self._remember(row.uid)
        remove(connection, self._documents, row, revision)
        self._rows.forget(connection, row.id)
        self.store.forgotten(row.id)

    def _remember(self, uid: str) -> None:
        self._deleted[uid] = None
        if len(self._deleted) > KEPT_DELETIONS:
            del self._deleted[next(iter(self._deleted))]

    @contextmanager
    def _writing(self) -> Iterator[tuple[Connection, int]]:
        with self._database.write() as connection:
            revision = self._database.next_revision(connection)
            yield connection, revision
            told = feed.told(connection, revision)
            if not told:
                self._database.give_back(connection)
        if told:
            self._database.announce()


class _Passing(SqliteFile):
    """A file that nobody needs after a crash."""

    def engine(self) -> Engine:
        made = super().engine()
        event.listen(made, "connect", lambda connection, _record: connection.execute("PRAGMA synchronous=OFF").close())
        return made


class _Meta(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: str = ""


class _Document(msgspec.Struct, frozen=True):
    metadata: _Meta = _Meta()


prepare(_Document)


def _is_new(obj: Object, doc: str, restored: bool) -> bool:
    """Whether the object is to stand in place of a document."""
    known = number_of(msgspec.json.decode(doc, type=_Document).metadata.resource_version)
    return known != version(obj) if restored else known < version(obj)


def _keep_seen(connection: Connection, clusters: Sequence[Cluster]) -> None:
    """When the agents of clusters were heard of, for lists that go by it."""
    by_time: dict[str, list[Key]] = defaultdict(list)
    for cluster in clusters:
        if cluster.status.agent.last_seen:
            by_time[cluster.status.agent.last_seen].append(cluster.key)
    ids = {key: int(row.id) for key, row in rows_of(connection, list(chain(*by_time.values()))).items()}
    for when, keys in by_time.items():
        write_seen(connection, [ids[key] for key in keys if key in ids], when)


_OLD = text("SELECT namespace, name FROM object WHERE kind = :kind AND revision <= :began")
_OLD_ROWS = text("SELECT bundle_id, cluster_id FROM deployment WHERE revision <= :began")
