"""The hub: what agents that pull are told, and what they tell (`design.md` decision 3, `docs/agents.md`).

A check-in without news is answered from memory. Agents are sent away for a time that grows with their number, each at a
moment of its own, so that a million of them are an even stream. Nothing of a cluster's is shown to another: who asks is told
by its key alone, and every question to the store is asked with that cluster's number.
"""

from __future__ import annotations

import gzip
import hashlib
import threading
import time
from collections.abc import Callable

import msgspec
import structlog
from pyroaring import BitMap

from extension.engine.contents import Contents
from extension.engine.epochs import Epochs
from extension.engine.feed import PAUSE, Feed
from extension.engine.gate import Gate
from extension.engine.keyring import Bearer, Keyring
from extension.engine.newest import Newest
from extension.engine.registering import Registrations
from extension.engine.reports import Reports
from extension.engine.stored import changed, imported, redeployed, unreachable, without_finalizer
from extension.engine.wire import told
from extension.objects.agents import MOST_WORDS, ClusterCopies, DeploymentReport, ReportAnswer, ReportBatch, StaleReport, Work
from extension.objects.base import Key
from extension.objects.content import manifest
from extension.objects.departing import FINALIZER
from extension.objects.errors import Conflict, Invalid, NotFound, Unauthorized
from extension.objects.kinds import Cluster
from extension.objects.marks import DISMISSED
from extension.objects.moving import without_marks
from extension.settings import Settings
from extension.store.protocol import Assigned, Report, Store

log = structlog.get_logger()

SHORTEST = 15.0
A_SECOND = 1000.0
"""How many check-ins a second the agents of a large fleet are asked to make at most."""
WRITE_TIMEOUT = 30.0
WAIT = 5
MOST_REPORTS = 1000
FETCHES = 4
"""Charts that are fetched at once for agents."""


class Answer(msgspec.Struct, frozen=True):
    """`work` is None when there is none; the agent is to come back `after` seconds."""

    work: Work | None
    after: float


