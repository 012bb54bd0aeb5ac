"""A Store and Tokens in dicts, by the contract of extension/store/protocol.py, for tests of what is above a store."""

from __future__ import annotations

import bisect
import secrets
import threading
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from extension.objects.base import Key, Object, to_builtins
from extension.objects.errors import AlreadyExists, Conflict, Gone, Invalid, NotFound
from extension.objects.kinds import Bundle, BundleDeployment, Secret
from extension.objects.selectors import matches
from extension.store.protocol import Change, Filter, Page, Query


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def value_at(obj: Object, path: str) -> str | None:
    if path.startswith("metadata.labels["):
        return obj.metadata.labels.get(path[len("metadata.labels[") : -1])
    at: Any = to_builtins(obj)
    for step in path.split("."):
        at = at.get(step) if isinstance(at, dict) else None
    if at is None and path not in ("metadata.name", "metadata.namespace") and not path.startswith(("spec.", "status.", "metadata.")):
        raise Invalid(f"filter: {path} can't be filtered by", field="filter")
    return None if at is None else str(at)


def holds(term: Filter, obj: Object) -> bool:
    found = value_at(obj, term.field)
    match term.operator:
        case "=" | "in":
            return found in term.values
        case "!=" | "notin":
            return found not in term.values
        case "~":
            return found is not None and term.values[0] in found
        case "!~":
            return found is None or term.values[0] not in found
        case "exists":
            return found is not None
        case _:
            return found is None


