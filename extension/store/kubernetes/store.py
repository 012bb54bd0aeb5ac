"""The Store of the `fleet` engine: reads from the mirror, writes to the API server as the user who asks for them.

What a write gives back is what the API server answered, and the mirror has it when the call returns. Without a user (`acting`) nothing
is written: this service has no wishes of its own here. What Fleet does itself (deploying, counting, registering clusters) is refused.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NoReturn, TypeVar, cast

import msgspec
from pyroaring import FrozenBitMap

from extension.objects.base import Key, Object
from extension.objects.errors import Conflict, Forbidden, Gone, NotFound
from extension.objects.happened import Event
from extension.objects.kinds import BundleDeployment, BundleResource, Cluster, FleetWorkspace
from extension.objects.plan import Plan, Progress, Step
from extension.objects.selectors import LabelSelector
from extension.store.asking import Asking
from extension.store.clock import now
from extension.store.deliveries import Deliveries
from extension.store.errands import ErrandLog
from extension.store.errorgroups import ErrorGroups
from extension.store.kubernetes import contents, events, secrets
from extension.store.kubernetes.api import JSON, MERGE_PATCH, Api, Either, Reader
from extension.store.kubernetes.kinds import UNMIRRORED, decoded, path_of
from extension.store.kubernetes.mirror import Mirror
from extension.store.kubernetes.patching import body_of, changes, labels_of_people, management_of
from extension.store.lease import Leases
from extension.store.population import Population
from extension.store.protocol import Assigned, Change, Page, Query, Report
from extension.store.sql import SqlStore

T = TypeVar("T", bound=Object)

_DRY_RUN = {"dryRun": "All"}
MANAGEMENT_CLUSTERS = "/apis/management.cattle.io/v3/clusters"
_ASKS: ContextVar[Callable[[], Api] | None] = ContextVar("asks", default=None)


class KubernetesStore:
    """See `protocol.Store`. `api` reads what is not mirrored as this service's account."""

    def __init__(self, api: Api, mirror: Mirror) -> None:
        self._api = api
        self._mirror = mirror
        self._user: Callable[[], Api] | None = None

    def acting(self, user: Callable[[], Api]) -> KubernetesStore:
        """The same store for one user: what it writes, and what it reads of Secrets and ConfigMaps, is done as that user. `user` is
        asked when that is needed, and may raise Forbidden."""
        other = copy.copy(self)
        other._user = user
        return other

    @contextmanager
    def read_for(self, user: Callable[[], Api]) -> Iterator[None]:
        """While this lasts, what this service may not read is read as the user, in this context."""
        before = _ASKS.set(user)
        try:
            yield
        finally:
            _ASKS.reset(before)

    @property
    def _reader(self) -> Reader:
        """Who reads what is not mirrored."""
        if self._user is not None:
            return self._user()
        user = _ASKS.get()
        return self._api if user is None else Either(self._api, user)

    @property
    def _kept(self) -> SqlStore:
        """What is mirrored. Raises Unavailable while it can't be believed."""
        self._mirror.check()
        return self._tables

    @property
    def _tables(self) -> SqlStore:
        """The same whether it can be believed or not: for what is kept for later, and asked once `changes` said yes."""
        return self._mirror.tables.store

    # documents

    def get(self, cls: type[T], namespace: str, name: str) -> T:
        if cls in UNMIRRORED:
            return decoded(cls, self._reader.read(path_of(cls, namespace, name)))
        return self._kept.get(cls, namespace, name)

    def find(self, cls: type[T], namespace: str, name: str) -> T | None:
        if cls not in UNMIRRORED:
            return self._kept.find(cls, namespace, name)
        try:
            return self.get(cls, namespace, name)
        except NotFound:
            return None

    def list(self, cls: type[T], query: Query = Query()) -> Page:
        kept = self._kept
        if cls not in UNMIRRORED:
            return kept.list(cls, query)
        spaces = self._workspaces() if query.namespaces is None else query.namespaces
        return secrets.listed(self._reader, cls, spaces, query, kept.revision())

    def _workspaces(self) -> Sequence[str]:
        return [row.metadata.name for row in self._kept.population.documents(FleetWorkspace)]

    def create(self, obj: T, *, dry_run: bool = False) -> T:
        path = path_of(type(obj), obj.metadata.namespace)
        return self._took(type(obj), self._writer.send("POST", path, body_of(obj), _DRY_RUN if dry_run else {}), dry_run)

    def update(self, obj: T, *, dry_run: bool = False) -> T:
        cls, meta = type(obj), obj.metadata
        old = self.get(cls, meta.namespace, meta.name)
        patch = changes(old, obj)
        if not patch and meta.resource_version in ("", old.metadata.resource_version):
            return old
        if (name := management_of(old)) and (handed_down := labels_of_people(patch)):
            self._writer.send("PATCH", f"{MANAGEMENT_CLUSTERS}/{name}", handed_down, _DRY_RUN if dry_run else {}, MERGE_PATCH)
        patch.setdefault("metadata", {})["resourceVersion"] = meta.resource_version or old.metadata.resource_version
        return self._took(cls, self._send(old, "PATCH", patch, MERGE_PATCH, dry_run), dry_run)

    def update_status(self, obj: T) -> T:
        self._refuse("the status of objects is Fleet's to write")

    def change_status(self, cls: type[T], namespace: str, name: str, change: Callable[[T], T]) -> T:
        self._refuse("the status of objects is Fleet's to write")

    def delete(self, cls: type[T], namespace: str, name: str, *, resource_version: str = "", dry_run: bool = False) -> T:
        old = self.get(cls, namespace, name)
        conditions = {"resourceVersion": resource_version} if resource_version else {}
        body: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": old.metadata.uid, **conditions}}
        body |= {"dryRun": ["All"]} if dry_run else {}  # beside a body, what the query says is not looked at
        self._send(old, "DELETE", body, JSON, dry_run)
        left = None if dry_run else self._seen_again(cls, namespace, name)
        if left is not None and left.metadata.uid == old.metadata.uid:
            return left
        marked = msgspec.structs.replace(old.metadata, deletion_timestamp=old.metadata.deletion_timestamp or now())
        return msgspec.structs.replace(old, metadata=marked)

    def _seen_again(self, cls: type[T], namespace: str, name: str) -> T | None:
        """What is left of an object that was deleted: one with finalizers stays for a while."""
        if cls in UNMIRRORED:
            return self.find(cls, namespace, name)
        return cast("T | None", self._mirror.refresh(cls, namespace, name))

    @property
    def _writer(self) -> Api:
        self._mirror.check()
        if self._user is None:
            raise Forbidden("nothing is written here but on a user's behalf", hint="call the API as a user of Rancher")
        return self._user()

    def _send(self, old: Object, method: str, body: Any, kind: str, dry_run: bool) -> bytes:
        """Writes to an object that is there. One that somebody else wrote to meanwhile is read anew, so that who tries again sees it."""
        cls, namespace, name = type(old), old.metadata.namespace, old.metadata.name
        try:
            return self._writer.send(method, path_of(cls, namespace, name), body, _DRY_RUN if dry_run else {}, kind)
        except (Conflict, NotFound):
            if cls not in UNMIRRORED:
                self._mirror.refresh(cls, namespace, name)
            raise

    def _took(self, cls: type[T], answer: bytes, dry_run: bool) -> T:
        """The object that the API server answered with, which the mirror then has."""
        new = decoded(cls, answer)
        if not dry_run and cls not in UNMIRRORED:
            self._mirror.tables.put([new])
        return new

    def events(self, obj: Object) -> Sequence[Event]:
        return events.read(self._reader, obj)

    def object_id(self, key: Key) -> int:
        return self._kept.object_id(key)

    def keys(self, kind: str, ids: Iterable[int]) -> dict[int, Key]:
        return self._kept.keys(kind, ids)

    def content(self, sha256: str) -> tuple[BundleResource, ...]:
        """`sha256` may be the name of a Content of Fleet's too."""
        return contents.read(self._reader, sha256) if contents.is_named(sha256) else self._kept.content(sha256)

    # change feed

    def revision(self) -> int:
        return self._kept.revision()

    def changes(self, since: int, limit: int = 1000, *, counters: bool = True) -> Sequence[Change]:
        if since < self._mirror.tables.first:
            raise Gone(f"revision {since} is not of this process", hint="list again")
        return self._kept.changes(since, limit, counters=counters)

    def wait(self, since: int, timeout: float, ended: Callable[[], bool] = lambda: False) -> int:
        return self._kept.wait(since, timeout, ended)

    def wake(self) -> None:
        self._tables.wake()

    # deployments

    def progress(self, bundle: Key) -> Progress:
        """Without the digests of options: Fleet keeps Helm's values apart, so what is here is not all of them. A deployment ID tells
        options and values apart by itself."""
        return msgspec.structs.replace(self._kept.progress(bundle), staged_options=None, options=None)

    def apply(self, plan: Plan, step: Step) -> int:
        self._refuse("Fleet deploys here")

    def tidy(self, bundle: Key) -> None:
        """Nothing is left over: the mirror has what Fleet has."""

    def assigned(self, cluster: Key, since: int = 0) -> Sequence[Assigned]:
        return self._kept.assigned(cluster, since)

    def whole(self, item: Assigned) -> Assigned:
        cluster = self.keys(Cluster.KIND, [item.cluster_id]).get(item.cluster_id)
        if cluster is None:
            raise NotFound(f"the cluster of {item.bundle} is gone")
        place = self.get(Cluster, cluster.namespace, cluster.name).status.namespace
        path = path_of(BundleDeployment, place, item.bundle.name)
        deployment = decoded(BundleDeployment, self._reader.read(path))
        options = contents.with_values(self._reader, deployment)
        return msgspec.structs.replace(item, options=options, content_sha256=contents.name_of(deployment.spec.deployment_id))

    def report(self, reports: Sequence[Report]) -> Mapping[tuple[int, int], int]:
        self._refuse("Fleet's agents report to Fleet")

    def deployment(self, bundle: Key, cluster: Key) -> BundleDeployment:
        found = self.deployments(Query(limit=1), bundle=bundle, cluster=cluster).items
        if not found:
            raise NotFound(f"{bundle} is not deployed to {cluster}")
        return cast(BundleDeployment, found[0])

    def deployments(self, query: Query, *, bundle: Key | None = None, cluster: Key | None = None, gitrepo: Key | None = None) -> Page:
        """In the order of names where another store takes that of numbers: those are another process's own."""
        sort = ("metadata.name", "metadata.namespace") if query.sort == Query().sort else query.sort
        page = self._kept.deployments(msgspec.structs.replace(query, sort=sort), bundle=bundle, cluster=cluster, gitrepo=gitrepo)
        return msgspec.structs.replace(page, items=tuple(self._mirror.tables.shown(page.items)))

    def forget(self, bundle: Key) -> int:
        self._refuse("Fleet uninstalls here")

    # clusters

    def register(self, clusters: Sequence[Cluster], token: Key | None = None) -> None:
        self._refuse("Fleet registers clusters here")

    def move(self, old: Cluster, new: Cluster) -> Cluster:
        self._refuse("Rancher moves clusters here")

    @property
    def population(self) -> Population:
        return self._tables.population

    def seen(self, clusters: Iterable[Key], when: str) -> None:
        self._refuse("Fleet's agents report to Fleet")

    def members(self, workspace: str, selector: LabelSelector) -> FrozenBitMap:
        return self._kept.members(workspace, selector)

    @property
    def asking(self) -> Asking:
        return self._tables.asking

    @property
    def lease(self) -> Leases:
        return self._tables.lease

    @property
    def errands(self) -> ErrandLog:
        return self._tables.errands

    @property
    def errors(self) -> ErrorGroups:
        return self._tables.errors

    @property
    def deliveries(self) -> Deliveries:
        return self._tables.deliveries

    def close(self) -> None:
        self._mirror.stop()
        self._mirror.tables.close()

    def _refuse(self, why: str) -> NoReturn:
        raise Forbidden(why, hint="serve with --engine embedded for an engine of this service's own")
