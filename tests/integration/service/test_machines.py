"""Two services with folders of their own and one PostgreSQL database: what two machines are."""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.integration.postgres.server import Server
from tests.integration.service.running import Service, start, wait_for

pytestmark = pytest.mark.xdist_group("machines")

WORKSPACE = "fleet-default"
TAKE_OVER = 15.0
ALL = {"name": "all", "clusterSelector": {}}


@pytest.fixture
def services(postgres: Server, tmp_path: Path) -> Iterator[list[Service]]:
    url, made = postgres.empty(), []
    for name in ("first", "second"):
        state = tmp_path / name / "state"
        state.mkdir(parents=True)
        if made:
            shutil.copy(made[0].state / "store.db.key", state / "store.db.key")
        made.append(start(state, RANCHER_CD_DATABASE_URL=url))
        wait_for(made[-1].ready, "the service")
    yield made
    for service in made:
        if service.process.poll() is None:
            service.stop()
        assert url not in service.log.read_text()
    postgres.drop(url)


def lost(service: Service) -> None:
    """All processes of a machine are gone at once."""
    parent = service.process.pid
    os.kill(parent, signal.SIGSTOP)
    for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        os.kill(int(child), signal.SIGKILL)
    os.kill(parent, signal.SIGKILL)


def engines(service: Service) -> int:
    return len(re.findall("works as the engine", service.log.read_text()))


def test_another_machine_takes_over_within_15_seconds_and_nothing_acknowledged_is_lost(services: list[Service]) -> None:
    first, second = services
    token = first.line("token: ")

    def call(service: Service, method: str, path: str, body: object = None) -> requests.Response:
        return requests.request(method, f"{service.url}{path}", json=body, headers={"Authorization": f"Bearer {token}"}, timeout=10)

    def ready(name: str) -> str:
        found = call(second, "GET", f"/v1/fleet.cattle.io.bundles/{WORKSPACE}/{name}").json()
        return str(found.get("status", {}).get("display", {}).get("readyClusters", ""))

    assert (engines(first), engines(second)) == (1, 0)
    cluster = {"metadata": {"name": "one", "namespace": WORKSPACE}}
    assert call(second, "POST", "/v1/fleet.cattle.io.clusters", cluster).status_code == 201
    for name in ("before", "after"):
        spec = {"resources": [{"name": "a.yaml", "content": f"kind: {name}"}], "targets": [ALL], "targetRestrictions": [ALL]}
        if name == "after":
            lost(first)
            killed = time.monotonic()
        made = call(second, "POST", "/v1/fleet.cattle.io.bundles", {"metadata": {"name": name, "namespace": WORKSPACE}, "spec": spec})
        assert made.status_code == 201
        wait_for(lambda name=name: ready(name) == "0/1", f"{name} to be targeted")
    assert time.monotonic() - killed < TAKE_OVER
    assert engines(second) == 1
    assert ready("before") == "0/1"


def test_a_machine_without_the_key_is_refused(tmp_path: Path, postgres: Server) -> None:
    url = postgres.empty()
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = start(tmp_path / "a" / "state", RANCHER_CD_DATABASE_URL=url)
    wait_for(first.ready, "the service")
    other = start(tmp_path / "b" / "state", RANCHER_CD_DATABASE_URL=url)
    assert other.process.wait(30) == 1
    assert "key" in other.log.read_text() and url not in other.log.read_text()
    first.stop()
