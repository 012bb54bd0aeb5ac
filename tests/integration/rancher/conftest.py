"""A service inside Rancher: a real API server with its aggregation layer, a small Rancher before it, and RBAC as the judge.

The chart is installed for real, and a container of its Deployment is what runs: with its own arguments, variables and volumes, as its own
service account, which is no administrator. So what the chart forgets to give is missing here.
"""

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
from tests.integration.chart import pod
from tests.integration.chart.conftest import DEPLOYMENTS, Release, ca_of
from tests.integration.chart.pod import Pod
from tests.integration.fleet.conftest import verified
from tests.integration.kube import cluster
from tests.integration.rancher import rights, standin
from tests.integration.rancher.standin import LOCAL, Rancher, User
from tests.integration.service.running import Service, wait_for
from tests.unit.chart.chart import NAMESPACE
from tests.unit.chart.chart import RELEASE as NAME

PORT = 80
"""Of the Service, for plain HTTP."""
CSRF = "0123456789abcdef"
UNVERIFIED = pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
"""The API server of the tests made its own certificate."""
SECRET = "s3cr3t-canary"
USERS = {
    "administrator": User("u-administrator"),
    "workspace admin": User("u-workspace-admin"),
    "member": User("u-member", ("cn=members,ou=teams,dc=example,dc=org",)),
    "full admin": User("u-full-admin"),
    "full member": User("u-full-member"),
    "full read-only": User("u-full-read-only"),
    "read-only": User("u-read-only"),
    "stranger": User("u-stranger"),
    "disabled": User("u-disabled", enabled=False),
}


@dataclass
class Inside:
    """`kubernetes` is the API server as an administrator, `folder` where its certificates are, `token` the service's own."""

    service: Service
    rancher: Rancher
    kubernetes: Client
    folder: Path
    address: str
    token: str = field(repr=False)
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
    return f"{LOCAL}/api/v1/namespaces/{NAMESPACE}/services/http:{NAME}:{PORT}/proxy"


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
        access = verified(kubeconfig)  # a warning would be an error in a thread
        kubernetes = Client(read(access))
        with standin.running(folder, kubernetes.server, cluster.TOKEN) as rancher:
            rights.give(kubernetes, USERS)
            release = Release(kubernetes, access, ca_of(access, folder), NAMESPACE)
            container = _installed(release, rancher, folder)
            service = container.start()
            try:
                plain = service.url.rpartition(":")[2]
                made = Inside(service, rancher, kubernetes, folder, f"http://{own_address()}:{plain}", container.token)
                rancher.tokens |= {made.credential(user): found for user, found in USERS.items()}
                _route(made)
                yield made
            finally:
                service.stop()


def _installed(release: Release, rancher: Rancher, folder: Path) -> Pod:
    """A pod of the chart, installed with both doors and without the rights of an administrator, which would hide that others lack."""
    release.create("Secret", "rancher-ca", {"ca.crt": (folder / "rancher-ca.pem").read_text()})
    values = {
        "rancher": {"enabled": True, "url": rancher.url, "caSecret": "rancher-ca"},
        "apiService": {"enabled": True, "port": free_port()},
        "rbac": {"clusterAdmin": False},
        "service": {"port": PORT},
        "extraEnv": [{"name": "RANCHER_CD_PORT", "value": "0"}],
    }
    release.install(values)
    return Pod(release.client, release.get(DEPLOYMENTS), folder / "pod", contained=not pod.missing())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def _route(inside: Inside) -> None:
    """What kubelet and the controller of endpoints do: the Deployment's Pod has this machine's address, and the Service leads there."""
    tls, plain = (int(line.rpartition(":")[2]) for line in (inside.service.line("tls url: "), inside.service.url))
    address = own_address()
    client, core = inside.kubernetes, f"/api/v1/namespaces/{NAMESPACE}"
    pods = wait_for(lambda: client.request("GET", f"{core}/pods")["items"], "the Pod of the Deployment")
    name = pods[0]["metadata"]["name"]
    status = {"status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}}
    client.request("PATCH", f"{core}/pods/{name}/status", status, content_type="application/merge-patch+json")
    ports = [{"name": "http", "port": plain}, {"name": "https", "port": tls}]
    target = {"kind": "Pod", "namespace": NAMESPACE, "name": name}
    subsets = [{"addresses": [{"ip": address, "targetRef": target}], "ports": ports}]
    client.request("POST", f"{core}/endpoints", {"metadata": {"name": NAME}, "subsets": subsets})
    slices = {
        "metadata": {"name": NAME, "labels": {"kubernetes.io/service-name": NAME}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}, "targetRef": target}],
        "ports": ports,
    }
    client.request("POST", f"/apis/discovery.k8s.io/v1/namespaces/{NAMESPACE}/endpointslices", slices)
    wait_for(lambda: _is_available(client), f"the APIService to be available:\n{inside.service.log.read_text()}")
    wait_for(inside.service.ready, "the service to be ready")
    for name in ("team-a", "team-b"):
        url = "/v1/management.cattle.io.fleetworkspaces"
        assert inside.call("direct, token", "administrator", "POST", url, json={"metadata": {"name": name}}).status_code == 201


def _is_available(client: Client) -> bool:
    try:
        status = client.request("GET", f"/apis/apiregistration.k8s.io/v1/apiservices/{APISERVICE}").get("status") or {}
        client.request("GET", f"/apis/{GROUP}/v1")
    except UserError:
        return False
    return any(c["type"] == "Available" and c["status"] == "True" for c in status.get("conditions") or ())