class Hub:
    """`start` comes first. Methods for agents may be called from many threads; all raise Unauthorized for a key that
    is not good, and Busy when too many ask at once."""

    def __init__(
        self, store: Store, reports: Reports, settings: Settings, contents: Contents | None = None,
        *, clock: Callable[[], float] = time.time, pause: float = PAUSE,
    ) -> None:  # fmt: skip
        self._store = store
        self._reports = reports
        self._contents = contents or Contents(store)
        self._clock = clock
        self._longest = settings.checkin_interval
        self._lock = threading.Lock()
        self._reached = BitMap()
        width = max(2, settings.threads // 2)
        self._reads = Gate("agents ask for their work", width, WAIT)
        self._fetches = Gate("agents fetch charts", FETCHES, WAIT)
        self._writes = Gate("agents report", width, WAIT)
        self.keys = Keyring(store.asking)
        self.register = Registrations(store, self.keys, Gate("clusters register", width, WAIT), settings)
        self._newest = Newest(store)
        self._epochs = Epochs(store.asking)
        routes = {
            "Cluster": (self._newest.cluster_changed,),
            "Bundle": (self._newest.bundle_changed,),
            "BundleDeployment": (self._newest.deployments_changed,),
        }
        self._feed = Feed(store, routes, self._newest.forget, pause, anew=True)

    def start(self, term: int) -> bool:
        """Whether it has started. Called until it has, with the term of the engine that there is, in whatever process; agents that ask
        before are told to come back."""
        if not self._epochs.follow(term):
            return False
        self._feed.start()
        return True

    def stop(self) -> None:
        self._feed.stop()

    def check_in(self, key: str, since: str) -> Answer:
        """What changed for the cluster after `since`; everything, if that is not a moment the hub knows. One of an earlier epoch is always
        answered with work, if only to say what is known of the agent's reports."""
        if (after := self.unchanged(key, since)) is not None:
            return Answer(None, after)
        shown = self.keys.bearer(key)
        bearer, news = self._placed(shown)
        with self._lock:
            self._reached.add(bearer.number)
        revision = self._epochs.revision(since) if bearer.number == shown.number else 0
        renewed = bearer.number != shown.number or self.keys.outdated(shown)
        if revision and news <= revision and not renewed and self._epochs.present(since):
            return Answer(None, self._after(bearer.number))
        with self._reads.entered():
            found = self._store.asking.work(bearer.number, revision)
        items = tuple(told(item, whole=not revision) for item in found.items)
        given = self.keys.key(bearer.number, bearer.identity) if renewed else ""
        epoch = self._epochs.told(found.revision)
        work = Work(
            epoch,
            not revision,
            found.sequence,
            found.reported,
            given,
            agent_generation=found.agent_generation,
            dismissed=found.dismissed,
            leaving=found.leaving,
            items=items,
        )
        return Answer(work, self._after(bearer.number))

    def unchanged(self, key: str, since: str) -> float | None:
        """Seconds until the next check-in of an agent that knows everything, from memory; None when it may not."""
        bearer = self.keys.bearer(key)
        known = self._newest.at(bearer.number)
        revision = self._epochs.present(since)
        if known is None or known[0] != bearer.identity or not revision or known[1] > revision or self.keys.outdated(bearer):
            return None
        with self._lock:
            self._reached.add(bearer.number)
        return self._after(bearer.number)

    def content(self, key: str, sha256: str) -> bytes:
        """The gzipped manifest with this hash. Raises NotFound unless a deployment of the cluster names it."""
        bearer, _ = self._placed(self.keys.bearer(key))
        with self._reads.entered():
            return self._store.asking.content(bearer.number, sha256)

    def chart(self, key: str, bundle_id: int) -> bytes:
        """The files of the chart that a deployment of the cluster names, gzipped as contents are: an agent gets no credentials of a
        repository. Raises NotFound, and Invalid for a chart that can't be fetched."""
        item = self._item(key, bundle_id)
        with self._fetches.entered():
            return gzip.compress(manifest(self._contents.resources(item)), mtime=0)

    def copies(self, key: str, bundle_id: int) -> ClusterCopies:
        """What is copied beside a deployment of the cluster. Raises NotFound, and Invalid when something of it is not there."""
        found = self._contents.copies(self._item(key, bundle_id))
        return ClusterCopies(found.objects, found.generation)

    def _item(self, key: str, bundle_id: int) -> Assigned:
        bearer, _ = self._placed(self.keys.bearer(key))
        with self._reads.entered():
            items = self._store.asking.work(bearer.number, 0).items
        found = next((item for item in items if item.bundle_id == bundle_id), None)
        if found is None:
            raise NotFound(f"no deployment of this cluster is of bundle {bundle_id}", hint="check in again: the work may have changed")
        return found

    def report(self, key: str, batch: ReportBatch) -> ReportAnswer:
        """Writes what an agent says of its cluster's deployments, and returns when it is on disk, counters and all."""
        bearer, _ = self._placed(self.keys.bearer(key))
        number, reports = bearer.number, batch.reports
        _check(reports)
        self._told(number, batch)
        with self._writes.entered():
            made = [Report(one.bundle_id, number, one.status, one.removed, one.sequence, one.revision) for one in reports]
            standing = self._reports.deliver(made, WRITE_TIMEOUT)
        stored = {bundle: sequence for (bundle, _), sequence in standing.items()}
        stale = tuple(StaleReport(one.bundle_id, stored[one.bundle_id]) for one in reports if stored.get(one.bundle_id, 0) > one.sequence)
        gone = tuple(sorted({one.bundle_id for one in reports} - stored.keys()))
        return ReportAnswer(len(reports) - len(stale) - sum(one.bundle_id in gone and not one.removed for one in reports), stale, gone)

    def _told(self, number: int, batch: ReportBatch) -> None:
        """Writes on its Cluster what an agent says of itself, where that is news; most say nothing."""
        generation = batch.agent_generation
        if generation is None and not batch.left and not batch.dismissed and batch.unreachable is None:
            return
        key = self._store.keys(Cluster.KIND, [number]).get(number)
        found = self._store.find(Cluster, key.namespace, key.name) if key else None
        if found is None:
            return
        done = found.status.agent_deployed_generation or 0  # most agents were never forced
        if generation not in (None, done) and 0 <= generation <= found.spec.redeploy_agent_generation:
            redeployed(self._store, found, generation)
        if batch.left:
            changed(self._store, found, lambda cluster: without_marks(cluster, batch.left))
        if batch.unreachable is not None and (batch.unreachable or unreachable(found)):
            imported(self._store, found.key, "False" if batch.unreachable else "True", batch.unreachable[:MOST_WORDS])
        if batch.dismissed and DISMISSED in found.metadata.annotations:
            changed(self._store, found, lambda cluster: without_finalizer(cluster, FINALIZER))

    def renew(self, key: str) -> str:
        """Another key for the agent that shows this one; the same when it asks twice."""
        bearer, _ = self._placed(self.keys.bearer(key))
        if not self.keys.outdated(bearer):
            self.keys.rotate(bearer.number)
        return self.keys.key(bearer.number, bearer.identity)

    def rotate(self, cluster: Key) -> None:
        """Gives the agent of a cluster another key with its next check-in. Raises NotFound."""
        self.keys.rotate(self._store.object_id(cluster))

    def revoke(self, cluster: Key) -> None:
        """Takes back the key of a cluster's agent, which has to register again. Raises NotFound."""
        self.keys.revoke(self._store.object_id(cluster))

    def reached(self) -> BitMap:
        """The clusters that checked in since this was last asked."""
        with self._lock:
            reached, self._reached = self._reached, BitMap()
            return reached

    def _placed(self, bearer: Bearer) -> tuple[Bearer, int]:
        """The cluster that a key is for, which may have taken the place of one that was moved, and the revision of its news."""
        known = self._newest.at(bearer.number)
        if known is not None and known[0] == bearer.identity:
            return bearer, known[1]
        with self._reads.entered():
            found = self._newest.read(bearer.number)
            if found is None or found.identity != bearer.identity:
                number = self._store.asking.successor(bearer.number, bearer.identity)
                found = None if number is None else self._newest.read(number)
        if found is None:
            raise Unauthorized("the cluster of this key does not exist any more", hint="register it again, if it is to be managed")
        if found.served:
            hint = "stop the agent, or take kubeConfigSecret out of the cluster"
            raise Conflict("the service reaches this cluster itself", where=str(found.key), hint=hint)
        return Bearer(found.number, found.identity, bearer.generation if found.number == bearer.number else 0), found.newest

    def _after(self, number: int) -> float:
        """Seconds until a cluster's next turn. Turns are spread evenly by a hash of the number, whenever it asks."""
        interval = min(self._longest, max(SHORTEST, self._newest.count / A_SECOND))
        phase = int.from_bytes(hashlib.blake2b(number.to_bytes(8, "big"), digest_size=4).digest(), "big") / 2**32
        left = (phase * interval - self._clock()) % interval
        return left if left > interval / 2 else left + interval


def _check(reports: tuple[DeploymentReport, ...]) -> None:
    """Raises Invalid for what the store could not write: nobody's report may hold up the others in its transaction."""
    if len(reports) > MOST_REPORTS:
        raise Invalid(f"reports: {len(reports)} are more than {MOST_REPORTS}", field="reports", hint="send them in parts")
    for at, one in enumerate(reports):
        counts = msgspec.structs.astuple(one.status.resource_counts)
        if not (0 < one.sequence < 2**53 and 0 < one.bundle_id < 2**53 and 0 <= one.revision < 2**53):
            raise Invalid(f"reports[{at}]: bundleID, sequence and revision are numbers of at least 1", field=f"reports[{at}]")
        if not all(0 <= count < 2**31 for count in counts):
            raise Invalid(f"reports[{at}].status.resourceCounts: a count is out of bounds", field=f"reports[{at}].status.resourceCounts")
