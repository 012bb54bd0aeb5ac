"""The installed chart runs: a container of its Deployment becomes ready and deploys to the cluster that it is installed in."""

from __future__ import annotations

import re
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme

from tests.integration.chart import pod
from tests.integration.chart.conftest import DEPLOYMENTS, Release
from tests.integration.chart.pod import CONFIG_MAPS, Pod
from tests.integration.postgres import server as postgres
from tests.integration.service.running import Service, wait_for
from tests.integration.sources.conftest import Repository
from tests.integration.sources.gits import git_http
from tests.integration.sources.servers import Server
from tests.unit.chart.chart import RELEASE, texts

pytestmark = [pytest.mark.xdist_group("kube"), pytest.mark.skipif(bool(pod.missing()), reason=pod.missing() or "it can")]

ANY_PORT = [{"name": "RANCHER_CD_PORT", "value": "0"}]
"""Pods have each an address of their own, processes of a machine do not."""
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: greeting, namespace: %s}\ndata: {text: %s}\n"


@pytest.fixture
def certificates() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def repository(tmp_path: Path, certificates: trustme.CA) -> Iterator[tuple[Repository, Server]]:
    """A repository on a Git server whose certificate only an additional CA vouches for."""
    (tmp_path / "served").mkdir()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificates.issue_cert("localhost").configure_cert(context)
    server = git_http(tmp_path / "served", tls=context)
    yield Repository(tmp_path / "served", "app"), server
    server.stop()


def notes(release: Release) -> str:
    """The command in the notes that makes a token."""
    found = re.search(r"deploy/\S+ -- (rancher-cd token create .*)", texts()[f"{RELEASE}/templates/NOTES.txt"])
    assert found
    return found[1]


def token_of(container: Pod, command: str) -> str:
    return container.execute(command).removeprefix("token: ").strip()


def call(service: Service, token: str, method: str, path: str, **more: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}
    return requests.request(method, f"{service.url}{path}", headers=headers, timeout=10, **more)


def writable(container: Pod) -> list[str]:
    """The folders that a program in the pod can write to, of some."""
    folders = ("/", "/etc", "/usr", "/root", "/var/lib/rancher-cd", "/etc/rancher-cd/settings", "/var/run/secrets", "/tmp")
    script = 'for folder; do touch "$folder/.try" && rm "$folder/.try" && echo "$folder"; done'
    command = container.inside("sh", "-c", script, "sh", *folders)
    return subprocess.run(command, env=container.environment, capture_output=True, text=True, check=False).stdout.split()


def text_of(release: Release) -> str:
    found = release.client.get(CONFIG_MAPS, release.namespace, "greeting")
    return found["data"]["text"] if found else ""


@pytest.fixture
def install(release: Release, repository: tuple[Repository, Server], certificates: trustme.CA, tmp_path: Path) -> Callable[..., Pod]:
    """Installs the chart with these values and a CA that vouches for the Git server, whose repository holds a ConfigMap."""

    def installed(**values: Any) -> Pod:
        repository[0].commit({"a.yaml": CONFIG_MAP % (release.namespace, "hello")})
        release.create("Secret", "more", {"ca.crt": certificates.cert_pem.bytes().decode()})
        release.install({"additionalCASecret": "more", "extraEnv": ANY_PORT, **values})
        return Pod(release.client, release.get(DEPLOYMENTS), tmp_path / "pod")

    return installed


def deploy(service: Service, token: str, server: Server) -> requests.Response:
    """Creates a GitRepo of the repository, for the local cluster."""
    url = server.url.replace("127.0.0.1", "localhost")
    spec = {"repo": f"{url}/app", "branch": "main", "targets": [{"clusterName": "local"}]}
    body = {"metadata": {"name": "app", "namespace": "fleet-local"}, "spec": spec}
    made = call(service, token, "POST", "/v1/fleet.cattle.io.gitrepos", json=body, headers={"X-Forwarded-Proto": "https"})
    assert made.status_code == 201, made.text
    return made


def is_told(service: Service, token: str, words: str) -> bool:
    """Whether a deployment's status says this."""
    return words in call(service, token, "GET", "/v1/fleet.cattle.io.bundledeployments").text


def test_the_pod_becomes_ready_and_deploys_to_its_own_cluster_as_its_service_account(
    install: Callable[..., Pod], release: Release, repository: tuple[Repository, Server]
) -> None:
    app, server = repository
    container = install(
        settings={"logFormat": "json", "pollingInterval": 1, "driftInterval": 1},
        ingress={"enabled": True, "host": "cd.example.org"},
        proxy="http://127.0.0.1:9",
        noProxy="localhost",
    )
    service = container.start()
    try:
        wait_for(service.ready, "readiness")
        assert "token-" not in service.log.read_text(), "a token in the log"
        token = token_of(container, notes(release))
        assert deploy(service, token, server).json()["links"]["self"].startswith("https://")
        wait_for(lambda: text_of(release) == "hello", "the ConfigMap")

        container.write_token("no token")
        app.commit({"a.yaml": CONFIG_MAP % (release.namespace, "again")})
        wait_for(lambda: is_told(service, token, "Unauthorized"), "the refusal of a token that is none")
        container.renew_token()
        wait_for(lambda: text_of(release) == "again", "the commit, by the new token")
        assert writable(container) == ["/var/lib/rancher-cd", "/tmp"], "the test would prove nothing"
    finally:
        service.stop()
    written = {path.relative_to(container.state).parts[0] for path in container.state.rglob("*")}
    assert {"store.db", "mirrors"} <= written and container.state.joinpath("store.db").stat().st_uid == 1000


def test_without_the_binding_the_cluster_says_why_nothing_is_deployed(
    install: Callable[..., Pod], release: Release, repository: tuple[Repository, Server]
) -> None:
    service = (container := install(rbac={"create": False})).start()
    try:
        wait_for(service.ready, "readiness")
        token = token_of(container, notes(release))
        deploy(service, token, repository[1])
        wait_for(lambda: is_told(service, token, f"system:serviceaccount:{release.namespace}:{RELEASE}"), "the refusal")
        assert text_of(release) == ""
    finally:
        service.stop()


@pytest.fixture(scope="module")
def database() -> Iterator[postgres.Server]:
    if postgres.missing():
        pytest.skip(postgres.missing())
    with postgres.running() as server:
        server.folder.chmod(0o755)
        yield server


def test_two_pods_share_a_database_and_its_key(release: Release, database: postgres.Server, tmp_path: Path) -> None:
    release.create("Secret", "db", {"url": database.empty()})
    release.install({"database": {"secret": "db"}, "extraEnv": ANY_PORT})
    deployment = release.get(DEPLOYMENTS)
    assert deployment["spec"]["replicas"] == 2
    pods = [Pod(release.client, deployment, tmp_path / name, reach=database.folder) for name in ("one", "two")]
    services = []
    try:
        for container in pods:
            services.append(container.start())
            wait_for(services[-1].ready, f"readiness\n{services[-1].log.read_text()}")
        token = token_of(pods[0], notes(release))
        for service in services:
            assert call(service, token, "GET", "/v1/fleet.cattle.io.clusters").json()["data"][0]["id"] == "fleet-local/local"
    finally:
        for service in services:
            service.stop()
