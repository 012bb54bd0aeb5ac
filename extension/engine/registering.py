"""Clusters that register themselves (`fleet-semantics.md` 1.10, 3.8): a token and a clientID in, a name and a key out.

The same clientID is always the same cluster, so who asks again gets the same answer, and a key that works. Labels are
taken when the cluster is made and left alone afterwards, as in Fleet: they are its administrators' then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import structlog

from extension.engine.combining import Combined
from extension.engine.gate import Gate
from extension.engine.keyring import Bearer, Keyring
from extension.engine.registrationtokens import expires
from extension.objects.agents import Registration, RegistrationRequest
from extension.objects.base import Key, ObjectMeta
from extension.objects.errors import AlreadyExists, Conflict, Invalid, MissingRequired, Unauthorized, Unavailable
from extension.objects.kinds import Cluster, ClusterRegistrationToken, ClusterSpec
from extension.objects.names import LOCAL_WORKSPACE, registered_cluster_name
from extension.settings import Settings
from extension.store.agent_keys import identity
from extension.store.asking import Known
from extension.store.protocol import Store

log = structlog.get_logger()

MOST = 1000
"""Clusters in one request."""
LONGEST_CLIENT_ID = 253
_ATTEMPTS = 3
_OWN = ("fleet.cattle.io/", "management.cattle.io/")
_KEPT = "fleet.cattle.io/created-by-agent-pod"
CLUSTER_LABEL = "fleet.cattle.io/cluster"


Wanted = Mapping[str, RegistrationRequest]
"""By clientID."""


class Registrations:
    """Callable: a registration secret and clusters -> what they are called, and their keys, in the order of the requests.

    Raises Unauthorized for a secret that is not good, Busy, Conflict for a clientID that can't be told from another's.
    """

    def __init__(self, store: Store, keys: Keyring, gate: Gate, settings: Settings) -> None:
        self._store = store
        self._keys = keys
        self._gate = gate
        self._without_labels = settings.ignore_cluster_registration_labels
        self._registered = Combined(self._all_registered)

    def __call__(self, secret: str, requests: Sequence[RegistrationRequest]) -> list[Registration]:
        bearer = self._keys.token(secret)
        _check(requests)
        with self._gate.entered():
            found = self._registered((bearer, {one.client_id: one for one in requests}))
        return [self._answer(one.client_id, found[one.client_id]) for one in requests]

    def _token(self, bearer: Bearer) -> ClusterRegistrationToken:
        """The token that a registration secret belongs to. Raises Unauthorized when it is gone or over."""
        key = self._store.keys(ClusterRegistrationToken.KIND, [bearer.number]).get(bearer.number)
        found = self._store.find(ClusterRegistrationToken, key.namespace, key.name) if key else None
        if found is None or identity(found.metadata.uid) != bearer.identity or found.metadata.deletion_timestamp:
            raise Unauthorized("the ClusterRegistrationToken was deleted", hint="take the secret of another one")
        if (end := expires(found)) and datetime.fromisoformat(end) <= datetime.now(UTC):
            raise Unauthorized("the ClusterRegistrationToken has expired", hint="make another one and take its secret")
        return found

    def _all_registered(self, asked: Sequence[tuple[Bearer, Wanted]]) -> list[Mapping[str, Known]]:
        """For each token and the clusters that want in with it, the clusters by clientID."""
        wanted: dict[Bearer, dict[str, RegistrationRequest]] = {}
        for bearer, clusters in asked:
            wanted[bearer] = {**clusters, **wanted.get(bearer, {})}
        made = {bearer: self._with_token(self._token(bearer), clusters) for bearer, clusters in wanted.items()}
        return [made[bearer] for bearer, _ in asked]

    def _with_token(self, token: ClusterRegistrationToken, wanted: Wanted) -> Mapping[str, Known]:
        workspace = token.metadata.namespace
        if workspace == LOCAL_WORKSPACE:
            raise Invalid(f"workspace {workspace} takes no clusters", hint="take a ClusterRegistrationToken of another workspace")
        found, created = self._in_workspace(token.key, wanted)
        log.info("registered", workspace=workspace, token=token.metadata.name, asked=len(wanted), created=created)
        return found

    def _in_workspace(self, token: Key, wanted: Wanted) -> tuple[Mapping[str, Known], int]:
        """The clusters by clientID, made where there is none, and how many were. Somebody else may make them at the same time."""
        workspace = token.namespace
        for _ in range(_ATTEMPTS):
            found = self._store.asking.clients(workspace, wanted)
            _refuse(found)
            missing = [self._cluster(workspace, one) for client, one in wanted.items() if client not in found]
            _refuse_alike(missing)
            if not missing:
                return found, 0
            try:
                self._store.register(missing, token)
            except AlreadyExists:
                continue
            return self._store.asking.clients(workspace, wanted), len(missing)
        raise Unavailable("the clusters are being registered by others", hint="try again")

    def _cluster(self, workspace: str, one: RegistrationRequest) -> Cluster:
        name = registered_cluster_name(one.client_id)
        asked = {} if self._without_labels else one.cluster_labels
        labels = {key: value for key, value in asked.items() if key == _KEPT or not key.startswith(_OWN)}
        meta = ObjectMeta(name=name, namespace=workspace, labels={**labels, CLUSTER_LABEL: name})
        return Cluster(metadata=meta, spec=ClusterSpec(client_id=one.client_id))

    def _answer(self, client_id: str, found: Known) -> Registration:
        key = self._keys.key(found.number, found.identity)
        return Registration(client_id, found.key.namespace, found.key.name, found.deployment_namespace, key)


def _check(requests: Sequence[RegistrationRequest]) -> None:
    if not 1 <= len(requests) <= MOST:
        raise Invalid(f"{len(requests)} clusters can't be registered at once", hint=f"send between 1 and {MOST}")
    for one in requests:
        if not one.client_id:
            raise MissingRequired("clientID: is required", field="clientID", hint="send what tells the cluster from all others")
        if len(one.client_id) > LONGEST_CLIENT_ID:
            raise Invalid(f"clientID: has more than {LONGEST_CLIENT_ID} characters", field="clientID")


def _refuse(found: Mapping[str, Known]) -> None:
    """Names are made of the first 100 bytes of a clientID (2.4), so two can want one name; the second is not the first."""
    for client, one in found.items():
        if one.client_id != client:
            raise Conflict("clientID: another one has the name it would get", where=str(one.key), field="clientID", hint="choose another")
        if one.served:
            raise Conflict("the service reaches this cluster itself", where=str(one.key), hint="unset its kubeConfigSecret first")


def _refuse_alike(missing: Sequence[Cluster]) -> None:
    if len({one.metadata.name for one in missing}) < len(missing):
        raise Conflict("clientID: two of them would get the same name", field="clientID", hint="choose others: the first 100 bytes count")
