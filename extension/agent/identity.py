"""Who an agent is to its hub: the clientID of its cluster, which never changes, and the key it shows.

A key is kept before it is used: an agent that is killed in between has the old one or the new one, and both are good then.
"""

from __future__ import annotations

import base64
import binascii
import uuid
from pathlib import Path
from typing import Any, Protocol

import msgspec

from extension.delivery.client import ApiError, Client
from extension.delivery.copies import NAMESPACES
from extension.delivery.helm_records import SECRETS
from extension.delivery.records import PRIVATE, write
from extension.objects.base import Struct, prepare
from extension.objects.errors import Invalid

SECRET = "continuous-delivery-agent"  # noqa: S105 (a name)
_FIELD = "identity"
_MERGE = "application/merge-patch+json"


class Identity(Struct, frozen=True):
    """The cluster's place is where its key was given; a move needs no other key than the one that comes with it."""

    client_id: str = msgspec.field(default="", name="clientID")
    key: str = ""
    cluster_namespace: str = ""
    cluster_name: str = ""
    since: float = 0.0
    """When the key was given, in seconds since the epoch."""
    dismissed: bool = False
    """The hub let the cluster go: nothing is asked of it any more, and nothing is registered."""

    def __repr__(self) -> str:
        return f"Identity({self.client_id})"


prepare(Identity)


class Keep(Protocol):
    """Where an identity is kept. Both raise Unavailable when it can't be read or written now."""

    def load(self) -> Identity | None:
        """None for one that was never kept. Raises Invalid for what is none."""

    def save(self, identity: Identity) -> None: ...
    def client_id(self) -> str:
        """The clientID of a cluster that has none yet."""


class FileKeep:
    """A file that nobody else reads."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Identity | None:
        try:
            return _decoded(self._path.read_bytes(), str(self._path))
        except FileNotFoundError:
            return None

    def save(self, identity: Identity) -> None:
        write(self._path, msgspec.json.encode(identity), PRIVATE)

    def client_id(self) -> str:
        return str(uuid.uuid4())


class SecretKeep:
    """A Secret in the agent's own namespace. The clientID is that of the cluster itself: an agent that was installed anew, without its
    Secret, is the same cluster's."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._client, self._namespace = client, namespace

    def load(self) -> Identity | None:
        found = self._client.get(SECRETS, self._namespace, SECRET)
        text = ((found or {}).get("data") or {}).get(_FIELD)
        if not text:
            return None
        try:
            return _decoded(base64.b64decode(text), f"Secret {self._namespace}/{SECRET}")
        except binascii.Error:
            raise Invalid("it is no identity of an agent", where=f"Secret {self._namespace}/{SECRET}", hint=_ANEW) from None

    def save(self, identity: Identity) -> None:
        data: dict[str, Any] = {"data": {_FIELD: base64.b64encode(msgspec.json.encode(identity)).decode()}}
        path = SECRETS.path(self._namespace)
        try:
            self._client.request("PATCH", f"{path}/{SECRET}", data, content_type=_MERGE)
        except ApiError as error:
            if error.reason != "NotFound":
                raise
            if self._client.get(NAMESPACES, "", self._namespace) is None:
                self._client.request("POST", NAMESPACES.path(), {"metadata": {"name": self._namespace}})
            self._client.request("POST", path, {"metadata": {"name": SECRET, "namespace": self._namespace}, **data})

    def client_id(self) -> str:
        found = self._client.get(NAMESPACES, "", "kube-system") or {}
        return str((found.get("metadata") or {}).get("uid") or uuid.uuid4())


_ANEW = "delete it, and the agent registers anew"


def _decoded(data: bytes, where: str) -> Identity:
    try:
        return msgspec.json.decode(data, type=Identity)
    except msgspec.MsgspecError:
        raise Invalid("it is no identity of an agent", where=where, hint=_ANEW) from None
