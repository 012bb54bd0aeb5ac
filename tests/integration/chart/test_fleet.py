"""The installed chart runs before Rancher's own Fleet: no store, no key, and no rights but those that the chart gives."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from extension.delivery.client import ApiError
from extension.settings import Settings
from tests.integration.chart import pod
from tests.integration.chart.conftest import DEPLOYMENTS, Release
from tests.integration.chart.pod import Pod
from tests.integration.fleet import kinds
from tests.integration.kube import cluster
from tests.integration.rancher import rights, standin
from tests.integration.rancher.standin import Rancher, User
from tests.integration.service.running import Service, wait_for

HAS_ENGINES = any(field.name == "engine" for field in dataclasses.fields(Settings))
pytestmark = [
    pytest.mark.xdist_group("kube"),
    pytest.mark.skipif(not HAS_ENGINES, reason="this service has no engine but its own"),
]

WRITER, STRANGER = User("u-writer"), User("u-stranger")
GITREPOS = "/v1/fleet.cattle.io.gitrepos"


@pytest.fixture
def rancher(release: Release, tmp_path: Path) -> Iterator[Rancher]:
    with standin.running(tmp_path, release.client.server, cluster.TOKEN) as made:
        made.tokens |= {f"token-{user.name}:secret": user for user in (WRITER, STRANGER)}
        release.create("Secret", "rancher-ca", {"ca.crt": (tmp_path / "rancher-ca.pem").read_text()})
        yield made


def call(service: Service, user: User, method: str, path: str, **more: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer token-{user.name}:secret"}
    return requests.request(method, f"{service.url}{path}", headers=headers, timeout=30, **more)


def test_two_pods_show_fleet_s_objects_and_write_them_as_the_user_who_asked(release: Release, rancher: Rancher, tmp_path: Path) -> None:
    kinds.install(release.client)
    workspace = release.namespace
    fleet = f"/apis/fleet.cattle.io/v1alpha1/namespaces/{workspace}/gitrepos"
    made = {"apiVersion": "management.cattle.io/v3", "kind": "FleetWorkspace", "metadata": {"name": workspace}}
    release.client.request("POST", "/apis/management.cattle.io/v3/fleetworkspaces", made)
    rights.bind(release.client, "cluster-admin", "User", WRITER.name, workspace)
    release.install(
        {
            "engine": "fleet",
            "rancher": {"enabled": True, "url": rancher.url, "caSecret": "rancher-ca"},
            "extraEnv": [{"name": "RANCHER_CD_PORT", "value": "0"}],
        }
    )
    deployment = release.get(DEPLOYMENTS)
    assert deployment["spec"]["replicas"] == 2
    pods = [Pod(release.client, deployment, tmp_path / name, contained=not pod.missing()) for name in ("one", "two")]
    services: list[Service] = []
    try:
        services += [one.start() for one in pods]
        for service in services:
            wait_for(service.ready, f"readiness\n{service.log.read_text()}")
        body = {"metadata": {"name": "web", "namespace": workspace}, "spec": {"repo": "https://git.example.org/web"}}
        assert call(services[0], STRANGER, "POST", GITREPOS, json=body).status_code == 403
        with pytest.raises(ApiError, match="not found"):
            release.client.request("GET", f"{fleet}/web")
        written = call(services[0], WRITER, "POST", GITREPOS, json=body)
        assert written.status_code == 201, written.text
        assert release.client.request("GET", f"{fleet}/web")["spec"]["repo"] == "https://git.example.org/web"
        wait_for(lambda: call(services[1], WRITER, "GET", f"{GITREPOS}/{workspace}/web").ok, "the other pod to show it")
    finally:
        for service in services:
            service.stop()
