"""A service inside Rancher: a real API server with its aggregation layer, a small Rancher before it, and RBAC as the judge."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from extension.delivery.client import Client
from extension.delivery.kubeconfig import read
from extension.objects.errors import UserError
from extension.rancher.group import APISERVICE, GROUP, MOUNT
from tests.integration.kube import cluster
from tests.integration.rancher import rights, standin
from tests.integration.rancher.standin import LOCAL, Rancher, User
from tests.integration.service import running
from tests.integration.service.running import Service, wait_for

NAMESPACE, NAME = "cattle-continuous-delivery-system", "continuous-delivery"
CSRF = "0123456789abcdef"
UNVERIFIED = pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
"""The API server of the tests made its own certificate."""
SECRET = "s3cr3t-canary"
USERS = {
    "administrator": User("u-administrator"),
    "workspace admin": User("u-workspace-admin"),
    "member": User("u-member", ("cn=members,ou=teams,dc=example,dc=org",)),
    "read-only": User("u-read-only"),
    "stranger": User("u-stranger"),
    "disabled": User("u-disabled", enabled=False),
}


@dataclass
class Inside:
    """`kubernetes` is the API server as an administrator, `folder` where its certificates are."""

    service: Service
    rancher: Rancher
    kubernetes: Client
    folder: Path
    address: str
    browser: requests.Session = field(default_factory=requests.Session)
    """Connections are kept; nothing else is."""

    def credential(self, user: str) -> str:
        return f"token-{USERS[user].name}:{SECRET}"

    def call(self, door: str, user: str, method: str, path: str, **options: Any) -> requests.Response:
        """A request by one of DOORS; a browser's has the session and shows the CSRF token."""
        url, headers, cookies = DOORS[door](self, user)
        headers = {"Accept": "application/json", **headers, **options.pop("headers", {})}
        cookies = options.pop("cookies", cookies)
        answer = self.browser.request(method, f"{url}{path}", headers=headers, cookies=cookies, timeout=60, verify=False, **options)
        self.browser.cookies.clear()
        return answer


