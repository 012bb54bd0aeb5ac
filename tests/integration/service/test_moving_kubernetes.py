"""A cluster with fifty bundles changes its workspace, on a real Kubernetes API: what both workspaces have is not touched."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from extension.delivery.client import Client, Kind
from extension.delivery.kubeconfig import inlined, read
from tests.integration.service.running import Service, start, wait_for

pytestmark = pytest.mark.xdist_group("kube")

CONFIG_MAPS = Kind("v1", "ConfigMap", "configmaps", True)
BUNDLES, CLUSTERS = "/v1/fleet.cattle.io.bundles", "/v1/fleet.cattle.io.clusters"
SOURCE, TARGET, NAMESPACE = "fleet-default", "edge", "moving"
OLD, NEW = range(50), range(10, 60)


@pytest.fixture
def service(kubeconfig: Path, tmp_path: Path) -> Iterator[Service]:
    made = start(tmp_path / "state")
    access = inlined(kubeconfig.read_text(), str(kubeconfig), kubeconfig.parent)
    wait_for(made.ready, "readiness")
    post(made, "/v1/management.cattle.io.fleetworkspaces", {"metadata": {"name": TARGET}})
    secret = {"metadata": {"name": "access", "namespace": SOURCE}, "data": {"value": base64.b64encode(access.encode()).decode()}}
    for workspace in (SOURCE, TARGET):
        post(made, "/v1/secrets", {**secret, "metadata": {"name": "access", "namespace": workspace}})
    post(made, CLUSTERS, {"metadata": {"name": "one", "namespace": SOURCE}, "spec": {"kubeConfigSecret": "access"}})
    yield made
    made.stop()


def post(service: Service, path: str, body: dict[str, Any]) -> Any:
    answer = service.call("POST", path, json=body)
    assert answer.ok, answer.text
    return answer.json()


def bundle(workspace: str, number: int) -> dict[str, Any]:
    content = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: b{number:02d}}}\ndata: {{number: '{number}'}}\n"
    every = [{"clusterSelector": {}}]
    spec = {"defaultNamespace": NAMESPACE, "resources": [{"name": "a.yaml", "content": content}]}
    return {"metadata": {"name": f"b{number:02d}", "namespace": workspace}, "spec": {**spec, "targets": every, "targetRestrictions": every}}


def summary(service: Service, workspace: str) -> tuple[int, int]:
    found = service.get(f"{CLUSTERS}/{workspace}/one")["status"].get("summary", {})
    return found.get("ready", 0), found.get("desiredReady", 0)


def test_what_both_workspaces_have_stays_the_rest_goes_and_comes(service: Service, kubeconfig: Path) -> None:
    client = Client(read(kubeconfig.read_text()))

    def there() -> dict[str, tuple[str, str]]:
        found = (one["metadata"] for one in client.list(CONFIG_MAPS, NAMESPACE))
        return {meta["name"]: (meta["uid"], meta["resourceVersion"]) for meta in found if meta["name"].startswith("b")}

    for workspace, numbers in ((SOURCE, OLD), (TARGET, NEW)):
        for number in numbers:
            post(service, BUNDLES, bundle(workspace, number))
    wait_for(lambda: summary(service, SOURCE) == (50, 50), "the fifty of the first workspace")
    before = there()
    asked = {"kind": "move", "workspace": TARGET, "ids": [f"{SOURCE}/one"]}
    (foreseen,) = post(service, "/v1/operations?dryRun=All", asked)["items"]
    numbers = {name: len(foreseen["result"][name]) for name in ("leaves", "adopts", "comes")}
    assert (numbers, foreseen["result"]["removed"]) == ({"leaves": 10, "adopts": 40, "comes": 10}, 10)
    assert there() == before
    made = post(service, "/v1/operations", asked)

    def ended() -> bool:
        found = service.get(f"/v1/operations/{made['id']}")
        assert found["state"] != "failed", found
        return bool(found["state"] == "done")

    wait_for(ended, "the end of the move")
    wait_for(lambda: summary(service, TARGET) == (50, 50), "the fifty of the second workspace")
    after = there()
    assert {name: after[name] for name in before if name in after} == {f"b{n:02d}": before[f"b{n:02d}"] for n in OLD if n in NEW}
    assert after.keys() == {f"b{n:02d}" for n in NEW}
    client.close()
