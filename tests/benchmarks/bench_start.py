"""The demonstration: start to first answer and to Ready, then what SIZE seconds (default 20) of idling cost."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import requests

from extension.rendering.pool import IDLE
from tests.benchmarks.common import figure, size
from tests.benchmarks.service import Service, served, waiting


def all_ready(service: Service) -> bool:
    repos = service.get("/v1/fleet.cattle.io.gitrepos")["data"]
    return bool(repos) and all(
        repo["status"]["display"].get("readyBundleDeployments", "0/0") not in ("", "0/0") and not repo["status"]["display"].get("state")
        for repo in repos
    )


def main() -> None:
    seconds = size(20, most=60)
    with tempfile.TemporaryDirectory() as scratch:
        start = time.perf_counter()
        with served(Path(scratch), "--demo") as service:
            for _ in waiting("the first answer"):
                try:
                    if requests.get(f"{service.url}/readyz", timeout=5).ok:
                        break
                except requests.ConnectionError:
                    continue
            figure("start", 1, time.perf_counter() - start, "s", rss_mib=service.mib(), what="start to first answer")
            for _ in waiting("the demonstration to be Ready"):
                if all_ready(service):
                    break
            figure("start-ready", 1, time.perf_counter() - start, "s", rss_mib=service.mib(), what="start to all GitRepos Ready")
            time.sleep(IDLE + 10)  # until the process that renders has ended, as nobody needs it
            before = service.cpu()
            time.sleep(seconds)
            used = (service.cpu() - before) / seconds
            figure("idle", seconds, used * 100, "% of a core", rss_mib=service.mib(), what="idle with the demonstration")


if __name__ == "__main__":
    main()
