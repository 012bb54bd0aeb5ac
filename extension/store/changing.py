"""Writes of documents as one: the document, what hangs on it, and the events that tell what happened to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, Row

from extension.objects.base import Key, Object
from extension.objects.errors import Conflict
from extension.objects.happened import conditions_of, happened, moved, troubles
from extension.objects.kinds import Bundle, Cluster
from extension.store.clock import now
from extension.store.deployments import maker_ids
from extension.store.documents import Documents, restated, updated
from extension.store.events import tell
from extension.store.moving import move
from extension.store.removing import remove
from extension.store.tallies import touch
from extension.store.turning import held_back, tell_held, tell_turns
from extension.store.views import Views, own_status

T = TypeVar("T", bound=Object)


class Changes:
    """Statements on documents; the caller brings the connection of a write and its number. `forgotten` is called with the id of an
    object that went."""

    def __init__(self, documents: Documents, views: Views, forgotten: Callable[[int], None]) -> None:
        self._documents = documents
        self._views = views
        self._forgotten = forgotten

    def create(self, connection: Connection, obj: T, revision: int) -> T:
        created = self._documents.create(connection, obj, revision)
        row = self._documents.require(connection, created.key)
        return self._views.overlay(connection, created, row.id)

    def update(self, connection: Connection, obj: T, revision: int) -> T:
        row = self._documents.require(connection, obj.key)
        old = self._documents.object(type(obj), row)
        new = updated(old, obj)
        if new is None:
            return self._views.overlay(connection, old, row.id)
        if new.metadata.deletion_timestamp and not new.metadata.finalizers:
            self._remove(connection, row, revision)
            return new
        return self._replaced(connection, row, old, new, revision)

    def restate(self, connection: Connection, key: Key, cls: type[T], change: Callable[[T], T], revision: int) -> T:
        """Gives an object the status that `change` makes of the stored one."""
        row = self._documents.require(connection, key)
        old = self._documents.object(cls, row)
        new = restated(old, own_status(change(old)))
        if new == old:
            return self._views.overlay(connection, old, row.id)
        return self._replaced(connection, row, old, new, revision)

    def delete(self, connection: Connection, key: Key, cls: type[T], resource_version: str, revision: int) -> T:
        row = self._documents.require(connection, key)
        old = self._documents.object(cls, row)
        if resource_version and int(resource_version) < row.revision:
            raise Conflict(f"{old.key} was changed since it was read", field="metadata.resourceVersion")
        marked = msgspec.structs.replace(old.metadata, deletion_timestamp=old.metadata.deletion_timestamp or now())
        gone = msgspec.structs.replace(old, metadata=marked)
        if not old.metadata.finalizers:
            self._remove(connection, row, revision)
            return gone
        return self._views.overlay(connection, old, row.id) if gone == old else self._replaced(connection, row, old, gone, revision)

    def move(self, connection: Connection, old: Cluster, new: Cluster, revision: int) -> Cluster:
        """Puts `new` in the place of `old`."""
        created, moves = move(connection, self._documents, old, new, revision)
        tell(connection, self._documents.require(connection, created.key).id, [moved(old.metadata.namespace)])
        tell_turns(connection, moves)
        return created

    def _replaced(self, connection: Connection, row: Row[Any], old: T, new: T, revision: int) -> T:
        written = self._documents.replace(connection, row, new, revision)
        tell(connection, row.id, happened(old, new))
        if isinstance(old, Bundle) and isinstance(new, Bundle):
            self._tell_makers(connection, row.id, old, new, revision)
        return self._views.overlay(connection, written, row.id)

    def _tell_makers(self, connection: Connection, bundle_id: int, old: Bundle, new: Bundle, revision: int) -> None:
        """What a Bundle's own status says is shown by its GitRepo, too, or keeps both from being ready."""
        was_held = held_back(old)
        if conditions_of(old) == conditions_of(new) and was_held == held_back(new):
            return
        makers = maker_ids(connection, [bundle_id])
        touch(connection, makers, revision)
        told = troubles(old, new, f"bundle {new.metadata.name}: ")
        for maker in makers:
            tell(connection, maker, told)
        if was_held != held_back(new):
            tell_held(connection, bundle_id, was_held)

    def _remove(self, connection: Connection, row: Row[Any], revision: int) -> None:
        tell_turns(connection, remove(connection, self._documents, row, revision))
        self._forgotten(row.id)
