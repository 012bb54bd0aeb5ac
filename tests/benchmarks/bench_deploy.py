"""SIZE Bundles (default 100) of one ConfigMap each, created through the API, to Ready on a real Kubernetes API server of its own; then what
they take while nothing changes.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.benchmarks.common import figure, requests_in, size
from tests.benchmarks.service import Service, served, waiting
from tests.integration.kube import cluster

BUNDLES = "/v1/fleet.cattle.io.bundles"
REST = 60.0
"""Seconds of the rest that is measured."""


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
    count = size(100, most=2000)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "kube").mkdir()
        (folder / "service").mkdir()
        with (
            cluster.running(folder / "kube", audited=True) as kubeconfig,
            served(folder / "service", "--kubeconfig", str(kubeconfig)) as service,
        ):
            log = folder / "kube" / "audit.log"
            deployed(service, count, log)
            rested(service, count, log)


def deployed(service: Service, count: int, log: Path) -> None:
    start, before, busy = time.perf_counter(), len(requests_in(log)), service.cpu()
    for number in range(count):
        service.post(BUNDLES, bundle(number))
    created = time.perf_counter() - start
    peak = 0.0
    for _ in waiting(f"{count} Ready bundles", 1200, 0.1):
        peak = max(peak, service.mib())
        if ready(service) >= count:
            break
    taken = time.perf_counter() - start
    asked = requests_in(log)[before:]
    figure(
        "deploy", count, count / taken, "releases/s", rss_mib=peak, what="created to Ready, a real API server",
        seconds=round(taken, 2), creating_s=round(created, 2), cpu_ms_each=round((service.cpu() - busy) * 1000 / count, 1),
        requests_each=round(len(asked) / count, 1), most={what: round(times / count, 1) for what, times in Counter(asked).most_common(12)},
        upstream_per_s=1.7, upstream_mib=209,
    )  # fmt: skip


def rested(service: Service, count: int, log: Path) -> None:
    """Nothing is looked at and nothing is written: what there is was seen when it was deployed, and is watched."""
    time.sleep(REST)  # the looks that came with the deployments
    before, busy, start = len(requests_in(log)), service.cpu(), time.monotonic()
    time.sleep(REST)
    passed, asked = time.monotonic() - start, requests_in(log)[before:]
    writes = [one for one in asked if not one.startswith(("get ", "list ", "watch "))]
    figure(
        "deploy", count, len(asked) / passed * 60, "requests/min", what="to the API server at rest",
        writes=len(writes), cpu_percent=round((service.cpu() - busy) / passed * 100, 2), most=dict(Counter(asked).most_common(5)),
    )  # fmt: skip


if __name__ == "__main__":
    main()
