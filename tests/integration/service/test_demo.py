"""`rancher-cd serve --demo` as a person meets it: one process tree, a terminal, a repository, folders and the API."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.integration.service.running import START, Service, start, wait_for

pytestmark = pytest.mark.xdist_group("demo")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    running = start(tmp_path_factory.mktemp("demo") / "state", "--demo", "--drift-interval", "1", "--polling-interval", "1")
    yield running
    running.stop()
    log = running.log.read_text()
    assert "Traceback" not in log and "was sent SIG" not in log, log


def commit(service: Service, path: str, old: str, new: str) -> None:
    repository = service.state / "demo" / "repo"
    file = repository / path
    file.write_text(file.read_text().replace(old, new))
    subprocess.run(["git", "commit", "-qam", new], cwd=repository, check=True)


def test_the_demonstration_is_deployed_before_it_says_ready(service: Service) -> None:
    wait_for(lambda: "\nready\n" in service.log.read_text(), "ready")
    found = {(r["metadata"]["namespace"], r["metadata"]["name"]): r["status"] for r in service.get("/v1/fleet.cattle.io.gitrepos")["data"]}
    assert {key: status["display"]["readyBundleDeployments"] for key, status in found.items()} == {
        ("edge", "kiosks"): "1/1",
        ("fleet-default", "shop"): "6/6",
        ("fleet-default", "welcome"): "3/3",
        ("fleet-local", "welcome"): "1/1",
    }
    assert "mode: offline-first" in next(service.deployed("edge").rglob("*edge-settings.yaml")).read_text()
    assert "level: production" in next(service.deployed("fleet-default", "berlin").rglob("*configmap_welcome.yaml")).read_text()
    assert "region: us" in next(service.deployed("fleet-default", "boston").rglob("configmap_shop-settings.yaml")).read_text()


def test_a_commit_is_deployed_and_only_what_changed_is_done_again(service: Service) -> None:
    wait_for(lambda: "\nready\n" in service.log.read_text(), "ready")
    untouched = next(service.deployed("fleet-default", "berlin").rglob("configmap_shop-cache.yaml"))
    before = untouched.stat().st_mtime_ns
    commit(service, "04-depends-on/reports.yaml", "nightly", "hourly")
    reports = next(service.deployed("fleet-default", "berlin").rglob("*configmap_reports.yaml"))
    wait_for(lambda: "hourly" in reports.read_text(), "the commit")
    assert untouched.stat().st_mtime_ns == before


def test_an_edited_file_is_modified_and_corrected_only_where_that_is_on(service: Service) -> None:
    wait_for(lambda: "\nready\n" in service.log.read_text(), "ready")
    left = next(service.deployed("fleet-default", "boston").rglob("configmap_shop-cache.yaml"))
    edit(left, "256Mi", "1Gi")
    shop = wait_for(lambda: (r := service.repo("fleet-default", "shop"))["status"]["display"].get("state") == "Modified" and r, "Modified")
    ready = next(c for c in shop["status"]["conditions"] if c["type"] == "Ready")
    assert "modified: data.maxmemory is" in ready["message"] and 'deployed "256Mi"' in ready["message"]
    assert "1Gi" in left.read_text()
    corrected = next(service.deployed("fleet-default", "boston").rglob("*configmap_welcome.yaml"))
    edit(corrected, "Hello", "Tampered")
    wait_for(lambda: "Hello" in corrected.read_text(), "the correction")
    edit(left, "1Gi", "256Mi")
    wait_for(lambda: not service.repo("fleet-default", "shop")["status"]["display"].get("state"), "Ready again")


def edit(file: Path, old: str, new: str) -> None:
    """In one step, as editors save: nobody finds half a file."""
    saved = file.with_name(f".{file.name}.saved")
    saved.write_text(file.read_text().replace(old, new))
    saved.replace(file)


def test_a_poison_commit_stops_only_its_own_gitrepo_and_says_where(service: Service) -> None:
    wait_for(lambda: "\nready\n" in service.log.read_text(), "ready")
    commit(service, "03-kustomize/fleet.yaml", "namespace: kiosk", "namespace: [kiosk")
    kiosks = wait_for(lambda: (r := service.repo("edge", "kiosks"))["metadata"]["state"]["error"] and r, "the error")
    assert "03-kustomize/fleet.yaml" in kiosks["metadata"]["state"]["message"]
    assert list(service.deployed("edge").rglob("*edge-settings.yaml")), "what was deployed before stays"
    commit(service, "01-raw-overlays/configmap.yaml", "Hello", "Good morning")
    wait_for(
        lambda: "Good morning" in next(service.deployed("fleet-local").rglob("*configmap_welcome.yaml")).read_text(), "the others to go on"
    )
    commit(service, "03-kustomize/fleet.yaml", "namespace: [kiosk", "namespace: kiosk")
    wait_for(lambda: not service.repo("edge", "kiosks")["metadata"]["state"]["error"], "the recovery")


def test_a_moved_cluster_loses_what_leaves_and_gets_what_comes(service: Service) -> None:
    wait_for(lambda: "\nready\n" in service.log.read_text(), "ready")
    moved = service.call("POST", "/v1/fleet.cattle.io.clusters/fleet-default/staging?action=move", json={"workspace": "edge"})
    assert moved.status_code == 200, moved.text
    assert "kiosks-03-kustomize" in moved.text and "welcome-01-raw-overlays" in moved.text
    wait_for(lambda: list(service.deployed("edge", "staging").rglob("*configmap_settings.yaml")), "what comes")
    wait_for(lambda: not list(service.deployed("edge", "staging").rglob("*configmap_welcome.yaml")), "what leaves")
    assert not service.deployed("fleet-default", "staging").exists()


def test_deleting_a_gitrepo_removes_what_it_deployed(service: Service) -> None:
    wait_for(lambda: "\nready\n" in service.log.read_text(), "ready")
    assert service.call("DELETE", "/v1/fleet.cattle.io.gitrepos/fleet-local/welcome").status_code in (200, 202, 204)
    wait_for(lambda: not list(service.deployed("fleet-local").rglob("*.yaml")), "the files to go")
    wait_for(lambda: service.call("GET", "/v1/fleet.cattle.io.gitrepos/fleet-local/welcome").status_code == 404, "the GitRepo to go")


def test_a_killed_service_goes_on_where_it_was_and_keeps_its_token(tmp_path: Path) -> None:
    first = start(tmp_path / "state")
    token = first.line("token: ")
    made = first.call("POST", "/v1/management.cattle.io.fleetworkspaces", json={"metadata": {"name": "team-a"}})
    assert made.status_code == 201, made.text
    subprocess.run(["pkill", "-KILL", "-P", str(first.process.pid)], check=False)
    first.stop(signal.SIGKILL)
    second = start(tmp_path / "state")
    try:
        answer = requests.get(
            f"{second.url}/v1/management.cattle.io.fleetworkspaces", headers={"Authorization": f"Bearer {token}"}, timeout=20
        )
        assert {w["metadata"]["name"] for w in answer.json()["data"]} == {"fleet-default", "fleet-local", "team-a"}
        assert token not in second.log.read_text()
    finally:
        second.stop()


def test_a_taken_port_is_refused_at_once_with_the_way_out(tmp_path: Path) -> None:
    running = start(tmp_path / "a")
    try:
        port = running.url.rpartition(":")[2]
        command = [*START[:-1], port, "--state-dir", str(tmp_path / "b")]
        again = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
        assert again.returncode == 1
        assert f"can't listen on 127.0.0.1:{port}" in again.stderr and "--port" in again.stderr
    finally:
        running.stop()
