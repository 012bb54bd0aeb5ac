"""A disk that is full for a while: nothing acknowledged is lost, reading goes on, and so does everything once there is space again."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.service.running import Service, start, wait_for
from tests.integration.service.test_bad_input import CONFIG_MAP, files, gitrepo, repository

TMPFS = ("unshare", "--mount", "sh", "-c", 'mkdir -p "$0" && mount -t tmpfs -o size=48m tmpfs "$0" && exec "$@"')
WORKSPACES = "/v1/management.cattle.io.fleetworkspaces"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service whose state lies on a small disk of its own."""
    if subprocess.run([*TMPFS, str(tmp_path / "probe"), "true"], check=False, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root and unshare (util-linux)")
    state = tmp_path / "state"
    arguments = ("--polling-interval", "1", "--drift-interval", "1", "--allow-file-repos")
    running = start(state, *arguments, prefix=(*TMPFS, str(state)))
    try:
        yield running
    finally:
        running.stop()
    log = running.log.read_text()
    assert "Traceback" not in log, log


@contextmanager
def full(service: Service) -> Iterator[None]:
    filler = Path(f"/proc/{service.process.pid}/root{service.state}/filler")
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass
    try:
        yield
    finally:
        filler.unlink()


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
    deployed = Path(f"/proc/{service.process.pid}/root{service.state}/clusters/fleet-local")
    wait_for(lambda: list(deployed.rglob("configmap_a.yaml")), "the first commit")
    acknowledged, refused = set(), None
    with full(service):
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
