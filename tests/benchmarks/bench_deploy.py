"""SIZE Bundles (default 100) of one ConfigMap each, created through the API, to Ready on a real Kubernetes API server.

`TEST_KUBECONFIG` names the cluster; without it the tests' own API server is started.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from tests.benchmarks.common import figure, size
from tests.benchmarks.service import Service, served, waiting
from tests.integration.kube import cluster

BUNDLES = "/v1/fleet.cattle.io.bundles"


def bundle(number: int) -> dict[str, object]:
    content = f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  number: '{number}'\n"
    every = {"clusterSelector": {}}
    return {
        "type": "fleet.cattle.io.bundle",
        "metadata": {"name": f"bench-{number:04d}", "namespace": "fleet-local"},
        "spec": {
            "defaultNamespace": f"bench-{number:04d}",
            "resources": [{"name": "settings.yaml", "content": content}],
            "targets": [every],
            "targetRestrictions": [every],
        },
    }


def ready(service: Service) -> int:
    """Counted from the one cluster's own summary: one small read, however many bundles."""
    status = service.get("/v1/fleet.cattle.io.clusters/fleet-local/local")["status"]
    return int(status.get("summary", {}).get("ready", 0))


def main() -> None:
    count = size(100, most=1000)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "kube").mkdir()
        (folder / "service").mkdir()
        with cluster.running(folder / "kube") as kubeconfig, served(folder / "service", "--kubeconfig", str(kubeconfig)) as service:
            start = time.perf_counter()
            for number in range(count):
                service.post(BUNDLES, bundle(number))
            created = time.perf_counter() - start
            peak = 0.0
            for _ in waiting(f"{count} Ready bundles", 600, 0.1):
                peak = max(peak, service.mib())
                if ready(service) >= count:
                    break
            taken = time.perf_counter() - start
            figure(
                "deploy", count, count / taken, "releases/s", rss_mib=peak, what="created to Ready, a real API server",
                seconds=round(taken, 2), creating_s=round(created, 2), upstream_per_s=1.7, upstream_mib=209,
            )  # fmt: skip


if __name__ == "__main__":
    main()
