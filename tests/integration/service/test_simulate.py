"""Simulated agents of a real service, over HTTP, on a network and with clusters that are worse than real ones."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.service.running import Service, start, wait_for

WORKSPACE = "fleet-default"
ROUGH = {
    "failing": 0.2,
    "offline": 0.05,
    "offline-seconds": 60,
    "restarting": 0.1,
    "duplicated": 0.2,
    "delayed": 0.2,
    "skewed": 5,
    "interval": 5,
}
AGENTS = 60
ALL = {"name": "all", "clusterSelector": {}}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    running = start(tmp_path / "state")
    try:
        wait_for(running.ready, "the service")
        yield running
    finally:
        running.stop()


def simulate(service: Service, duration: float) -> subprocess.Popen[str]:
    options = [f"--{name}={value}" for name, value in ROUGH.items()]
    command = [
        sys.executable,
        "-c",
        "from extension.cli import main; main()",
        "simulate",
        "--url",
        service.url,
        "--token",
        service.line("token: "),
    ]
    arguments = ["--agents", str(AGENTS), "--duration", str(duration), "--speed", "30", "--compare", *options]
    return subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True)


def told(process: subprocess.Popen[str]) -> list[dict[str, Any]]:
    """What the simulator says, when it found nothing to be lost."""
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0, out
    return [json.loads(line) for line in out.splitlines()]


def add(service: Service, name: str) -> None:
    spec = {"resources": [{"name": "a.yaml", "content": f"kind: {name}"}], "targets": [ALL], "targetRestrictions": [ALL]}
    service.call(
        "POST", "/v1/fleet.cattle.io.bundles", json={"metadata": {"name": name, "namespace": WORKSPACE}, "spec": spec}
    ).raise_for_status()


def ready(service: Service, name: str) -> str:
    return str(service.get(f"/v1/fleet.cattle.io.bundles/{WORKSPACE}/{name}")["status"]["display"]["readyClusters"])


def test_all_that_is_asked_for_is_reported_and_known_whatever_the_network_does(service: Service) -> None:
    add(service, "web")
    lines = told(simulate(service, 12))
    assert lines[0]["simulated"].startswith("agents, their clusters and all deployments are simulated (deploy-seconds 5, failing 0.2")
    counts = {line["what"]: line["count"] for line in lines if "what" in line}
    assert counts["register"] == AGENTS and counts["report"] > AGENTS and counts["check-in"] > AGENTS
    assert lines[-1]["different"] == 0 and lines[-1]["compared"] == AGENTS
    assert ready(service, "web") == f"{AGENTS}/{AGENTS}"


def test_a_service_that_is_killed_again_and_again_loses_nothing_it_acknowledged(service: Service) -> None:
    add(service, "web")
    agents = simulate(service, 60)
    for number in range(4):
        time.sleep(3)
        if number % 2:
            add(service, f"shop-{number}")
        worker = int(Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children").read_text().split()[0])
        os.kill(worker, signal.SIGKILL)
        wait_for(service.ready, "the service to come back")
    lines = told(agents)
    assert lines[-1]["different"] == 0 and lines[-1]["compared"] == 3 * AGENTS
    audit = [sys.executable, "-c", "from extension.cli import main; main()", "doctor", "--audit", "--state-dir", str(service.state)]
    assert subprocess.run(audit, capture_output=True, text=True, check=False, timeout=60).returncode == 0
    for name in ("web", "shop-1", "shop-3"):
        wait_for(lambda name=name: ready(service, name) == f"{AGENTS}/{AGENTS}", f"{name} to be counted")
