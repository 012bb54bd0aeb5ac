"""The service with `--kubeconfig`: the examples on a real Kubernetes API, as Helm releases."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from extension.delivery.client import Client, Kind
from extension.delivery.helm_records import HelmRecords
from extension.delivery.kubeconfig import read
from tests.integration.service.running import start, wait_for

pytestmark = pytest.mark.xdist_group("kube")

CONFIG_MAPS = Kind("v1", "ConfigMap", "configmaps", True)


def test_the_examples_are_deployed_to_the_local_cluster_corrected_and_removed(kubeconfig: Path, tmp_path: Path) -> None:
    client = Client(read(kubeconfig.read_text()))
    service = start(
        tmp_path / "state", "--demo", "--kubeconfig", str(kubeconfig), "--drift-interval", "1", "--polling-interval", "1"
    )  # fmt: skip
    try:
        wait_for(lambda: "\nready\n" in service.log.read_text(), service.log.read_text())
        spec = {
            "repo": f"file://{tmp_path}/state/demo/repo",
            "branch": "main",
            "paths": ["02-helm-subchart", "03-kustomize", "04-depends-on"],
        }
        body = {"metadata": {"name": "all", "namespace": "fleet-local"}, "spec": {**spec, "correctDrift": {"enabled": True}}}
        assert service.call("POST", "/v1/fleet.cattle.io.gitrepos", json=body).status_code == 201

        def ready() -> bool:
            return bool(service.repo("fleet-local", "all")["status"]["display"].get("readyBundleDeployments") == "3/3")

        wait_for(ready, "the GitRepo")
        releases = {revision.name for revision, _ in HelmRecords(client).deployed()}
        assert {"welcome-01-raw-overlays", "shop", "all-03-kustomize", "all-04-depends-on"} <= releases
        settings = client.get(CONFIG_MAPS, "shop", "shop-settings")
        assert settings is not None and settings["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "Helm"

        client.delete(CONFIG_MAPS, "shop", "shop-settings")
        wait_for(lambda: client.get(CONFIG_MAPS, "shop", "shop-settings"), "the correction")

        repository = tmp_path / "state" / "demo" / "repo"
        reports = repository / "04-depends-on" / "reports.yaml"
        reports.write_text(reports.read_text().replace("nightly", "hourly"))
        subprocess.run(["git", "commit", "-qam", "hourly"], cwd=repository, check=True)
        wait_for(lambda: (client.get(CONFIG_MAPS, "shop", "reports") or {}).get("data") == {"schedule": "hourly"}, "the commit")

        assert service.call("DELETE", "/v1/fleet.cattle.io.gitrepos/fleet-local/all").status_code in (200, 202, 204)
        wait_for(lambda: client.get(CONFIG_MAPS, "shop", "shop-settings") is None, "the uninstall")
        wait_for(lambda: service.call("GET", "/v1/fleet.cattle.io.gitrepos/fleet-local/all").status_code == 404, "the GitRepo to go")
    finally:
        service.stop()
        client.close()
