"""`rancher-cd deploy` to a real Kubernetes API: what `apply` and `target` printed becomes a Helm release."""

from __future__ import annotations

from pathlib import Path

import pytest

from extension.delivery.client import Client, Kind
from extension.delivery.helm_records import HelmRecords
from extension.delivery.kubeconfig import read
from tests.integration.service.cli import Cli

pytestmark = pytest.mark.xdist_group("kube")

CONFIG_MAPS = Kind("v1", "ConfigMap", "configmaps", True)
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: by-hand}\ndata: {key: value}\n"


def test_a_bundle_is_deployed_as_a_release_in_the_namespace_given(kubeconfig: Path, tmp_path: Path) -> None:
    nobody = Cli("http://127.0.0.1:1", "")
    (tmp_path / "cm.yaml").write_text(CONFIG_MAP)
    (tmp_path / "clusters.yaml").write_text("kind: Cluster\nmetadata: {name: local}\n")
    (tmp_path / "targets.yaml").write_text("targets: [{clusterName: local}]\n")
    bundle = nobody.does("apply", "-o", "-", "--targets-file", "targets.yaml", "by-hand", ".", folder=tmp_path)
    made = nobody.does("target", "-b", "-", "--clusters", "clusters.yaml", text=bundle, folder=tmp_path)
    said = nobody.does("deploy", "-i", "-", "-n", "cli-made", "--kubeconfig", str(kubeconfig), text=made)
    assert said == "cli-made/by-hand:1 deployed, objects: 1\n"
    client = Client(read(kubeconfig.read_text()))
    try:
        found = client.get(CONFIG_MAPS, "cli-made", "by-hand")
        assert found is not None and found["data"] == {"key": "value"}
        assert "by-hand" in {revision.name for revision, _ in HelmRecords(client).deployed()}
        refused = nobody.fails("deploy", "-i", "-", "--kubeconfig", str(tmp_path / "cm.yaml"), text=made)
        assert "cm.yaml" in refused
    finally:
        client.close()
