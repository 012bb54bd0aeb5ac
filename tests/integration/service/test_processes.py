"""Several processes of one service: any of them answers, one of them works as the engine, and another when that is killed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.integration.service.running import Service, start, wait_for

pytestmark = pytest.mark.xdist_group("processes")

WORKSPACE = "fleet-default"
TAKE_OVER = 15.0
ALL = {"name": "all", "clusterSelector": {}}
CLUSTERS = "/v1/fleet.cattle.io.clusters"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    running = start(tmp_path / "state", "--processes", "3", "--drift-interval", "1")
    try:
        wait_for(running.ready, "the service")
        yield running
    finally:
        running.stop()
    assert "Traceback" not in running.log.read_text(), running.log.read_text()


def leader_of(service: Service) -> int:
    return int(re.findall(r"works as the engine\s.*pid=(\d+)", service.log.read_text())[-1])


def directory(service: Service, name: str, workspace: str = WORKSPACE) -> None:
    annotations = {"continuous-delivery.cattle.io/directory": "true"}
    body = {"metadata": {"name": name, "namespace": workspace, "annotations": annotations}}
    assert service.call("POST", CLUSTERS, json=body).status_code == 201


def bundle(service: Service, name: str, value: str, workspace: str = WORKSPACE) -> None:
    content = f"kind: ConfigMap\napiVersion: v1\nmetadata: {{name: {name}}}\ndata: {{key: {value}}}\n"
    spec = {"resources": [{"name": "a.yaml", "content": content}], "targets": [ALL], "targetRestrictions": [ALL]}
    body = {"metadata": {"name": name, "namespace": workspace}, "spec": spec}
    assert service.call("POST", "/v1/fleet.cattle.io.bundles", json=body).status_code == 201


def deployed(service: Service, workspace: str, cluster: str, name: str) -> Any:
    return next(iter(service.deployed(workspace, cluster).rglob(f"configmap_{name}.yaml")), None)


def epochs(service: Service) -> list[str]:
    return re.findall(r"works as the engine\s.*epoch=(\d+)", service.log.read_text())


def test_a_killed_engines_work_goes_on_in_another_process_within_15_seconds(service: Service) -> None:
    directory(service, "one")
    bundle(service, "first", "1")
    wait_for(lambda: deployed(service, WORKSPACE, "one", "first"), "the first bundle")
    os.kill(service.process.pid, signal.SIGSTOP)  # nobody takes the place of the killed one
    try:
        os.kill(leader_of(service), signal.SIGKILL)
        killed = time.monotonic()
        bundle(service, "second", "1")
        wait_for(lambda: deployed(service, WORKSPACE, "one", "second"), "the second bundle")
        assert time.monotonic() - killed < TAKE_OVER
    finally:
        os.kill(service.process.pid, signal.SIGCONT)
    assert len(epochs(service)) == 2


def test_who_takes_the_place_of_a_killed_engine_works_on_at_once_and_all_answer_the_same(service: Service) -> None:
    directory(service, "one")
    for number in range(3):
        os.kill(leader_of(service), signal.SIGKILL)
        wait_for(lambda number=number: len(epochs(service)) == number + 2, "another engine")
        bundle(service, f"b{number}", "1")
        wait_for(lambda number=number: deployed(service, WORKSPACE, "one", f"b{number}"), "the bundle")

    def shown() -> set[str]:
        return {service.get(f"/v1/fleet.cattle.io.bundles/{WORKSPACE}/b2")["metadata"]["resourceVersion"] for _ in range(12)}

    wait_for(lambda: len(shown()) == 1, "all processes to answer the same")


def test_any_process_moves_a_cluster(service: Service) -> None:
    assert service.call("POST", "/v1/management.cattle.io.fleetworkspaces", json={"metadata": {"name": "other"}}).status_code == 201
    directory(service, "one")
    bundle(service, "web", "1")
    wait_for(lambda: deployed(service, WORKSPACE, "one", "web"), "the bundle")
    places = ["other", WORKSPACE]
    for number in range(8):
        source, target = places[(number + 1) % 2], places[number % 2]
        moved = service.call("POST", f"{CLUSTERS}/{source}/one?action=move", json={"workspace": target})
        assert moved.status_code == 200, moved.text
        assert moved.json()["to"] == target
    refused = service.call("POST", f"{CLUSTERS}/{WORKSPACE}/nobody?action=move", json={"workspace": "other"})
    assert refused.status_code == 404
    wait_for(lambda: deployed(service, WORKSPACE, "one", "web"), "the bundle to come back")


def test_a_second_service_on_the_same_folder_is_refused(service: Service) -> None:
    second = start(service.state)
    assert second.process.wait(30) == 1
    assert "another service uses this folder" in second.log.read_text()
    assert service.ready()


def test_the_metrics_are_those_of_all_processes(service: Service) -> None:
    for _ in range(20):
        service.get("/v1/tokens")
    for _ in range(4):
        text = requests.get(f"{service.url}/metrics", timeout=10).text
        (counted,) = re.findall(r'^rancher_cd_http_requests_total\{.*route="/v1/tokens",status="200"\} (.+)$', text, re.MULTILINE)
        assert float(counted) == 20
        assert "fleet_cluster" in text


def test_agents_are_answered_by_all_processes(service: Service, tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from extension.cli import main; main()", "simulate", "--url", service.url, "--compare"]
    arguments = ["--token", service.line("token: "), "--agents", "40", "--duration", "4", "--interval", "1", "--deploy-seconds", "0.5"]
    bundle(service, "web", "1")
    ran = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, timeout=90)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    said = [json.loads(line) for line in ran.stdout.splitlines()]
    assert said[-1] == {"compared": 40, "different": 0}
    shown = service.get(f"/v1/fleet.cattle.io.bundles/{WORKSPACE}/web")["status"]["display"]["readyClusters"]
    assert shown == "40/40"
    audit = [sys.executable, "-c", "from extension.cli import main; main()", "doctor", "--audit", "--state-dir", str(service.state)]
    assert subprocess.run(audit, capture_output=True, text=True, check=True, timeout=60).stdout == "all that the store has twice agrees\n"
