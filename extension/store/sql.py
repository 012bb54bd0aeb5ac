"""The store on SQLite or PostgreSQL: one facade over documents, deployments, reports, views and the feed.

Each method is one transaction. See `protocol.py` for what it promises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

import msgspec
from pyroaring import FrozenBitMap
from sqlalchemy import Connection, and_, select

from extension.objects.base import Key, Object
from extension.objects.errors import NotFound
from extension.objects.happened import Event
from extension.objects.kinds import Bundle, BundleDeployment, BundleResource, Cluster
from extension.objects.plan import Plan, Progress, Step
from extension.objects.selectors import LabelSelector
from extension.store import feed
from extension.store.asking import Asking
from extension.store.assignments import Assignments
from extension.store.audit import Finding, audit
from extension.store.changing import Changes
from extension.store.database import Database, committed
from extension.store.deliveries import DeliveryLog
from extension.store.deployments import Deployments
from extension.store.documents import Documents, hidden, restated, updated
from extension.store.errands import ErrandLog
from extension.store.errorgroups import ErrorGroups
from extension.store.events import events_of
from extension.store.finding import ClusterLists
from extension.store.labels import LabelIndex
from extension.store.lease import Leases
from extension.store.listing import listed
from extension.store.population import Population
from extension.store.progress import ProgressSets
from extension.store.protocol import Assigned, Change, Page, Query, Report
from extension.store.registering import register
from extension.store.reporting import report
from extension.store.schema import objects
from extension.store.sealing import Seal
from extension.store.standing import Standing
from extension.store.tokens import TokenStore
from extension.store.turning import tell_turns
from extension.store.vectors import ClusterTallies
from extension.store.views import Views, own_status

T = TypeVar("T", bound=Object)
Shown = tuple[Documents, Views]
KEYS_AT_ONCE = 1000


class SqlStore:
    """See `protocol.Store`. `shown` is how documents are read and what is laid over them, where that is not this store's to say."""

    def __init__(self, database: Database, seal: Seal, offline_after: float | None = None, shown: Shown | None = None) -> None:
        self._made_of = seal, offline_after, shown
        self._database = database
        self._documents = shown[0] if shown else Documents(seal)
        self._deployments = Deployments(seal, self._documents)
        self._assignments = Assignments(seal, self._documents)
        self.asking = Asking(database, seal, self._assignments)
        self._progress = ProgressSets()
        self.population = Population(database)
        self.tokens = TokenStore(database)
        self.lease = Leases(database)
        self._index = LabelIndex(self)
        tallies = ClusterTallies()
        self._standing = Standing()
        self._lists = ClusterLists(self._index, tallies, self._standing)
        self._views = shown[1] if shown else Views(self._index, tallies, self._standing, offline_after)
        self._changes = Changes(self._documents, self._views, self.forgotten)
        self.errors = ErrorGroups(database, self._documents, self._standing)
        self.deliveries = DeliveryLog(database)
        self.errands = ErrandLog(database)

    def twin(self) -> SqlStore:
        """The same store for another part of this process, which may lose the right to write by itself (`lease.guard`). Each hears at
        once of what the other writes; closing it closes nothing."""
        return SqlStore(self._database.twin(), *self._made_of)

    def audit(self) -> Iterator[Finding]:
        """What contradicts itself in the database."""
        return audit(self._database)

    # documents

    def get(self, cls: type[T], namespace: str, name: str) -> T:
        found = self._find(cls, namespace, name, whole=True)
        if found is None:
            raise NotFound(f"{cls.KIND} {name} not found" + (f" in {namespace}" if namespace else ""))
        return found

    def find(self, cls: type[T], namespace: str, name: str) -> T | None:
        return self._find(cls, namespace, name, whole=False)

    def _find(self, cls: type[T], namespace: str, name: str, *, whole: bool) -> T | None:
        with self._database.read() as connection:
            row = self._documents.row(connection, Key(cls.KIND, namespace, name))
            if row is None:
                return None
            obj = self._views.overlay(connection, self._documents.object(cls, row), row.id)
            if whole and isinstance(obj, Bundle) and row.content:
                resources = self._documents.resources(connection, row.content)
                return msgspec.structs.replace(obj, spec=msgspec.structs.replace(obj.spec, resources=resources))
            return obj

    def list(self, cls: type[T], query: Query = Query()) -> Page:
        query, left = self._lists.narrowed(query) if cls is Cluster else (query, None)
        with self._database.read() as connection:
            page = listed(connection, cls.KIND, query) if left is None else self._lists.page(connection, query, left)
            found = self._views.overlays(connection, [(self._documents.object(cls, row), row.id) for row in page[0]])
            return Page(tuple(hidden(obj) for obj in found), *page[1:], committed(connection))

    def create(self, obj: T, *, dry_run: bool = False) -> T:
        with self._writing(dry_run) as (connection, revision):
            return self._changes.create(connection, obj, revision)

    def update(self, obj: T, *, dry_run: bool = False) -> T:
        with self._database.read() as connection:
            row = self._documents.require(connection, obj.key)
            old = self._documents.object(type(obj), row)
            if updated(old, obj) is None:
                return self._views.overlay(connection, old, row.id)
        with self._writing(dry_run) as (connection, revision):
            return self._changes.update(connection, obj, revision)

    def update_status(self, obj: T) -> T:
        with self._database.read() as connection:
            old = self._documents.object(type(obj), self._documents.require(connection, obj.key))
            if restated(old, own_status(obj)) == old:
                return obj
        return self.change_status(type(obj), obj.metadata.namespace, obj.metadata.name, lambda _stored: obj)

    def change_status(self, cls: type[T], namespace: str, name: str, change: Callable[[T], T]) -> T:
        with self._writing(False) as (connection, revision):
            return self._changes.restate(connection, Key(cls.KIND, namespace, name), cls, change, revision)

    def delete(self, cls: type[T], namespace: str, name: str, *, resource_version: str = "", dry_run: bool = False) -> T:
        with self._writing(dry_run) as (connection, revision):
            return self._changes.delete(connection, Key(cls.KIND, namespace, name), cls, resource_version, revision)

    def events(self, obj: Object) -> Sequence[Event]:
        with self._database.read() as connection:
            row = self._documents.row(connection, obj.key)
            return [] if row is None else events_of(connection, row.id, obj)

    def forgotten(self, object_id: int) -> None:
        self._progress.forget(object_id)
        self._standing.forget(object_id)

    def move(self, old: Cluster, new: Cluster) -> Cluster:
        with self._writing(False) as (connection, revision):
            return self._changes.move(connection, old, new, revision)

    def object_id(self, key: Key) -> int:
        with self._database.read() as connection:
            return int(self._documents.require(connection, key).id)

    def keys(self, kind: str, ids: Iterable[int]) -> dict[int, Key]:
        wanted, found = list(ids), {}
        with self._database.read() as connection:
            for at in range(0, len(wanted), KEYS_AT_ONCE):
                here = and_(objects.c.kind == kind, objects.c.id.in_(wanted[at : at + KEYS_AT_ONCE]))
                rows = connection.execute(select(objects.c.id, objects.c.namespace, objects.c.name).where(here))
                found.update({row.id: Key(kind, row.namespace, row.name) for row in rows})
        return found

    def content(self, sha256: str) -> tuple[BundleResource, ...]:
        with self._database.read() as connection:
            return self._documents.resources(connection, sha256)

    # change feed

    def revision(self) -> int:
        return self._database.revision()

    def changes(self, since: int, limit: int = 1000, *, counters: bool = True) -> Sequence[Change]:
        with self._database.read() as connection:
            return feed.changes(connection, since, limit, counters)

    def wait(self, since: int, timeout: float, ended: Callable[[], bool] = lambda: False) -> int:
        return self._database.wait(since, timeout, ended)

    def wake(self) -> None:
        self._database.announce()

    # deployments

    def progress(self, bundle: Key) -> Progress:
        with self._database.read() as connection:
            return self._progress.of(connection, int(self._documents.require(connection, bundle).id))

    def apply(self, plan: Plan, step: Step) -> int:
        if step.empty:
            return self.revision()
        with self._writing(False) as (connection, revision):
            tell_turns(connection, self._deployments.apply(connection, plan, step, revision))
            return revision if feed.told(connection, revision) else revision - 1

    def tidy(self, bundle: Key) -> None:
        bundle_id = self.object_id(bundle)
        if self._progress.wastes(bundle_id):
            with self._database.write() as connection:
                self._deployments.sweep(connection, bundle_id)

    def assigned(self, cluster: Key, since: int = 0) -> Sequence[Assigned]:
        with self._database.read() as connection:
            row = self._documents.row(connection, cluster)
            return [] if row is None else self._assignments.assigned(connection, row.id, since)

    def whole(self, item: Assigned) -> Assigned:
        return item

    def report(self, reports: Sequence[Report]) -> Mapping[tuple[int, int], int]:
        if not reports:
            return {}
        with self._writing(False) as (connection, revision):
            found = report(connection, reports, revision)
            tell_turns(connection, found.moves)
            return found.standing

    def deployment(self, bundle: Key, cluster: Key) -> BundleDeployment:
        found = self.deployments(Query(limit=1), bundle=bundle, cluster=cluster).items
        if not found:
            raise NotFound(f"{bundle} is not deployed to {cluster}")
        deployment: BundleDeployment = found[0]
        return deployment

    def deployments(self, query: Query, *, bundle: Key | None = None, cluster: Key | None = None, gitrepo: Key | None = None) -> Page:
        with self._database.read() as connection:
            revision, ids = committed(connection), {}
            for name, key in (("bundle", bundle), ("cluster", cluster), ("gitrepo", gitrepo)):
                row = self._documents.row(connection, key) if key else None
                if key and row is None:
                    return Page((), "", 0, revision)
                if row is not None:
                    ids[name] = int(row.id)
            return self._assignments.page(connection, query, ids, revision)

    def forget(self, bundle: Key) -> int:
        with self._writing(False) as (connection, revision):
            row = self._documents.require(connection, bundle)
            left, moves = self._deployments.forget(connection, row.id, revision)
            tell_turns(connection, moves)
            return left

    # clusters

    def register(self, clusters: Sequence[Cluster], token: Key | None = None) -> None:
        with self._writing(False) as (connection, revision):
            register(connection, self._documents, clusters, revision, token)

    def seen(self, clusters: Iterable[Key], when: str) -> None:
        with self._database.read() as connection:
            rows = [self._documents.row(connection, key) for key in clusters]
        self.asking.seen((row.id for row in rows if row is not None), when)

    def members(self, workspace: str, selector: LabelSelector) -> FrozenBitMap:
        return self._index.members(workspace, selector)

    def close(self) -> None:
        self._database.close()

    @contextmanager
    def _writing(self, dry_run: bool) -> Iterator[tuple[Connection, int]]:
        """A write transaction and its number; a dry run does everything and keeps nothing.

        A number under which the feed has nothing to tell is given back: whoever waits for it would wake and find nothing.
        """
        with self._database.write(keep=not dry_run) as connection:
            revision = self._database.next_revision(connection)
            yield connection, revision
            told = feed.told(connection, revision)
            if not told:
                self._database.give_back(connection)
        if told and not dry_run:
            self._database.announce()
