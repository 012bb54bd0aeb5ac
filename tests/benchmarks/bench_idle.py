"""One cluster with one GitRepo, at rest: what all processes hold, and use in SIZE seconds (default 30).

A directory cluster with a bundle of plain manifests, then a Kubernetes cluster (`TEST_KUBECONFIG`, or the tests' own API
server) whose bundles are Helm releases, one of a chart and one of a template's values.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from extension.rendering.pool import IDLE
from tests.benchmarks.common import figure, size
from tests.benchmarks.service import Service, served, waiting
from tests.integration.kube import cluster

SETTLED = IDLE + 10
"""Seconds after Ready until the processes that render have ended, as nobody needs them."""

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  greeting: hello\n"
PLAIN = {"plain/one.yaml": CONFIG_MAP.format(name="one"), "plain/two.yaml": CONFIG_MAP.format(name="two")}
HELM = {
    "web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 0.1.0\n",
    "web/values.yaml": "greeting: hello\n",
    "web/templates/map.yaml": CONFIG_MAP.format(name="web").replace("hello", "{{ .Values.greeting }}"),
    "web/fleet.yaml": "defaultNamespace: web\nhelm:\n  values:\n    greeting: ${ .ClusterName }\n",
    "plain/fleet.yaml": "defaultNamespace: plain\n",
    "plain/map.yaml": CONFIG_MAP.format(name="plain"),
}


def repository(folder: Path, files: dict[str, str]) -> str:
    """A Git repository of these files, as a URL."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    git = ["git", "-C", str(folder), "-c", "user.name=bench", "-c", "user.email=bench@example.com"]
    for words in (("init", "-q", "-b", "main"), ("add", "."), ("commit", "-qm", "one")):
        subprocess.run([*git, *words], check=True)
    return f"file://{folder}"


def gitrepo(url: str, paths: set[str]) -> dict[str, Any]:
    return {
        "type": "fleet.cattle.io.gitrepo",
        "metadata": {"name": "one", "namespace": "fleet-local"},
        "spec": {"repo": url, "branch": "main", "paths": sorted(paths)},
    }


def is_ready(service: Service, bundles: int) -> bool:
    shown = service.get("/v1/fleet.cattle.io.gitrepos/fleet-local/one")["status"].get("display", {})
    return bool(shown.get("readyBundleDeployments") == f"{bundles}/{bundles}" and not shown.get("state"))


def rested(what: str, seconds: int, files: dict[str, str], scratch: Path, *arguments: str) -> None:
    """Starts a service, lets it deploy these files, and prints what it takes when all is done."""
    (scratch / "service").mkdir()
    paths = {path.partition("/")[0] for path in files}
    with served(scratch / "service", "--allow-file-repos", *arguments) as service:
        service.post("/v1/fleet.cattle.io.gitrepos", gitrepo(repository(scratch / "repository", files), paths))
        for _ in waiting("the GitRepo to be Ready", 120, 0.1):
            if is_ready(service, len(paths)):
                break
        peak = service.mib()
        time.sleep(SETTLED)
        before = service.cpu()
        time.sleep(seconds)
        used = (service.cpu() - before) / seconds
        shares = {name: round(mib, 1) for name, mib in service.shares().items()}
        figure("idle", seconds, used * 100, "% of a core", rss_mib=service.mib(), what=what, at_ready_mib=round(peak, 1), shares_mib=shares)


def main() -> None:
    seconds = size(30, most=600)
    with tempfile.TemporaryDirectory() as scratch:
        rested("a directory cluster with plain manifests", seconds, PLAIN, Path(scratch))
    with tempfile.TemporaryDirectory() as scratch, tempfile.TemporaryDirectory() as kube, cluster.running(Path(kube)) as kubeconfig:
        rested("a Kubernetes cluster with Helm releases", seconds, HELM, Path(scratch), "--kubeconfig", str(kubeconfig))


if __name__ == "__main__":
    main()
