"""The life of an agent: it registers, asks for work, has it done, and tells how it is. Nothing ends it but its stop, and a hub that serves
the cluster itself.

Check-ins and reports are made by one thread, one after the other, so that what the hub acknowledged is known exactly. While the hub is away
the work goes on: what is deployed is watched and corrected, and what there is to tell waits in the outbox.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress

import msgspec
import structlog

from extension.agent.identity import Identity, Keep
from extension.agent.link import Link
from extension.agent.orders import HubOrders
from extension.agent.outbox import Outbox
from extension.delivery.protocol import Delivery
from extension.engine.agent import Agent
from extension.engine.loop import CLUSTER, Loop
from extension.jitter import spread
from extension.objects.agents import DeploymentReport, RegistrationRequest, ReportBatch, Work
from extension.objects.base import Key, ObjectMeta
from extension.objects.errors import Busy, Conflict, Invalid, Unauthorized, UserError
from extension.objects.kinds import Cluster

log = structlog.get_logger()

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
REFUSED = 60.0
"""Seconds after which an agent whom the hub does not know tries again."""
GATHER = 0.2
"""Seconds in which reports come together."""
DAY = 24 * 3600.0
WHOLE = DAY
"""So often all orders are asked for: an answer that was lost heals then at the latest."""
WORKERS = 4
_LET_GO = "uninstall it, or delete what it keeps of itself (docs/agents.md) to register the cluster again"
_NAME = "cluster"
"""What the cluster is called here: the hub may call it something else tomorrow."""


class Registering(msgspec.Struct, frozen=True):
    """What a cluster registers with. `secret` is read anew each time: somebody may have replaced it."""

    secret: Callable[[], str]
    client_id: str = ""
    labels: dict[str, str] = {}


class Program:
    """`open_delivery` gives the cluster's delivery with fresh connections; a key is renewed after `key_days`, never for 0. `run` is called
    once."""

    def __init__(
        self,
        link: Link,
        keep: Keep,
        registering: Registering,
        open_delivery: Callable[[], Delivery],
        *,
        drift_interval: float,
        key_days: float = 0.0,
        today: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
    ) -> None:
        self._link, self._keep, self._registering, self._open = link, keep, registering, open_delivery
        self._drift_interval, self._clock, self._wait = drift_interval, clock, wait
        self._key_seconds, self._today = key_days * DAY, today
        self._identity: Identity | None = None
        self._since, self._whole, self._due, self._failures = "", 0.0, 0.0, 0
        self._outbox = Outbox()
        self._generation: int | None = None
        self._said: int | None = None
        self._stopping = threading.Event()
        self._began()

    def run(self) -> None:
        """Lives until `stop`. Raises Conflict when the hub serves the cluster itself, and Invalid for what can't be mended by waiting."""
        self._loop.start()
        try:
            while not self._stopping.is_set():
                pause = self._turn()
                if self._identity is not None and self._identity.dismissed and not self._identity.key:
                    self._rest()
                if self._failures:
                    self._wait(self._stopping, pause)
                elif self._wait(self._outbox.filled, pause):
                    self._wait(self._stopping, GATHER)
        finally:
            self._loop.stop()

    def stop(self) -> None:
        self._stopping.set()
        self._outbox.filled.set()

    def _turn(self) -> float:
        """One thing that is due; the seconds until the next is."""
        now = self._clock()
        if self._failures and now < self._due:
            return self._due - now
        try:
            if self._identity is None:
                self._identity = self._registered(anew=False)
            if self._identity.dismissed:
                self._let_go(self._identity)
                return 0.0
            if self._outbox.filled.is_set():
                self._report()
            if now >= self._due:
                self._renew(self._identity)
                self._check_in()
            self._failures = 0
        except (Conflict, Invalid):
            raise
        except Unauthorized as error:
            self._refused(error)
        except UserError as error:
            self._failed(error)
        return max(0.0, self._due - self._clock())

    def _rest(self) -> None:
        """Does nothing any more, and stays: who ends would be started again."""
        self._loop.stop()
        log.warning("the cluster was deleted at the hub: the agent does nothing any more", hint=_LET_GO)
        self._stopping.wait()

    def _refused(self, error: Unauthorized) -> None:
        """The key is not good any more (it was taken back, or the hub was restored): the same clientID is given another."""
        try:
            self._identity = self._registered(anew=True)
            self._since, self._due, self._failures = "", 0.0, 0
        except Unauthorized:
            self._failed(error, REFUSED)
        except UserError as other:
            self._failed(other)

    def _failed(self, error: UserError, after: float | None = None) -> None:
        """Leaves the hub alone for `after` seconds, else as long as it asked for, else longer and longer."""
        self._failures += 1
        asked = error.retry_after if isinstance(error, Busy) else min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._failures, 8))
        pause = asked if after is None else after
        self._due = self._clock() + spread(pause, 1.0, 1.3)
        if self._failures == 1 or isinstance(error, Unauthorized):
            log.warning("the hub can't be asked", problem=error.message, hint=error.hint)

    def _registered(self, *, anew: bool) -> Identity:
        """The identity that is kept, or another one that the hub gave and that is kept now."""
        known = self._keep.load()
        if known is not None and (known.dismissed or (known.key and not anew)):
            return known
        client_id = (known and known.client_id) or self._registering.client_id or self._keep.client_id()
        if known is None:  # whoever asks twice has to be the same cluster
            self._keep.save(Identity(client_id))
        given = self._link.register(self._registering.secret(), RegistrationRequest(client_id, self._registering.labels))
        identity = Identity(client_id, given.key, given.cluster_namespace, given.cluster_name, self._today())
        self._keep.save(identity)
        log.info("registered", cluster=f"{given.cluster_namespace}/{given.cluster_name}")
        return identity

    def _check_in(self) -> None:
        assert self._identity is not None
        now = self._clock()
        if now >= self._whole:
            self._since = ""
        work, after = self._link.check_in(self._identity.key, self._since)
        self._due = self._clock() + after
        if work is None:
            return
        if work.dismissed:
            self._let_go(self._identity)
            return
        if work.key:
            self._renewed(self._identity, work.key)
        self._taken(work)

    def _renew(self, identity: Identity) -> None:
        """Asks for another key when this one is old. One whose answer is lost comes with the next check-in."""
        if self._key_seconds and self._today() - identity.since >= self._key_seconds:
            self._renewed(identity, self._link.renew(identity.key))

    def _renewed(self, identity: Identity, key: str) -> None:
        """Takes another key, which is kept before it is used."""
        renewed = msgspec.structs.replace(identity, key=key, since=self._today())
        self._keep.save(renewed)
        self._identity = renewed

    def _let_go(self, identity: Identity) -> None:
        """Says that it knows, unless it said so. Kept first: one that is killed in between registers nothing, and says it again."""
        self._identity = msgspec.structs.replace(identity, dismissed=True)
        self._keep.save(self._identity)
        if identity.key:
            with suppress(Unauthorized):  # said before
                self._link.report(identity.key, ReportBatch(dismissed=True))
            self._identity = Identity(identity.client_id, dismissed=True)
            self._keep.save(self._identity)

    def _taken(self, work: Work) -> None:
        forced = self._generation is not None and work.agent_generation > self._generation
        self._generation = work.agent_generation
        if forced:
            log.info("the agent is made anew", generation=work.agent_generation)
            self._loop.stop()
            self._began()
            self._loop.start()
            self._since, self._whole, self._due = "", 0.0, 0.0
            return  # said when everything was asked for anew
        named = [item.bundle_id for item in work.items] if work.complete else None
        lacks = self._outbox.told(work.sequence, work.reported, named)
        self._orders.take(work)
        self._since = work.since
        if work.complete:
            self._forget(work)
            self._whole = self._clock() + WHOLE
        self._loop.sync(self._key)
        if work.complete or work.leaving:
            self._loop.queue.add((self._key, CLUSTER))
        if lacks:
            self._retell()
        if self._is_renewed:
            self._outbox.filled.set()

    @property
    def _is_renewed(self) -> bool:
        """Whether there is a forced update to tell of: the agent was made anew, and asked for everything since."""
        return bool(self._since) and self._said != self._generation

    def _forget(self, work: Work) -> None:
        """Drops the orders that are not among all there are; what they left on the cluster goes with the next look at it as a whole."""
        named = {Key("Bundle", item.bundle_namespace, item.bundle_name) for item in work.items}
        with self._agent.lock:
            for key in self._agent.items.keys() - named:
                del self._agent.items[key]
                self._agent.waiting.discard(key)

    def _retell(self) -> None:
        with self._agent.lock:
            known = [item for item in self._agent.items.values() if item.status.conditions and not item.deleting]
        for item in known:
            self._outbox.put(DeploymentReport(bundle_id=item.bundle_id, revision=item.revision, status=item.status))

    def _report(self) -> None:
        assert self._identity is not None
        batch = self._outbox.batch(self._generation if self._is_renewed else None)
        answer = self._link.report(self._identity.key, batch)
        self._said = self._said if batch.agent_generation is None else batch.agent_generation
        self._outbox.answered(batch, answer)

    def _began(self) -> None:
        """Everything that knows the cluster, made anew."""
        self._orders = HubOrders(self._link, lambda: self._identity.key if self._identity else "", self._outbox)
        self._loop = Loop(self._orders, workers=WORKERS, drift_interval=self._drift_interval, clock=self._clock)
        self._agent = Agent(Cluster(metadata=ObjectMeta(name=_NAME)), self._open(), "")
        self._agent.doubted = True  # an agent before this one may have said that the cluster can't be reached
        self._key = self._agent.key
        self._loop.serve(self._agent)
