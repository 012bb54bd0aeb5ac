"""An agent at rest with SIZE bundles (default 20) of one ConfigMap each, on a real Kubernetes API server.

Told: what the program holds, how much of a core it takes, and how many requests a minute the API server gets of it, by its audit log.
Wanted with 20 bundles: 80 MiB, 1 %, 10 a minute.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from extension.objects import yaml
from tests.benchmarks.common import figure, requests_in, size
from tests.benchmarks.service import Service, served, waiting
from tests.integration.kube import cluster

WORKSPACE = "fleet-default"
BUNDLES, TOKENS = "/v1/fleet.cattle.io.bundles", "/v1/fleet.cattle.io.clusterregistrationtokens"
REST = 300.0
"""Seconds of each look: as long as the interval in which an agent looks for drift."""
SETTLING = 30.0


def bundle(number: int) -> dict[str, object]:
    content = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings}}\ndata: {{number: '{number}'}}\n"
    every = [{"clusterSelector": {}}]
    spec = {"defaultNamespace": f"bench-{number:04d}", "resources": [{"name": "a.yaml", "content": content}]}
    return {"metadata": {"name": f"bench-{number:04d}", "namespace": WORKSPACE}, "spec": {**spec, "targets": every}}


def values(service: Service) -> str:
    service.post(TOKENS, {"metadata": {"name": "join", "namespace": WORKSPACE}})
    for _ in waiting("the token's secret", 60):
        if service.get(f"{TOKENS}/{WORKSPACE}/join").get("status", {}).get("secretName"):
            break
    return str(service.post(f"{TOKENS}/{WORKSPACE}/join?action=values", {})["values"])


def seconds_of(pid: int) -> float:
    """The processor's time of a process and of what it started."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(fields[at]) for at in (11, 12, 13, 14)) / os.sysconf("SC_CLK_TCK")


def mib(pid: int) -> float:
    """What a process holds, and what it started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    pages = [int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in (pid, *children)]
    return sum(pages) * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    count = size(20, most=500)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name in ("kube", "service", "agent"):
            (folder / name).mkdir()
        with cluster.running(folder / "kube", audited=True) as kubeconfig, served(folder / "service") as service:
            (folder / "values.yaml").write_text(values(service))
            assert yaml.load((folder / "values.yaml").read_bytes(), "values")
            for number in range(count):
                service.post(BUNDLES, bundle(number))
            command = [sys.executable, "-c", "from extension.cli import main; main()", "agent", "--values", str(folder / "values.yaml")]
            command += ["--kubeconfig", str(kubeconfig), "--state-dir", str(folder / "agent")]
            with (folder / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as agent:
                try:
                    measured(service, folder / "kube" / "audit.log", agent.pid, count)
                finally:
                    agent.terminate()


def measured(service: Service, log: Path, pid: int, count: int) -> None:
    began = time.monotonic()
    for _ in waiting("all to be Ready", 300):
        shown = service.get("/v1/fleet.cattle.io.clusters/" + WORKSPACE)["data"]
        if shown and shown[0]["status"].get("summary", {}).get("ready") == count:
            break
    figure("agent", count, time.monotonic() - began, "s", what="start to all Ready")
    time.sleep(SETTLING)
    before, busy, start = len(requests_in(log)), seconds_of(pid), time.monotonic()
    time.sleep(REST)
    passed, busy, asked = time.monotonic() - start, seconds_of(pid) - busy, requests_in(log)[before:]
    held = mib(pid)
    figure("agent", count, held, "MiB", what="held at rest")
    figure("agent", count, 100 * busy / passed, "%", what="of a core at rest")
    kinds = dict(Counter(asked).most_common(5))
    figure("agent", count, len(asked) * 60 / passed, "requests/min", what="to the API server at rest", most=kinds)


if __name__ == "__main__":
    main()
