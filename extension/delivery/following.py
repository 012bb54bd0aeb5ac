"""List and watch of one kind: nothing but the metadata of what has the label of a set, on the whole cluster.

A watch goes on from the last version; one that the API server has forgotten begins with a list anew, and says what is gone too. A thread
each, which nothing ends but `stop`, or that nobody wants the kind any more.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Protocol

import msgspec
import structlog
import urllib3

from extension.delivery.client import METADATA, METADATA_LIST, PAGE, ApiError, Client, Kind, Unreachable
from extension.delivery.connecting import cut_off
from extension.jitter import spread
from extension.objects.errors import Unavailable, UserError
from extension.rendering.postrender import HASH_LABEL

log = structlog.get_logger()

DELETED = ""
"""In the place of the version of an object that is no more."""
WATCH_SECONDS = 600
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0
_GONE = 410


class _Metadata(msgspec.Struct, rename="camel"):
    uid: str = ""
    resource_version: str = ""
    labels: dict[str, str] = {}


class _Object(msgspec.Struct):
    """An object, or in an event of the type ERROR a Status."""

    metadata: _Metadata = msgspec.field(default_factory=_Metadata)
    code: int = 0
    message: str = ""


class _Event(msgspec.Struct):
    type: str
    object: _Object


class Told(Protocol):
    """Who is told; see `watching.Watches`."""

    def changed(self, kind: Kind, uid: str, set_hash: str, version: str) -> None: ...
    def listed(self, kind: Kind, there: Mapping[str, tuple[str, str]]) -> None: ...
    def failed(self, kind: Kind) -> None: ...
    def is_unwanted(self, kind: Kind) -> bool: ...


class Follower:
    """Follows one kind and tells. While it `works`, everything is told."""

    def __init__(self, client: Client, kind: Kind, told: Told) -> None:
        self._lists, self._watches = client.accepting(METADATA_LIST), client.accepting(METADATA)
        self._kind, self._told = kind, told
        self._version = ""
        self._answer: urllib3.BaseHTTPResponse | None = None
        self._stopping = threading.Event()
        self.works = False

    def start(self) -> None:
        threading.Thread(target=self._run, name=f"watch-{self._kind.plural}", daemon=True).start()

    def stop(self) -> None:
        """Ends it, from whatever thread; what it waits for is cut off."""
        self._stopping.set()
        if self._answer is not None:
            cut_off(self._answer)

    def _run(self) -> None:
        pause = FIRST_PAUSE
        while not self._stopping.is_set() and not self._told.is_unwanted(self._kind):
            began = time.monotonic()
            try:
                self._once()
                pause = FIRST_PAUSE
                if time.monotonic() - began < FIRST_PAUSE:
                    self._stopping.wait(FIRST_PAUSE)
            except UserError as error:
                pause = self._failed(error, pause)
            except Exception as error:  # a thread that ends here would leave all of the kind unseen for good
                log.exception("can't be watched", kind=self._kind.kind)
                pause = self._failed(Unavailable(f"what the API server sent can't be taken: {type(error).__name__}"), pause)

    def _once(self) -> None:
        """Lists if that is needed, and follows until the watch ends."""
        try:
            if not self._version:
                self._list()
            self._watch()
        except ApiError as error:
            if error.status_code != _GONE:
                raise
            self._version = ""

    def _failed(self, error: UserError, pause: float) -> float:
        """Waits, and gives the next pause. What came meanwhile is asked for anew: the API server that comes back may be a restored one, to
        which versions say nothing."""
        if self._stopping.is_set():
            return pause
        self._version = ""
        if self.works or isinstance(error, ApiError):
            log.warning("can't be watched", kind=self._kind.kind, problem=error.message, hint="looked at by time meanwhile")
        if self.works:
            self.works = False
            self._told.failed(self._kind)
        self._stopping.wait(spread(pause, 0.8, 1.2))
        return min(pause * 2, LONGEST_PAUSE)

    def _list(self) -> None:
        query = {"labelSelector": HASH_LABEL, "limit": str(PAGE)}
        there: dict[str, tuple[str, str]] = {}
        while True:
            page = self._lists.request("GET", self._kind.path(), query=query)
            for metadata in (one["metadata"] for one in page.get("items") or ()):
                there[metadata["uid"]] = (metadata["labels"][HASH_LABEL], metadata["resourceVersion"])
            query["continue"] = page["metadata"].get("continue") or ""
            if not query["continue"]:
                break
        self._told.listed(self._kind, there)
        self._version = page["metadata"]["resourceVersion"]

    def _watch(self) -> None:
        query = {"labelSelector": HASH_LABEL, "resourceVersion": self._version, "allowWatchBookmarks": "true"}
        seconds = int(spread(WATCH_SECONDS, 0.8, 1.0))  # so that not all end at once
        for lines in self._watches.follow(self._kind.path(), query, seconds, self._opened):
            if self._stopping.is_set():
                return
            self.works = True
            for line in lines:
                self._take(line)

    def _opened(self, answer: urllib3.BaseHTTPResponse) -> None:
        self._answer = answer
        if self._stopping.is_set():
            cut_off(answer)

    def _take(self, line: bytes) -> None:
        try:
            event = msgspec.json.decode(line, type=_Event)
        except msgspec.DecodeError as error:
            raise Unreachable(f"an event can't be read: {error}", where=self._kind.path()) from None
        if event.type == "ERROR":
            raise ApiError(event.object.message, status_code=event.object.code, reason="", where=self._kind.path())
        metadata = event.object.metadata
        self._version = metadata.resource_version
        if event.type != "BOOKMARK":
            version = DELETED if event.type == "DELETED" else metadata.resource_version
            self._told.changed(self._kind, metadata.uid, metadata.labels.get(HASH_LABEL, ""), version)
