"""Helm's release records as they lie on the cluster: Secrets that every Helm client reads and writes.

A record is the truth about what this agent deployed, so a hub that was restored from an old backup finds it there.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import zlib
from collections.abc import Iterator
from typing import Any

import msgspec
import orjson

from extension.delivery.client import Client, Kind
from extension.delivery.protocol import Release
from extension.objects.errors import Unavailable

SECRETS = Kind("v1", "Secret", "secrets", True)
AGENT = "cattle-fleet-system"
"""The namespace of the agent whose releases these are; releases of others are not touched."""
BUNDLE_ID = "fleet.cattle.io/bundle-id"
AGENT_NAMESPACE = "fleet.cattle.io/agent-namespace"
SERVICE_ACCOUNT = "fleet.cattle.io/service-account"
COMMIT = "fleet.cattle.io/commit"
KEEP_RESOURCES = "fleet.cattle.io/keep-resources"
DEPLOYMENT_ID = "continuous-delivery.cattle.io/deployment-id"
RELEASE_NAME, RELEASE_NAMESPACE = "meta.helm.sh/release-name", "meta.helm.sh/release-namespace"
"""Annotations of an object: the release that it is of, which is its owner."""


class Revision(msgspec.Struct, frozen=True):
    """One revision of a release, without its content."""

    namespace: str
    name: str
    number: int
    status: str

    @property
    def secret(self) -> str:
        return f"sh.helm.release.v1.{self.name}.v{self.number}"


class Content(msgspec.Struct, frozen=True):
    """What a record holds: the chart's annotations and the manifest."""

    annotations: dict[str, str]
    manifest: str


class HelmRecords:
    def __init__(self, client: Client) -> None:
        self._client = client

    def releases(self) -> tuple[Release, ...]:
        """The releases of this agent."""
        found = []
        for revision, content in self.deployed():
            notes = content.annotations
            if notes.get(AGENT_NAMESPACE) == AGENT:
                of = (notes[BUNDLE_ID], notes.get(DEPLOYMENT_ID, ""), notes.get(KEEP_RESOURCES) == "true")
                found.append(Release(revision.name, revision.namespace, *of))
        return tuple(found)

    def revisions(self, namespace: str, name: str) -> list[Revision]:
        """The revisions of a release, oldest first."""
        found = self._client.list(SECRETS, namespace, f"owner=helm,name={name}")
        return sorted((_revision(secret) for secret in found), key=lambda revision: revision.number)

    def content(self, revision: Revision) -> Content | None:
        secret = self._client.get(SECRETS, revision.namespace, revision.secret)
        return None if secret is None else _content(secret)

    def deployed(self) -> Iterator[tuple[Revision, Content]]:
        """The newest revision of every release on the cluster that an agent of Fleet made."""
        newest: dict[tuple[str, str], tuple[Revision, dict[str, Any]]] = {}
        for secret in self._client.list(SECRETS, "", "owner=helm"):
            revision = _revision(secret)
            known = newest.get((revision.namespace, revision.name))
            if known is None or known[0].number < revision.number:
                newest[revision.namespace, revision.name] = (revision, secret)
        for revision, secret in newest.values():
            content = _content(secret)
            if BUNDLE_ID in content.annotations:
                yield revision, content

    def mark(self, revision: Revision, status: str) -> None:
        """Gives a revision another status. Raises Unavailable for a record that can't be read."""
        secret = self._client.get(SECRETS, revision.namespace, revision.secret)
        if secret is None:
            return
        release = _release(secret)
        secret["metadata"]["labels"]["status"] = status
        self._write(secret, {**release, "info": {**(release.get("info") or {}), "status": status}})

    def rewrite(self, revision: Revision, manifest: str) -> None:
        """Gives a revision another manifest. Raises Unavailable for a record that can't be read."""
        secret = self._client.get(SECRETS, revision.namespace, revision.secret)
        if secret is not None:
            self._write(secret, {**_release(secret), "manifest": manifest})

    def drop(self, revision: Revision) -> None:
        self._client.delete(SECRETS, revision.namespace, revision.secret)

    def _write(self, secret: dict[str, Any], release: dict[str, Any]) -> None:
        secret["data"]["release"] = base64.b64encode(base64.b64encode(gzip.compress(orjson.dumps(release)))).decode()
        self._client.request("PUT", SECRETS.path(secret["metadata"]["namespace"], secret["metadata"]["name"]), body=secret)


def owner_of(live: dict[str, Any]) -> tuple[str, str]:
    """Namespace and name of the release that an object is of, empty texts for none."""
    notes = live["metadata"].get("annotations") or {}
    return str(notes.get(RELEASE_NAMESPACE) or ""), str(notes.get(RELEASE_NAME) or "")


def _revision(secret: dict[str, Any]) -> Revision:
    metadata = secret["metadata"]
    labels = metadata.get("labels") or {}
    return Revision(metadata["namespace"], labels.get("name", ""), int(labels.get("version") or 0), labels.get("status", ""))


def _release(secret: dict[str, Any]) -> dict[str, Any]:
    """What a record says, as Helm writes it. Raises Unavailable for one that can't be read."""
    try:
        packed = base64.b64decode(base64.b64decode(secret["data"]["release"]))
        release: dict[str, Any] = orjson.loads(gzip.decompress(packed) if packed[:2] == b"\x1f\x8b" else packed)
    except (KeyError, TypeError, ValueError, EOFError, binascii.Error, OSError, zlib.error) as error:
        raise _unreadable(secret, error) from None
    return release


def _content(secret: dict[str, Any]) -> Content:
    """Raises Unavailable for a record that can't be read."""
    release = _release(secret)
    try:
        annotations = release["chart"]["metadata"].get("annotations") or {}
        return Content(annotations, str(release.get("manifest") or ""))
    except (KeyError, TypeError, AttributeError) as error:
        raise _unreadable(secret, error) from None


def _unreadable(secret: dict[str, Any], error: Exception) -> Unavailable:
    return Unavailable(f"the Helm release record can't be read: {error}", where=str(secret["metadata"]["name"]))
