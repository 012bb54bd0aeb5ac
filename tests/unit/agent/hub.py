"""A hub in memory, that an agent asks: what it was told, what it said, and how it refuses."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from extension.agent.identity import Identity
from extension.objects.agents import (
    ClusterCopies,
    DeploymentReport,
    Registration,
    RegistrationRequest,
    ReportAnswer,
    ReportBatch,
    StaleReport,
    Work,
    WorkItem,
)
from extension.objects.content import manifest
from extension.objects.errors import Unauthorized, UserError
from extension.objects.kinds import BundleResource
from extension.objects.moving import Leaving

FILES = (BundleResource(name="a.yaml", content="apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"),)
CONTENT = manifest(FILES)
SHA = hashlib.sha256(CONTENT).hexdigest()


def item(number: int, name: str, version: int = 1, **given: Any) -> WorkItem:
    made = {"bundle_id": number, "bundle_namespace": "ws", "bundle_name": name, "revision": version, "content_sha256": SHA}
    return WorkItem(**{**made, "deployment_id": f"s-{version}:x", **given})


class MemoryKeep:
    def __init__(self, identity: Identity | None = None) -> None:
        self.identity = identity
        self.saved: list[str] = []

    def load(self) -> Identity | None:
        return self.identity

    def save(self, identity: Identity) -> None:
        self.identity = identity
        self.saved.append(identity.key)

    def client_id(self) -> str:
        return "cluster-uid"


class MemoryHub:
    """See `agent.link.Link`. `items` are all orders there are; `refuses` is raised instead of any answer."""

    def __init__(self) -> None:
        self.items: dict[int, WorkItem] = {}
        self.keys = {"key-1"}
        self.refuses: UserError | None = None
        self.asked: list[str] = []
        self.reports: dict[int, DeploymentReport] = {}
        self.generation = 0
        self.generations: list[int] = []
        self.next_key = ""
        self.dismisses, self.let_go = False, 0
        self.unreachable: str | None = None
        self.leaving: tuple[Leaving, ...] = ()
        self.after = 1000.0
        self.content_sent = CONTENT
        self.registered: list[RegistrationRequest] = []
        self._version = 0

    def changed(self, *items: WorkItem) -> None:
        self.items |= {one.bundle_id: one for one in items}
        self._version += 1

    def register(self, secret: str, wanted: RegistrationRequest) -> Registration:
        self._said("register")
        if secret != "secret":
            raise Unauthorized("the registration secret is not good")
        self.registered.append(wanted)
        key = f"key-{len(self.registered)}"
        self.keys = {key}
        return Registration(wanted.client_id, "ws", "cluster-x", "ns", key)

    def check_in(self, key: str, since: str) -> tuple[Work | None, float]:
        self._said("check-in", key)
        if since == str(self._version):
            return None, self.after
        given, self.next_key = self.next_key, ""
        if given:
            self.keys.add(given)
        sequences = [one.sequence for one in self.reports.values()]
        work = Work(
            since=str(self._version),
            complete=not since,
            sequence=max(sequences, default=0),
            reported=sum(sequences),
            key=given,
            agent_generation=self.generation,
            dismissed=self.dismisses,
            leaving=self.leaving,
            items=() if self.dismisses else tuple(self.items.values()),
        )
        return work, self.after

    def renew(self, key: str) -> str:
        self._said("key", key)
        self.keys |= {"key-next"}
        return "key-next"

    def content(self, key: str, sha256: str) -> bytes:
        self._said("content", key)
        return self.content_sent

    def chart(self, key: str, bundle_id: int) -> bytes:
        self._said("chart", key)
        return CONTENT

    def copies(self, key: str, bundle_id: int) -> ClusterCopies:
        self._said("copies", key)
        return ClusterCopies(({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}},), 7)

    def report(self, key: str, batch: ReportBatch) -> ReportAnswer:
        self._said("report", key)
        if batch.agent_generation is not None:
            self.generations.append(batch.agent_generation)
        self.let_go += batch.dismissed
        self.unreachable = self.unreachable if batch.unreachable is None else batch.unreachable
        self.leaving = tuple(mark for mark in self.leaving if mark not in batch.left)
        stale = []
        for one in batch.reports:
            known = self.reports.get(one.bundle_id)
            if known is not None and known.sequence >= one.sequence and known != one:
                stale.append(StaleReport(one.bundle_id, known.sequence))
            elif one.removed:
                self.reports.pop(one.bundle_id, None)
                self.items.pop(one.bundle_id, None)
            else:
                self.reports[one.bundle_id] = one
        gone = tuple(one.bundle_id for one in batch.reports if one.bundle_id not in self.items and not one.removed)
        return ReportAnswer(len(batch.reports) - len(stale), tuple(stale), gone)

    def said(self, number: int) -> str:
        return self.reports[number].status.applied_deployment_id if number in self.reports else ""

    def restored(self, reports: dict[int, DeploymentReport]) -> None:
        """The hub knows what it knew then."""
        self.reports = {number: msgspec.structs.replace(one) for number, one in reports.items()}
        self._version += 1

    def _said(self, what: str, key: str | None = None) -> None:
        self.asked.append(what)
        if self.refuses is not None:
            raise self.refuses
        if key is not None and key not in self.keys:
            raise Unauthorized("the key is not good")
