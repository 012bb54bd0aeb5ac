"""Whether there is news for a cluster, from memory: the revision of the newest thing it may have to be told of.

16 bytes a cluster, by its number: that revision, and 64 bits of its uid. A cluster is read from the store when it is first
asked for, and from then on the change feed raises its number; what is raised too far costs a needless answer and loses
nothing. What may have changed while a cluster was read is not remembered, so it is read again.
"""

from __future__ import annotations

import hashlib
import threading
from array import array
from collections.abc import Iterable

import msgspec

from extension.engine.stored import listed
from extension.objects.kinds import Bundle
from extension.store.asking import Known
from extension.store.protocol import Change, Store


class Newest:
    """`at` may be called from several threads, the others from the one of the change feed. `count` is how many clusters it knows."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._asking = store.asking
        self._lock = threading.Lock()
        self._revisions = array("Q")
        self._identities = array("Q")
        self._doubts = 0
        self._looked: dict[int, int] = {}
        self._began = 0
        self._bundles: dict[tuple[str, str], bytes] = {}
        self.count = 0

    def at(self, number: int) -> tuple[int, int] | None:
        """A cluster's identity and the revision of its news from memory; None when it has to be read."""
        with self._lock:
            if number >= len(self._identities) or not self._identities[number]:
                return None
            return self._identities[number], self._revisions[number]

    def read(self, number: int) -> Known | None:
        """The cluster from the store, remembered if an agent may ask for its work; None when it is gone."""
        with self._lock:
            doubts = self._doubts
        found = self._asking.known(number)
        with self._lock:
            if found is not None and not found.served and doubts == self._doubts:
                self._raise(number, found.newest)
                self.count += not self._identities[number]
                self._identities[number] = found.identity
        return found

    # the change feed

    def forget(self) -> None:
        """Starts anew: changes may have been missed. What is known of bundles is from before any cluster is read again."""
        began = self._store.revision()
        bundles = {(b.metadata.namespace, b.metadata.name): _digest(b) for b in listed(self._store, Bundle)}
        with self._lock:
            self._doubts += 1
            self._revisions, self._identities = array("Q"), array("Q")
            self._looked, self._began, self._bundles, self.count = {}, began, bundles, 0

    def cluster_changed(self, change: Change) -> None:
        """Any change of a Cluster can be one of its work (a pause, a schedule, another way to reach it): it is read again."""
        with self._lock:
            self._doubts += 1
            self._raise(change.number, change.revision)
            self.count -= bool(self._identities[change.number])
            self._identities[change.number] = 0

    def deployments_changed(self, change: Change) -> None:
        """Something was asked of clusters, or some of them reported."""
        revision, asked = self._asking.asked(change.number, self._looked.get(change.number, self._began))
        with self._lock:
            for number, newest in asked:
                self._raise(number, newest)
        self._looked[change.number] = revision

    def bundle_changed(self, change: Change) -> None:
        """What agents are told of a Bundle itself is little; its status changes often and is no news."""
        place = (change.key.namespace, change.key.name)
        bundle = None if change.type == "DELETED" else self._store.find(Bundle, *place)
        if bundle is None:
            self._bundles.pop(place, None)
            self._looked.pop(change.number, None)
            return
        digest = _digest(bundle)
        if self._bundles.get(place) != digest:
            self._raised(self._asking.clusters_of(change.number), max(change.revision, int(bundle.metadata.resource_version)))
            self._bundles[place] = digest

    def _raised(self, numbers: Iterable[int], revision: int) -> None:
        with self._lock:
            for number in numbers:
                self._raise(number, revision)

    def _raise(self, number: int, revision: int) -> None:
        if number >= len(self._revisions):
            more = bytes(8 * (number + 1 - len(self._revisions) + number // 8))
            self._revisions.frombytes(more)
            self._identities.frombytes(more)
        self._revisions[number] = max(self._revisions[number], revision)


def _digest(bundle: Bundle) -> bytes:
    """What `Assigned` has from a Bundle's document."""
    spec = bundle.spec
    told = (spec.paused, spec.depends_on, spec.helm_op_options, sorted(bundle.metadata.labels.items()))
    return hashlib.blake2b(msgspec.json.encode(told), digest_size=16).digest()