class MemoryStore:
    def __init__(self) -> None:
        self._lock = threading.Condition()
        self.objects: dict[Key, Object] = {}
        self.deployments_: list[BundleDeployment] = []
        self.log: list[Change] = []
        self.number = 0
        self.forgotten = 0

    def _write(self, key: Key, obj: Object | None, type_: Any) -> None:
        with self._lock:
            self.number += 1
            if obj is None:
                self.objects.pop(key, None)
            else:
                self.objects[key] = obj
            self.log.append(Change(self.number, key, type_))
            self._lock.notify_all()

    def find(self, cls: type[Any], namespace: str, name: str) -> Any:
        return self.objects.get(Key(cls.KIND, namespace, name))

    def get(self, cls: type[Any], namespace: str, name: str) -> Any:
        found = self.find(cls, namespace, name)
        if found is None:
            raise NotFound(f"{Key(cls.KIND, namespace, name)} not found")
        return found

    def _page(self, items: Iterable[Any], query: Query) -> Page:
        for part in query.sort:
            if part.lstrip("-") not in ("metadata.namespace", "metadata.name", "metadata.creationTimestamp"):
                raise Invalid(f"sort: {part} can't be sorted by", field="sort")
        found = [
            o
            for o in items
            if (query.namespaces is None or self._namespace(o) in query.namespaces)
            and (query.selector is None or matches(query.selector, o.metadata.labels))
            and all(any(holds(t, o) for t in terms) for terms in query.filters)
        ]
        found.sort(key=lambda o: (o.metadata.namespace, o.metadata.name), reverse=query.sort[0].startswith("-"))
        keys = [f"{o.metadata.namespace}/{o.metadata.name}" for o in found]
        start = 0
        if query.after:
            start = next((i + 1 for i, k in enumerate(keys) if k == query.after), bisect.bisect_right(keys, query.after))
        rows = found[start : start + query.limit]
        more = keys[start + query.limit - 1] if start + query.limit < len(found) else ""
        return Page(tuple(self._listed(o) for o in rows), more, len(found), self.number)

    def _namespace(self, obj: Any) -> str:
        if isinstance(obj, BundleDeployment):
            return str(obj.metadata.labels["fleet.cattle.io/bundle-namespace"])
        return str(obj.metadata.namespace)

    def _listed(self, obj: Any) -> Any:
        if isinstance(obj, Secret):
            return msgspec.structs.replace(obj, data={})
        if isinstance(obj, Bundle):
            return msgspec.structs.replace(obj, spec=msgspec.structs.replace(obj.spec, resources=()))
        return obj

    def list(self, cls: type[Any], query: Query = Query()) -> Page:
        return self._page([o for k, o in self.objects.items() if k.kind == cls.KIND], query)

    def deployments(self, query: Query, *, bundle: Key | None = None, cluster: Key | None = None, gitrepo: Key | None = None) -> Page:
        wanted = {"bundle-name": bundle, "cluster": cluster, "repo-name": gitrepo}
        found = [
            d
            for d in self.deployments_
            if all(k is None or d.metadata.labels.get(f"fleet.cattle.io/{label}") == k.name for label, k in wanted.items())
        ]
        return self._page(found, query)

    def create(self, obj: Any, *, dry_run: bool = False) -> Any:
        meta = obj.metadata
        name = meta.name or f"{meta.generate_name}{secrets.token_hex(3)}"
        key = Key(obj.KIND, meta.namespace, name)
        if key in self.objects:
            raise AlreadyExists(f"{key} exists already", field="metadata.name")
        meta = msgspec.structs.replace(
            meta, name=name, uid=str(uuid.uuid4()), creation_timestamp=now(), generation=1, resource_version=str(self.number + 1)
        )
        obj = msgspec.structs.replace(obj, metadata=meta)
        if not dry_run:
            self._write(key, obj, "ADDED")
        return obj

    def update(self, obj: Any, *, dry_run: bool = False) -> Any:
        old = self.get(type(obj), obj.metadata.namespace, obj.metadata.name)
        if obj.metadata.resource_version not in ("", old.metadata.resource_version):
            raise Conflict(f"{obj.key} changed since it was read")
        if hasattr(old, "status"):
            obj = msgspec.structs.replace(obj, status=old.status)
        if obj == old:
            return old
        raised = getattr(obj, "spec", None) != getattr(old, "spec", None) or getattr(obj, "data", None) != getattr(old, "data", None)
        meta = msgspec.structs.replace(
            obj.metadata, resource_version=str(self.number + 1), generation=old.metadata.generation + (1 if raised else 0)
        )
        obj = msgspec.structs.replace(obj, metadata=meta)
        if not dry_run:
            self._write(obj.key, obj, "MODIFIED")
        return obj

    def update_status(self, obj: Any) -> Any:
        old = self.get(type(obj), obj.metadata.namespace, obj.metadata.name)
        meta = msgspec.structs.replace(old.metadata, resource_version=str(self.number + 1))
        new = msgspec.structs.replace(old, status=obj.status, metadata=meta)
        self._write(new.key, new, "MODIFIED")
        return new

    def delete(self, cls: type[Any], namespace: str, name: str, *, resource_version: str = "", dry_run: bool = False) -> Any:
        old = self.get(cls, namespace, name)
        if resource_version not in ("", old.metadata.resource_version):
            raise Conflict(f"{old.key} changed since it was read")
        gone = msgspec.structs.replace(old, metadata=msgspec.structs.replace(old.metadata, deletion_timestamp=now()))
        if not dry_run:
            self._write(old.key, gone if old.metadata.finalizers else None, "MODIFIED" if old.metadata.finalizers else "DELETED")
        return gone

    def revision(self) -> int:
        return self.number

    def changes(self, since: int, limit: int = 1000) -> Sequence[Change]:
        if since < self.forgotten:
            raise Gone(f"revision {since} is older than what is remembered", hint="list again")
        return [c for c in self.log if c.revision > since][:limit]

    def wait(self, since: int, timeout: float) -> int:
        with self._lock:
            self._lock.wait_for(lambda: self.number > since, timeout)
            return self.number


@dataclass(frozen=True)
class MemoryToken:
    id: str
    name: str
    roles: Mapping[str, str]
    created: str = field(default_factory=now)
    expires: str = ""


class MemoryTokens:
    def __init__(self) -> None:
        self._by_secret: dict[str, MemoryToken] = {}

    def create(self, name: str, roles: Mapping[str, str], ttl: float | None = None) -> str:
        token = MemoryToken(f"token-{secrets.token_hex(3)}", name, dict(roles), expires="2099-01-01T00:00:00Z" if ttl else "")
        clear = f"{token.id}:{secrets.token_urlsafe(24)}"
        self._by_secret[clear] = token
        return clear

    def verify(self, token: str) -> MemoryToken | None:
        return self._by_secret.get(token)

    def list(self) -> Sequence[MemoryToken]:
        return list(self._by_secret.values())

    def revoke(self, token_id: str) -> None:
        self._by_secret = {clear: token for clear, token in self._by_secret.items() if token.id != token_id}
