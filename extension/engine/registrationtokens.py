"""ClusterRegistrationToken -> the Secret that new clusters register with (`fleet-semantics.md` 1.10, 3.8).

The Secret has the token's name and what an agent needs in `values`. A token ends with its ttl and is deleted then, its
Secret with it; clusters that registered stay.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import structlog

from extension.engine.keyring import Keyring
from extension.engine.stored import put
from extension.objects import yaml_dump
from extension.objects.agents import REGISTRATION_VALUES
from extension.objects.base import Key, ObjectMeta, OwnerReference
from extension.objects.durations import seconds
from extension.objects.errors import Unavailable
from extension.objects.kinds import ClusterRegistrationToken, Secret
from extension.settings import Settings
from extension.store.agent_keys import identity
from extension.store.protocol import Store

log = structlog.get_logger()

TYPE = REGISTRATION_VALUES
REGISTRATION_NAMESPACE = "cattle-fleet-clusters-system"
VALUES = "values"
LONGEST = 3600.0


class RegistrationTokenReconciler:
    """Handler of the queue of tokens."""

    def __init__(self, store: Store, keys: Keyring, settings: Settings, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._store = store
        self._keys = keys
        self._settings = settings
        self._clock = clock

    def __call__(self, key: Key) -> float | None:
        token = self._store.find(ClusterRegistrationToken, key.namespace, key.name)
        if token is None:
            self._drop(key)
            return None
        end = expires(token)
        left = (datetime.fromisoformat(end) - self._clock()).total_seconds() if end else None
        if left is not None and left <= 0:
            self._store.delete(ClusterRegistrationToken, key.namespace, key.name)
            return None
        name = token.metadata.name if self._give(token) else ""
        if (token.status.expires, token.status.secret_name) != (end, name):
            self._tell(token, end, name)
        return None if left is None else min(left + 0.01, LONGEST)

    def _tell(self, token: ClusterRegistrationToken, end: str | None, name: str) -> None:
        """Sets what is known here; clusters are counted beside it by whoever registers them."""

        def told(stored: ClusterRegistrationToken) -> ClusterRegistrationToken:
            return msgspec.structs.replace(stored, status=msgspec.structs.replace(stored.status, expires=end, secret_name=name))

        self._store.change_status(ClusterRegistrationToken, token.metadata.namespace, token.metadata.name, told)

    def _give(self, token: ClusterRegistrationToken) -> bool:
        """Whether the token's Secret is there; one that is somebody else's is left alone."""
        meta = token.metadata
        there = self._store.find(Secret, meta.namespace, meta.name)
        if there is not None and there.type != TYPE:
            log.warning("the Secret of a registration token is in use", token=str(token.key), type=there.type)
            return False
        owner = OwnerReference(api_version=token.API_VERSION, kind=token.KIND, name=meta.name, uid=meta.uid)
        secret = Secret(
            metadata=ObjectMeta(name=meta.name, namespace=meta.namespace, owner_references=(owner,)),
            type=TYPE,
            data={VALUES: self._values(token).encode()},
        )
        put(self._store, secret)
        return True

    def _values(self, token: ClusterRegistrationToken) -> str:
        number = self._store.object_id(token.key)
        return yaml_dump.dump(
            {
                "clusterNamespace": token.metadata.namespace,
                "apiServerURL": self._settings.server_url or self._settings.url,
                "apiServerCA": self._authority(),
                "token": self._keys.registration_secret(number, identity(token.metadata.uid)),
                "tokenName": token.metadata.name,
                "systemRegistrationNamespace": REGISTRATION_NAMESPACE,
            }
        )

    def _authority(self) -> str:
        """The certificates that agents are to trust, as PEM. Raises Unavailable for a file that can't be read."""
        path = self._settings.server_ca
        try:
            return Path(path).read_text() if path else ""
        except (OSError, UnicodeDecodeError) as error:
            raise Unavailable(f"the file of --server-ca can't be read: {error}", where=path, hint="name another file") from None

    def _drop(self, key: Key) -> None:
        """Deletes the Secret of a token that is gone."""
        there = self._store.find(Secret, key.namespace, key.name)
        if there is not None and there.type == TYPE:
            self._store.delete(Secret, key.namespace, key.name)


def expires(token: ClusterRegistrationToken) -> str | None:
    """When a token ends; None for one without ttl, or with one of 0 (3.8)."""
    ttl = seconds(token.spec.ttl, "spec.ttl", str(token.key)) if token.spec.ttl else 0.0
    created = token.metadata.creation_timestamp
    if not ttl or not created:
        return None
    try:
        end = datetime.fromisoformat(created) + timedelta(seconds=ttl)
    except OverflowError:
        return None
    return end.strftime("%Y-%m-%dT%H:%M:%SZ")