def _bearer(inside: Inside, user: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {inside.credential(user)}"}


def _session(inside: Inside, user: str) -> tuple[dict[str, str], dict[str, str]]:
    return {"X-API-CSRF": CSRF}, {"R_SESS": inside.credential(user), "CSRF": CSRF}


def _as_user(inside: Inside, user: str) -> dict[str, str]:
    """As kubectl, whose user the API server knows by itself: here an administrator who acts as the user."""
    return {"Authorization": f"Bearer {cluster.TOKEN}", "Impersonate-User": USERS[user].name, "Impersonate-Group": standin.EVERYBODY[1]}


def proxy_path(inside: Inside) -> str:
    port = inside.service.url.rpartition(":")[2]
    return f"{LOCAL}/api/v1/namespaces/{NAMESPACE}/services/http:{NAME}-plain:{port}/proxy"


DOORS: dict[str, Any] = {
    "aggregated, token": lambda i, u: (f"{i.rancher.url}{LOCAL}{MOUNT}", _bearer(i, u), {}),
    "aggregated, session": lambda i, u: (f"{i.rancher.url}{LOCAL}{MOUNT}", *_session(i, u)),
    "aggregated, kubectl": lambda i, u: (f"{i.kubernetes.server}{MOUNT}", _as_user(i, u), {}),
    "service proxy, session": lambda i, u: (f"{i.rancher.url}{proxy_path(i)}", *_session(i, u)),
    "direct, token": lambda i, u: (i.address, _bearer(i, u), {}),
}


def own_address() -> str:
    """An address of this machine that is no loopback: Kubernetes' service proxy goes to no other."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent
        except OSError:
            pytest.skip("this machine has no address but loopback")
        return str(probe.getsockname()[0])


@pytest.fixture(scope="session")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    if os.environ.get("TEST_KUBECONFIG"):
        pytest.skip("the API server has to run with a front proxy of the test's own")
    reason = cluster.missing()
    if reason:
        assert not os.environ.get("REQUIRE_COMPONENTS"), reason
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("rancher")
    with cluster.running(folder) as kubeconfig:
        kubernetes = Client(read(kubeconfig.read_text(), folder=folder))
        with standin.running(folder, kubernetes.server, cluster.TOKEN) as rancher:
            rights.give(kubernetes, NAMESPACE, USERS)
            own = folder / "service-kubeconfig"
            own.write_text(kubeconfig.read_text().replace(cluster.TOKEN, cluster.SERVICE_TOKEN))
            address = own_address()
            service = running.start(
                folder / "state", "--host", address, "--kubeconfig", str(own), "--rancher-url", rancher.url,
                "--rancher-ca", str(folder / "rancher-ca.pem"), "--api-service", f"{NAMESPACE}/{NAME}", "--tls-port", "0",
            )  # fmt: skip
            try:
                made = Inside(service, rancher, kubernetes, folder, service.url)
                rancher.tokens |= {made.credential(user): found for user, found in USERS.items()}
                _register(made, address)
                yield made
            finally:
                service.stop()


def _register(inside: Inside, address: str) -> None:
    """The Services and the APIService, as the chart makes them; then waits until Kubernetes finds it there."""
    tls, plain = (int(line.rpartition(":")[2]) for line in (inside.service.line("tls url: "), inside.service.url))
    core = f"/api/v1/namespaces/{NAMESPACE}"
    client = inside.kubernetes
    spec = {"type": "ExternalName", "externalName": address, "ports": [{"port": tls}]}
    client.request("POST", f"{core}/services", {"metadata": {"name": NAME}, "spec": spec})
    client.request("POST", f"{core}/services", {"metadata": {"name": f"{NAME}-plain"}, "spec": {"ports": [{"port": plain}]}})
    rights.let_through(client, NAMESPACE, f"http:{NAME}-plain:{plain}")
    _run_pod(client, address)  # the service proxy goes to pods only
    target = {"kind": "Pod", "namespace": NAMESPACE, "name": NAME}
    subsets = [{"addresses": [{"ip": address, "targetRef": target}], "ports": [{"port": plain}]}]
    client.request("POST", f"{core}/endpoints", {"metadata": {"name": f"{NAME}-plain"}, "subsets": subsets})
    api_service = {
        "metadata": {"name": APISERVICE},
        "spec": {
            "group": GROUP,
            "version": "v1",
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "service": {"namespace": NAMESPACE, "name": NAME, "port": tls},
        },
    }
    client.request("POST", "/apis/apiregistration.k8s.io/v1/apiservices", api_service)
    wait_for(lambda: _is_available(client), f"the APIService to be available:\n{inside.service.log.read_text()}")
    wait_for(inside.service.ready, "the service to be ready")
    for name in ("team-a", "team-b"):
        url = "/v1/management.cattle.io.fleetworkspaces"
        assert inside.call("direct, token", "administrator", "POST", url, json={"metadata": {"name": name}}).status_code == 201


def _run_pod(client: Client, address: str) -> None:
    """A Pod that says it has this address."""
    pods = f"/api/v1/namespaces/{NAMESPACE}/pods"
    client.request("POST", pods, {"metadata": {"name": NAME}, "spec": {"containers": [{"name": "service", "image": "none"}]}})
    status = {"status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}}
    client.request("PATCH", f"{pods}/{NAME}/status", status, content_type="application/merge-patch+json")


def _is_available(client: Client) -> bool:
    try:
        status = client.request("GET", f"/apis/apiregistration.k8s.io/v1/apiservices/{APISERVICE}").get("status") or {}
        client.request("GET", f"/apis/{GROUP}/v1")
    except UserError:
        return False
    return any(c["type"] == "Available" and c["status"] == "True" for c in status.get("conditions") or ())
