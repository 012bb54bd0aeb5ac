"""The service with the fleet engine, as the chart starts it, and who calls it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from extension.delivery.client import Client
from tests.integration.fleet.conftest import RBAC, verified
from tests.integration.kube import cluster
from tests.integration.rancher import standin
from tests.integration.rancher.conftest import SECRET
from tests.integration.rancher.rights import READ, bind, rule
from tests.integration.rancher.standin import User
from tests.integration.service import running
from tests.integration.service.running import Service, wait_for

ALICE, READER, ROOT = User("u-alice"), User("u-reader"), User("u-root")
RIGHTS = [
    rule("fleet.cattle.io", ("*",), READ),
    rule("management.cattle.io", ("fleetworkspaces",), READ),
    rule("management.cattle.io", ("clusters", "features"), ("get", "list")),
    rule("provisioning.cattle.io", ("clusters",), ("get",)),
    rule("authorization.k8s.io", ("subjectaccessreviews",), ("create",)),
    rule("", ("users", "groups"), ("impersonate",)),
    rule("authentication.k8s.io", ("*",), ("impersonate",)),
]
"""What docs/rancher.md says that the service needs for this engine."""


class Served:
    def __init__(self, service: Service, client: Client) -> None:
        self.service, self.client = service, client
        self.url = service.url

    def call(self, user: User, method: str, path: str, **more: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer token-{user.name}:{SECRET}", **more.pop("headers", {})}
        return requests.request(method, f"{self.url}{path}", headers=headers, timeout=30, **more)


def started(folder: Path, kubeconfig: Path, rancher: str, *more: str) -> Service:
    """The service with this kubeconfig before the Rancher at this URL, whose CA is in the folder."""
    ca = str(folder / "rancher-ca.pem")
    arguments = ("--engine", "fleet", "--kubeconfig", str(kubeconfig), "--rancher-url", rancher, "--rancher-ca", ca)
    return running.start(folder / "state", *arguments, *more)


@pytest.fixture(scope="module")
def served(client: Client, kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    client.request("POST", f"{RBAC}/clusterroles", {"metadata": {"name": "before-fleet"}, "rules": RIGHTS})
    client.request("POST", f"{RBAC}/clusterroles", {"metadata": {"name": "reads-fleet"}, "rules": RIGHTS[:2]})
    bind(client, "before-fleet", "User", cluster.SERVICE_USER)
    bind(client, "reads-fleet", "User", READER.name)
    bind(client, "cluster-admin", "User", ROOT.name)
    own = folder / "kubeconfig"
    own.write_text(verified(kubeconfig).replace(cluster.TOKEN, cluster.SERVICE_TOKEN))
    with standin.running(folder, client.server, cluster.TOKEN) as rancher:
        rancher.tokens |= {f"token-{user.name}:{SECRET}": user for user in (ALICE, READER, ROOT)}
        service = started(folder, own, rancher.url, "--allow-file-repos")
        try:
            wait_for(service.ready, "the service to be ready")
            yield Served(service, client)
        finally:
            service.stop()
