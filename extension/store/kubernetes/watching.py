"""List and watch: one thread a kind keeps the mirror's tables at what the API server has.

A list comes in pages, and two are held at most. The watch goes on from the list's version, and from the last event's or bookmark's where it
ended; a version that the API server has forgotten (410) makes a new list, and what that does not have is gone. A failure is told
(`problem`), and tried again after a growing pause, from a new list where that does not help: nothing ends a follower but `stop`.
A list that is older than what was known is of an API server whose data was restored: then it counts, and not what was known.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

import msgspec
import structlog

from extension.jitter import spread
from extension.objects.base import Object
from extension.objects.errors import Gone, Invalid, NotFound, Unavailable, UserError
from extension.store.kubernetes.api import Api
from extension.store.kubernetes.kinds import LATER, Event, Listed, Marked, decoded, number_of, page_size, path_of, served_as

log = structlog.get_logger()

WATCH_SECONDS = 300
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
SHORT = 1.0
"""A watch that ends so soon is not opened again at once."""
TRIES = 3
"""After so many failures a version is not gone on from any more: an API server that was restored may never have had it."""
NOT_SERVED = 30.0
"""How often a kind that the API server does not serve is asked for again."""
NOT_READ = "not read yet"


class Sink(Protocol):
    """Where objects go; see `tables.Tables`."""

    def put(self, objects: Sequence[Object], restored: bool = False) -> set[Any]: ...
    def drop(self, objects: Iterable[Object]) -> None: ...
    def began(self) -> int: ...
    def prune(self, cls: type[Object], seen: set[Any], began: int) -> None: ...


class Follower:
    """Follows one kind. `after` are those whose first list has to be there before."""

    def __init__(
        self,
        api: Api,
        cls: type[Object],
        sink: Sink,
        after: Sequence[Follower] = (),
        *,
        put: Callable[[set[Any]], None] = lambda _keys: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api, self._cls, self._sink, self._after = api, cls, sink, after
        self._told = put
        self._clock = clock
        self._stopping = threading.Event()
        self._version = ""
        self._newest = 0
        self._tries = 0
        self._fails: tuple[float, UserError] | None = None
        self.listed = threading.Event()
        """Set when the first list is whole."""

    def start(self) -> None:
        threading.Thread(target=self._run, name=f"follow-{self._cls.PLURAL}", daemon=True).start()

    def stop(self) -> None:
        self._stopping.set()

    @property
    def served(self) -> bool:
        """Whether the API server knew the kind when it was last asked."""
        return self._fails is None or not isinstance(self._fails[1], NotFound)

    def problem(self, patience: float = 0.0) -> str:
        """Why the kind is not, or for longer than `patience` seconds not any more, what the API server has; empty for nothing."""
        fails = self._fails
        if not self.listed.is_set() or (fails is not None and self._clock() - fails[0] >= patience):
            return str(fails[1]) if fails else NOT_READ
        return ""

    def _run(self) -> None:
        for other in self._after:
            while not other.listed.wait(1.0) and not self._stopping.is_set():
                pass
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            began = self._clock()
            try:
                self.once()
                pause = FIRST_PAUSE
                if self._clock() - began < SHORT:
                    self._stopping.wait(FIRST_PAUSE)
            except UserError as error:
                pause = self._failed(error, pause)
            except Exception as error:  # a thread that ends here would leave the mirror as it is for good
                if not self._stopping.is_set():
                    log.exception("can't be followed", kind=served_as(self._cls))
                pause = self._failed(Unavailable(f"what the API server sent can't be taken: {type(error).__name__}"), pause)

    def once(self) -> None:
        """Lists if that is needed, and follows until the watch ends."""
        try:
            if not self._version:
                self._list()
            self._watch()
        except Gone:
            log.info("watch expired", kind=served_as(self._cls))
            self._version = ""

    def _failed(self, error: UserError, pause: float) -> float:
        """Notes why, waits, and gives the next pause."""
        if self._stopping.is_set():
            return pause
        if self._fails is None:
            log.warning("can't be followed", kind=served_as(self._cls), problem=error.message, where=error.where)
        self._fails = (self._fails[0] if self._fails else self._clock(), error)
        self._tries += 1
        if self._tries >= TRIES:
            self._version = ""
        if isinstance(error, NotFound):
            self._not_served()
            self._stopping.wait(NOT_SERVED if self.listed.is_set() else 2.0)
            return FIRST_PAUSE
        self._stopping.wait(spread(pause, 0.8, 1.2))  # so that not all come at once
        return min(pause * 2, LONGEST_PAUSE)

    def _not_served(self) -> None:
        """A kind that is no more takes its objects along; one that not every Fleet has is none."""
        self._version = ""
        if self._cls in LATER:
            self._sink.prune(self._cls, set(), self._sink.began())
            self._fails = None
            self.listed.set()

    def _list(self) -> None:
        began, seen = self._sink.began(), set[Any]()
        for page in self._pages():
            restored = number_of(page.metadata.resource_version) < self._newest
            seen |= self._put([found for raw in page.items or () if (found := self._decoded(raw)) is not None], restored)
        self._sink.prune(self._cls, seen, began)
        self._newest = 0
        self._go_on_from(page.metadata.resource_version)
        self._works()
        self.listed.set()

    def _pages(self) -> Iterator[Listed]:
        """The pages of a list. The next one is asked for while one is written: the API server and this process take turns else."""
        query = {"limit": str(page_size(self._cls))}
        with ThreadPoolExecutor(1, f"list-{self._cls.PLURAL}") as ahead:
            coming: Future[Listed] | None = ahead.submit(self._page, query)
            while coming is not None:
                page = coming.result()
                more = page.metadata.continue_
                coming = ahead.submit(self._page, {**query, "continue": more}) if more else None
                yield page

    def _page(self, query: dict[str, str]) -> Listed:
        return msgspec.json.decode(self._api.read(path_of(self._cls), query), type=Listed)

    def _works(self) -> None:
        self._fails, self._tries = None, 0

    def _go_on_from(self, version: str) -> None:
        self._version = version or self._version
        self._newest = max(self._newest, number_of(version))

    def _watch(self) -> None:
        seconds = int(spread(WATCH_SECONDS, 0.8, 1.0))  # so that not all end at once
        query = {"resourceVersion": self._version, "allowWatchBookmarks": "true"}
        for lines in self._api.follow(path_of(self._cls), query, seconds):
            if self._stopping.is_set():
                return
            self._take([msgspec.json.decode(line, type=Event) for line in lines])
            self._works()

    def _take(self, events: Sequence[Event]) -> None:
        """Writes events; those next to each other that say the same at once."""
        at = 0
        while at < len(events):
            end = next((i for i in range(at, len(events)) if (events[i].type == "DELETED") != (events[at].type == "DELETED")), len(events))
            same, at = events[at:end], end
            objects = [found for one in same if one.type in _OF_OBJECTS and (found := self._decoded(one.object)) is not None]
            if same[0].type == "DELETED":
                self._sink.drop(objects)
            elif objects:
                self._put(objects)
            for one in same:
                self._mark(one)

    def _mark(self, event: Event) -> None:
        """Goes on from this event. Raises Gone, or Invalid for another end that the API server makes."""
        marked = msgspec.json.decode(event.object, type=Marked)
        if event.type == "ERROR":
            raise Gone(marked.message) if marked.code == 410 else Invalid(marked.message, where=served_as(self._cls))
        self._go_on_from(marked.metadata.resource_version)

    def _put(self, objects: Sequence[Object], restored: bool = False) -> set[Any]:
        keys = self._sink.put(objects, restored)
        self._told(keys)
        return keys

    def _decoded(self, raw: msgspec.Raw) -> Object | None:
        """The object; one that can't be read is told of and left out, and keeps nothing else back."""
        try:
            return decoded(self._cls, raw)
        except Invalid as error:
            log.warning("object can't be read", kind=served_as(self._cls), problem=error.message)
            return None


_OF_OBJECTS = ("ADDED", "MODIFIED", "DELETED")
