"""A management cluster, read and written: the one real implementation of what the pure part looks at.

Of Secrets only the metadata is ever asked for, so no value of one comes into this process. What refers to others is read before
them: an object that is made meanwhile is then found, and never taken for missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from extension.delivery.client import METADATA, METADATA_LIST, ApiError, Client, Kind
from extension.objects.errors import Conflict, Forbidden, NotFound
from extension.rancher.repair.findings import agent_bundle
from extension.rancher.repair.references import references
from extension.rancher.repair.world import KINDS, REGISTRATION, SYSTEM, Ref, Seen, World, seen, world

MERGE_PATCH = "application/merge-patch+json"
FIRST = ("ClusterRegistration", "GitRepo", "HelmOp", "ImageScan", "GitRepoRestriction", "Policy")
NEEDED = ("GitRepo", "Cluster")
"""Without these there is no Fleet."""


class Kubernetes:
    """The objects of a management cluster, as whoever the client acts as. See `executing.Objects`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._metadata, self._metadata_list = client.accepting(METADATA), client.accepting(METADATA_LIST)
        self._kinds = {kind: client.kind(api_version, kind) for kind, api_version in KINDS.items()}

    def world(self, silent_after: float) -> World:
        """All that is looked at. Raises NotFound where there is no Fleet, Forbidden where not all may be read."""
        lacking = [kind for kind in NEEDED if self._kinds[kind] is None]
        if lacking:
            hint = "name the cluster that Rancher itself runs on"
            raise NotFound(f"there is no Fleet here: the kind {lacking[0]} is missing", where=self._client.server, hint=hint)
        found = list(self._all())
        return world(datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), silent_after, found)

    def _all(self) -> Iterator[Seen]:
        """Everything, in its order, and of Secrets those of the namespaces in which one may be named."""
        places = {*SYSTEM, *REGISTRATION}
        for namespace in SYSTEM:
            yield from self._list("ServiceAccount", namespace)
            yield from self._list("Deployment", namespace)
        for kind in (*FIRST, "Cluster"):
            for one in self._list(kind):
                places |= {reference.secret.namespace for reference in references(one)}
                yield one
                yield from self._bundle(one)
        for namespace in sorted(places):
            yield from self._list("Secret", namespace)

    def _list(self, kind: str, namespace: str = "") -> Iterator[Seen]:
        served = self._kinds[kind]
        if served is None:
            return
        try:
            client = self._metadata_list if kind == "Secret" else self._client
            for raw in client.list(served, namespace):
                yield seen(kind, raw)
        except ApiError as error:
            raise _told(error) from None

    def _bundle(self, cluster: Seen) -> Iterator[Seen]:
        """The Bundle of a cluster's agent, where something of the cluster is Modified: Bundles are large, and most are whole."""
        if cluster.at.kind == "Cluster" and may_be_modified(cluster) and (bundle := self.read(agent_bundle(cluster))):
            yield bundle

    def read(self, at: Ref) -> Seen | None:
        served = self._kinds[at.kind]
        try:
            raw = self._of(at.kind).get(served, at.namespace, at.name) if served else None
        except ApiError as error:
            raise _told(error) from None
        return Seen(at, raw) if raw else None

    def patch(self, seen: Seen, patch: Mapping[str, Any]) -> None:
        version = {"resourceVersion": seen.text("metadata", "resourceVersion")}
        body = {**patch, "metadata": {**patch.get("metadata", {}), **version}}
        self._send("PATCH", seen.at, body, MERGE_PATCH)

    def delete(self, seen: Seen) -> None:
        conditions = {name: seen.text("metadata", name) for name in ("uid", "resourceVersion")}
        self._send("DELETE", seen.at, {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": conditions}, "application/json")

    def _send(self, method: str, at: Ref, body: Mapping[str, Any], content_type: str) -> None:
        served = self._kinds[at.kind]
        assert isinstance(served, Kind), "what was read is served"
        try:
            self._of(at.kind).request(method, served.path(at.namespace, at.name), body, content_type=content_type)
        except ApiError as error:
            raise _told(error) from None

    def _of(self, kind: str) -> Client:
        return self._metadata if kind == "Secret" else self._client


def may_be_modified(cluster: Seen) -> bool:
    """Whether Fleet says that something of a cluster is Modified, or nothing at all."""
    summary = [cluster.number("status", "summary", name) for name in ("desiredReady", "modified")]
    return summary[0] is None or bool(summary[1])


def _told(error: ApiError) -> Exception:
    """The API server's refusal as everybody here knows it."""
    if error.status_code == 409:
        return Conflict(error.message, where=error.where)
    if error.status_code == 403:
        return Forbidden(error.message, hint="a repair needs the rights that docs/repair.md lists")
    return error
