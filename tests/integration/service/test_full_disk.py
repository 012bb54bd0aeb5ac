"""A disk that is full for a while: nothing acknowledged is lost, reading goes on, and so does everything once there is space again."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import disk
from tests.integration.service.running import Service, start, wait_for
from tests.integration.service.test_bad_input import CONFIG_MAP, files, gitrepo, repository

WORKSPACES = "/v1/management.cattle.io.fleetworkspaces"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service whose state lies on a small disk of its own."""
    if reason := disk.missing(tmp_path / "probe"):
        pytest.skip(reason)
    state = tmp_path / "state"
    arguments = ("--polling-interval", "1", "--drift-interval", "1", "--allow-file-repos")
    running = start(state, *arguments, prefix=(*disk.small(), str(state)))
    try:
        yield running
    finally:
        running.stop()
    log = running.log.read_text()
    assert "Traceback" not in log, log


def workspaces(service: Service) -> set[str]:
    return {w["metadata"]["name"] for w in service.get(WORKSPACES)["data"]}


def commit(root: Path, name: str) -> None:
    files({f"{name}.yaml": CONFIG_MAP.format(name=name)})(root)
    subprocess.run(["git", "add", "."], cwd=root, check=True)
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", name], cwd=root, check=True)


def test_a_full_disk_refuses_writes_with_the_next_step_and_everything_goes_on_afterwards(service: Service, tmp_path: Path) -> None:
    root = tmp_path / "repo"
    made = repository(root, files({"a.yaml": CONFIG_MAP.format(name="a")}))
    assert service.call("POST", "/v1/fleet.cattle.io.gitrepos", json=gitrepo("good", repo=made)).status_code == 201
    deployed = disk.seen(service) / "clusters" / "fleet-local"
    wait_for(lambda: list(deployed.rglob("configmap_a.yaml")), "the first commit")
    acknowledged, refused = set(), None
    with disk.full(service):
        commit(root, "b")
        for number in range(200):
            answer = service.call("POST", WORKSPACES, json={"metadata": {"name": f"team-{number}"}})
            if answer.status_code == 201:
                acknowledged.add(f"team-{number}")
            else:
                refused = answer
        assert refused is not None and refused.status_code == 503, refused
        body = refused.json()
        assert body["type"] == "error" and "full" in body["message"] and "free disk space" in body["detail"], body
        assert acknowledged <= workspaces(service), "reading goes on and shows all that was acknowledged"
    wait_for(lambda: service.call("POST", WORKSPACES, json={"metadata": {"name": "after"}}).status_code in (201, 409), "writes again")
    wait_for(lambda: list(deployed.rglob("configmap_b.yaml")), "the second commit")
    assert acknowledged | {"after"} <= workspaces(service)
