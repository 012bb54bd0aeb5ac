"""The hub's orders for one cluster, as the work loop asks for them (`engine.loop.Orders`).

What a check-in brought waits here until the loop takes it; what the loop reports goes to the outbox. Files are asked for when a deployment
needs them, checked against their hash, and kept, so that what is deployed can be corrected while the hub is away.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from extension.agent.link import Link
from extension.agent.outbox import Outbox
from extension.delivery.copies import Copies
from extension.delivery.protocol import Deployment
from extension.engine.agent import Agent
from extension.engine.contents import made_of
from extension.engine.leaving import is_of, is_placed
from extension.engine.wire import assigned
from extension.objects.agents import DeploymentReport, Work
from extension.objects.base import Key
from extension.objects.content import resources_in
from extension.objects.errors import Invalid, UserError
from extension.objects.kinds import BundleResource
from extension.objects.moving import Leaving
from extension.objects.names import AGENT_BUNDLE
from extension.store.protocol import Assigned, Report

KEPT_BYTES = 64 << 20
T = TypeVar("T")


class HubOrders:
    """`key` gives the agent's key as it is now."""

    def __init__(self, link: Link, key: Callable[[], str], outbox: Outbox) -> None:
        self._link, self._key, self._outbox = link, key, outbox
        self._lock = threading.Lock()
        self._fresh: list[Assigned] = []
        self._revisions: dict[int, int] = {}
        self._contents: OrderedDict[str, bytes] = OrderedDict()
        self._copies: dict[int, Copies] = {}
        self._leaving: dict[str, Leaving] = {}

    def take(self, work: Work) -> None:
        """What a check-in brought."""
        items = [assigned(item, 0) for item in work.items]
        with self._lock:
            self._fresh += items
            self._leaving = {mark.bundle: mark for mark in work.leaving}
            self._revisions |= {item.bundle_id: item.revision for item in items}

    def assigned(self, cluster: Key, since: int) -> Sequence[Assigned]:
        with self._lock:
            fresh, self._fresh = self._fresh, []
        return fresh

    def deployment(self, item: Assigned) -> Deployment:
        return made_of(item, self._resources, self._copied(item) if item.options.downstream_resources else Copies())

    def report(self, report: Report) -> None:
        with self._lock:
            revision = self._revisions.get(report.bundle_id, 0)
        status = report.status
        self._outbox.put(DeploymentReport(bundle_id=report.bundle_id, revision=revision, removed=report.removed, status=status))

    def imported(self, cluster: Key, status: str, message: str) -> None:
        self._outbox.reached(message if status == "False" else "")

    def leave(self, agent: Agent) -> bool:
        """Removes the releases of this product that belong to no order: what the cluster had in another workspace, and what the hub
        forgot. Objects stay where a move said so. Releases of Rancher's own Fleet are not touched."""
        with self._lock:
            marks = dict(self._leaving)
        releases = agent.delivery.releases()
        with agent.lock:
            wanted = {item.bundle.name: item for item in agent.items.values() if item.is_wanted}
        waits = False
        for release in releases:
            item = wanted.get(release.bundle)
            if item is not None and not is_placed(item):
                waits = True
            elif not is_of(item, release) and release.deployment_id and release.bundle != AGENT_BUNDLE:
                keep = release.keep_resources or (release.bundle in marks and marks[release.bundle].keep)
                agent.delivery.remove(msgspec.structs.replace(release, keep_resources=keep))
                if item is None and not keep:
                    agent.delivery.withdraw(release.bundle)
        if not waits:
            self._outbox.done(marks.values())
        return not waits

    def _resources(self, item: Assigned) -> tuple[BundleResource, ...]:
        if item.chart is not None:
            chart = f"{item.bundle_id} {item.deployment_id}"
            return resources_in(self._held(chart, lambda: self._link.chart(self._key(), item.bundle_id)))
        return resources_in(self._held(item.content_sha256, lambda: self._content(item.content_sha256)))

    def _held(self, name: str, ask: Callable[[], bytes]) -> bytes:
        """What was asked for before, while it is among the newest."""
        with self._lock:
            if name in self._contents:
                self._contents.move_to_end(name)
                return self._contents[name]
        data = _from_hub(ask)
        with self._lock:
            self._contents[name] = data
            while len(self._contents) > 1 and sum(map(len, self._contents.values())) > KEPT_BYTES:
                self._contents.popitem(last=False)
        return data

    def _content(self, sha256: str) -> bytes:
        data = self._link.content(self._key(), sha256)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise Invalid(f"the hub's files for {sha256} have another hash", hint="see what changes answers between the hub and here")
        return data

    def _copied(self, item: Assigned) -> Copies:
        """Those of the last time while the hub is away."""
        try:
            found = self._link.copies(self._key(), item.bundle_id)
        except Invalid:
            raise
        except UserError as error:
            if item.bundle_id not in self._copies:
                raise _away(error) from None
        else:
            self._copies[item.bundle_id] = Copies(found.objects, found.generation)
        return self._copies[item.bundle_id]


def _from_hub(ask: Callable[[], T]) -> T:
    """Raises Invalid, as the deployment's own error, which is tried again: that the hub is away says nothing of the cluster."""
    try:
        return ask()
    except Invalid:
        raise
    except UserError as error:
        raise _away(error) from None


def _away(error: UserError) -> Invalid:
    return Invalid(f"the hub does not give what is to be deployed: {error.message}", where=error.where, hint=error.hint)
