"""Fleet's kinds on a real API server, and a store that mirrors them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from extension.delivery.client import ApiError, Client
from extension.delivery.kubeconfig import inlined, read
from extension.rancher.identity import Identity
from extension.rancher.management import Management
from extension.store.kubernetes.mirror import Mirror
from extension.store.kubernetes.store import KubernetesStore
from tests.integration.fleet import kinds, objects
from tests.integration.service.running import wait_for

RBAC = "/apis/rbac.authorization.k8s.io/v1"
ALICE = Identity("u-alice", groups=("cn=dev,ou=teams", "system:authenticated"))
"""May do everything in namespace `apps-a`, with Fleet's kinds, Secrets and ConfigMaps."""


@pytest.fixture(scope="session")
def client(kubeconfig: Path) -> Iterator[Client]:
    made = Client(read(verified(kubeconfig)))
    kinds.install(made)
    for name in ("apps-a", "apps-b"):
        made.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        made.request("POST", objects.WORKSPACES, objects.workspace(name))
    _give_rights(made)
    yield made
    made.close()


def verified(kubeconfig: Path) -> str:
    """The kubeconfig with the API server's own certificate: a warning of urllib3 would be an error in a thread."""
    known = kubeconfig.read_text().replace("insecure-skip-tls-verify: true", "certificate-authority: certificates/apiserver.crt")
    return inlined(known, str(kubeconfig), kubeconfig.parent)


def _give_rights(client: Client) -> None:
    rules = [{"apiGroups": ["fleet.cattle.io", ""], "resources": ["*"], "verbs": ["*"]}]
    role = {"metadata": {"name": "everything"}, "rules": rules}
    client.request("POST", f"{RBAC}/namespaces/apps-a/roles", role)
    binding = {
        "metadata": {"name": "alice"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "everything"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": ALICE.user}],
    }
    client.request("POST", f"{RBAC}/namespaces/apps-a/rolebindings", binding)


class World:
    """What a test puts on the API server, and the store over it."""

    def __init__(self, client: Client, store: KubernetesStore, mirror: Mirror, api: Management) -> None:
        self.client, self.store, self.mirror, self.api = client, store, mirror, api

    @property
    def alices(self) -> KubernetesStore:
        return self.store.acting(lambda: self.api.acting(ALICE))

    def put(self, document: dict[str, Any]) -> dict[str, Any]:
        """Creates an object with its status; its namespace too."""
        return put(self.client, document)

    def sees(self, check: Callable[[], Any], what: str) -> None:
        wait_for(check, what)


def put(client: Client, document: dict[str, Any]) -> dict[str, Any]:
    meta, plural = document["metadata"], f"{document['kind'].lower()}s"
    try:
        client.request("POST", "/api/v1/namespaces", {"metadata": {"name": meta["namespace"]}})
    except ApiError as error:
        if error.reason != "AlreadyExists":
            raise
    path = objects.place(plural, meta["namespace"])
    made = client.request("POST", path, document)
    if "status" not in document:
        return made
    patch = {"status": document["status"]}
    return client.request("PATCH", f"{path}/{meta['name']}/status", patch, content_type="application/merge-patch+json")


@pytest.fixture(scope="session")
def world(client: Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    api = Management(client)
    mirror = Mirror(api, tmp_path_factory.mktemp("mirror") / "mirror.db")
    store = KubernetesStore(api, mirror)
    mirror.start()
    wait_for(lambda: not mirror.problems(), "the mirror to be whole")
    yield World(client, store, mirror, api)
    mirror.stop()
    api.end_watches()
    store.close()
