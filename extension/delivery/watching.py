"""Watches on a cluster: what somebody changed is looked at at once, and what nobody changes costs nothing.

Each look at a bundle notes which versions of its objects it saw, so what a delivery changed itself asks for no other look, and what
changes all the time asks for one each `APART` seconds. A watch that can't be had is tried later and later; bundles that need it are not
`watched` then, and whoever looks at them goes by time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from extension.delivery.client import Client, Kind
from extension.delivery.following import DELETED, Follower

DELAY = 1.0
"""Seconds after which what was told is acted on: the rest of the same change has come by then, and so has the look that made it."""
APART = 5.0
Objects = Iterable[Mapping[str, Any]]


class Seen(msgspec.Struct, frozen=True):
    """What a look at a bundle saw, and when: of each kind the versions of the objects by their uids."""

    bundle: str
    versions: Mapping[Kind, Mapping[str, str]]
    at: float

    def differs(self, kind: Kind, uid: str, version: str) -> bool:
        return self.versions.get(kind, {}).get(uid, DELETED) != version


class Watches:
    """The watches of one cluster: one a kind, for all bundles, none before something is `noted`. Bundles are known by the hashes of their
    sets. Any thread may call."""

    def __init__(self, client: Client, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: dict[str, Seen] = {}
        self._of: dict[str, str] = {}
        """Whose an object was when it was last seen."""
        self._followers: dict[Kind, Follower] = {}
        self._told: dict[tuple[str, Kind, str], str] = {}
        self._some = threading.Event()
        self._stopping = threading.Event()
        self._tell: Callable[[str], None] | None = None

    def start(self, tell: Callable[[str], None]) -> None:
        """From now on watches what is noted, and tells the names of bundles that are to be looked at again."""
        self._tell = tell
        threading.Thread(target=self._run, name="watches", daemon=True).start()

    def stop(self) -> None:
        self._stopping.set()
        self._some.set()
        with self._lock:
            for follower in self._followers.values():
                follower.stop()

    def noted(self, bundle: str, set_hash: str, live: Mapping[Kind, Objects]) -> None:
        """A look saw these objects of a bundle, which are all that it has of these kinds."""
        if self._tell is None or self._stopping.is_set():
            return
        versions = {kind: {one["metadata"]["uid"]: one["metadata"]["resourceVersion"] for one in objects} for kind, objects in live.items()}
        with self._lock:
            self._drop(set_hash)
            self._seen[set_hash] = Seen(bundle, versions, self._clock())
            self._of |= {uid: set_hash for uids in versions.values() for uid in uids}
            for kind in versions.keys() - self._followers.keys():
                self._followers[kind] = Follower(self._client, kind, self)
                self._followers[kind].start()

    def forget(self, set_hash: str) -> None:
        """The bundle is gone from the cluster."""
        with self._lock:
            self._drop(set_hash)

    def watched(self, set_hash: str) -> bool:
        """Whether all that happens to the bundle is told."""
        with self._lock:
            seen = self._seen.get(set_hash)
            return seen is not None and all(self._followers[kind].works for kind in seen.versions)

    def changed(self, kind: Kind, uid: str, set_hash: str, version: str) -> None:
        """An object of a bundle has this version now."""
        with self._lock:
            self._note(kind, uid, set_hash, version)
            self._some.set()

    def listed(self, kind: Kind, there: Mapping[str, tuple[str, str]]) -> None:
        """All there is of a kind: by their uids whose they are, and their versions. What is not among them is gone."""
        with self._lock:
            gone = [(uid, one) for one, seen in self._seen.items() for uid in seen.versions.get(kind, {}) if uid not in there]
            for uid, set_hash in gone:
                self._note(kind, uid, set_hash, DELETED)
            for uid, (set_hash, version) in there.items():
                self._note(kind, uid, set_hash, version)
            self._some.set()

    def failed(self, kind: Kind) -> None:
        """What happens to a kind is not told any more: bundles that have it are looked at, and by time from then on."""
        with self._lock:
            bundles = [seen.bundle for seen in self._seen.values() if kind in seen.versions]
        for bundle in bundles:
            self._ask(bundle)

    def is_unwanted(self, kind: Kind) -> bool:
        """Whether no bundle has the kind any more; its follower has to end then."""
        with self._lock:
            unwanted = not any(kind in seen.versions for seen in self._seen.values())
            if unwanted:
                self._followers.pop(kind, None)
            return unwanted

    def _note(self, kind: Kind, uid: str, set_hash: str, version: str) -> None:
        before = self._of.get(uid, set_hash)
        if before != set_hash:  # another bundle took it
            self._told[before, kind, uid] = DELETED
        if set_hash in self._seen:
            self._told[set_hash, kind, uid] = version

    def _drop(self, set_hash: str) -> None:
        seen = self._seen.pop(set_hash, None)
        for uids in seen.versions.values() if seen else ():
            for uid in uids:
                if self._of.get(uid) == set_hash:
                    del self._of[uid]

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._some.wait()
            self._stopping.wait(DELAY)
            for bundle in self._due():
                self._ask(bundle)

    def _due(self) -> set[str]:
        """The bundles with something that their last look did not see; what was told of one looked at just now waits."""
        with self._lock:
            now, due, told = self._clock(), set(), self._told
            self._told = {}
            for (set_hash, kind, uid), version in told.items():
                seen = self._seen.get(set_hash)
                if seen is None or not seen.differs(kind, uid, version):
                    continue
                if now - seen.at < APART:
                    self._told[set_hash, kind, uid] = version
                else:
                    due.add(seen.bundle)
            if not self._told:
                self._some.clear()
            return due

    def _ask(self, bundle: str) -> None:
        if self._tell is not None and not self._stopping.is_set():
            self._tell(bundle)
