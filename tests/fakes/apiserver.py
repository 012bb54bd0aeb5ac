"""An API server in memory, as far as a mirror asks it: lists in pages, watches, single objects."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from extension.objects.errors import Forbidden, Gone, NotFound, Unavailable, UserError
from extension.store.kubernetes.api import JSON

Document = dict[str, Any]


class MemoryApi:
    """`missing` are kinds (plurals) that are not served, `away` is raised by everything, `garbled` makes answers that are none. `asked`
    are the requests, as `METHOD path`."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._objects: dict[str, Document] = {}
        self._events: list[tuple[int, str, Document]] = []
        self._version = 100
        self._forgotten = 0
        self._ended = False
        self.missing: set[str] = set()
        self.away: UserError | None = None
        self.garbled = False
        self.asked: list[str] = []

    def put(self, path: str, document: Document) -> Document:
        """Puts an object at its path, under the next version."""
        with self._changed:
            self._version += 1
            known = self._objects.get(path)
            meta = {"uid": known["metadata"]["uid"] if known else f"uid-{self._version}", **document["metadata"]}
            stored = {**document, "metadata": {**meta, "resourceVersion": str(self._version)}}
            self._objects[path] = stored
            self._tell("MODIFIED" if known else "ADDED", path, stored)
            return stored

    def drop(self, path: str) -> None:
        with self._changed:
            self._version += 1
            gone = self._objects.pop(path)
            self._tell("DELETED", path, {**gone, "metadata": {**gone["metadata"], "resourceVersion": str(self._version)}})

    def forget(self) -> None:
        """Ends all watches, and remembers no event: whoever goes on from before gets a 410."""
        with self._changed:
            self._forgotten = self._version
            self._events.clear()
            self._changed.notify_all()

    def restore(self, version: int, objects: Mapping[str, Document]) -> None:
        """Has what it had at an earlier version, as of a snapshot of etcd: it knows no version from then on."""
        with self._changed:
            self._objects = dict(objects)
            self._version = version
        self.forget()

    @property
    def objects(self) -> Mapping[str, Document]:
        """All there are, by path."""
        return dict(self._objects)

    @property
    def version(self) -> int:
        return self._version

    def end_watches(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _tell(self, kind: str, path: str, document: Document) -> None:
        self._events.append((self._version, path, {"type": kind, "object": document}))
        self._changed.notify_all()

    def read(self, path: str, query: Mapping[str, str] = {}, accept: str = JSON) -> bytes:
        self._ask("GET", path)
        if self.garbled:
            return b"<html>"
        if path in self._objects:
            return json.dumps(self._objects[path]).encode()
        if "limit" not in query:
            raise NotFound(f"{path} not found")
        found = [document for place, document in sorted(self._objects.items()) if _is_of(place, path)]
        at, size = int(query.get("continue", "0")), int(query["limit"])
        meta = {"resourceVersion": str(self._version), "continue": str(at + size) if len(found) > at + size else ""}
        return json.dumps({"metadata": meta, "items": found[at : at + size]}).encode()

    def follow(self, path: str, query: Mapping[str, str], seconds: int) -> Iterator[Sequence[bytes]]:
        self._ask("WATCH", path)
        since, forgotten = int(query["resourceVersion"]), self._forgotten
        if since > self._version:
            raise Unavailable("Too large resource version", where=f"GET {path}")
        if since < forgotten:
            raise Gone("too old resource version")
        yield []
        while not self._ended and self._forgotten == forgotten and self.away is None:
            with self._changed:
                new = [(version, event) for version, place, event in self._events if version > since and _is_of(place, path)]
                if not new:
                    self._changed.wait(0.05)
            if new:
                since = new[-1][0]
                yield [json.dumps(event).encode() for _, event in new]

    def send(self, method: str, path: str, body: Any = None, query: Mapping[str, str] = {}, kind: str = JSON) -> bytes:
        raise Forbidden("this API server takes no writes", where=f"{method} {path}")

    def _ask(self, method: str, path: str) -> None:
        self.asked.append(f"{method} {path}")
        if self.away is not None:
            raise self.away
        if any(f"/{plural}" in path for plural in self.missing):
            raise NotFound("the server could not find the requested resource", where=f"GET {path}")


def _is_of(place: str, kind: str) -> bool:
    """Whether an object is of a kind, by its path and that of the kind."""
    root, _, plural = kind.rpartition("/")
    return place.startswith(f"{root}/") and place.split("/")[-2] == plural
