"""A store of SIZE clusters (default 20,000) with five bundles on all of them is opened by a new process.

Told: its first page of clusters; all five bundles planned again and their progress known; its memory then, and the store's size.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

from extension.objects.base import Key
from extension.objects.kinds import Bundle, Cluster
from extension.rendering.gotemplate import GoTemplates
from extension.store.protocol import Query
from tests.benchmarks.common import figure, size
from tests.benchmarks.fleet import WORKSPACE, Fleet, fleet
from tests.benchmarks.places import Place, disk_mib, server

BUNDLES = 5


class NoTemplates:
    """None of the bundles has a template."""

    def __call__(self, _requests: object) -> object:
        raise AssertionError("nothing is to be evaluated")


def again(where: Place) -> None:
    """The new process."""
    start = time.perf_counter()
    made = Fleet(where, GoTemplates(NoTemplates()))  # type: ignore[arg-type]
    made.store.list(Cluster, Query(namespaces=(WORKSPACE,)))
    page = time.perf_counter() - start
    for number in range(BUNDLES):
        made.look(Key(Bundle.KIND, WORKSPACE, f"b{number}"))
    whole = time.perf_counter() - start
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([page, whole, rss]))


def main() -> None:
    if len(sys.argv) > 2:
        again(sys.argv[2] if server() else Path(sys.argv[2]))
        return
    count = size(20_000)
    with fleet(count) as made:
        for number in range(BUNDLES):
            made.look(made.bundle(f"b{number}", content=f"kind: {number}"))
        made.store.close()
        start = time.perf_counter()
        told = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.bench_restart", str(count), str(made.where)],
            check=True,
            capture_output=True,
            text=True,
        )
        started = time.perf_counter() - start
        page, whole, rss = json.loads(told.stdout)
        loading = started - whole
        figure(
            "restart", count, loading + page, "s", rss_mib=rss, what="a new process to its first page of clusters, Python's start included"
        )
        figure("restart", count, loading + whole, "s", rss_mib=rss, what="all five bundles planned and their progress known")
        figure("footprint", count, rss, "MiB", rss_mib=rss, what="the engine's and the store's part, with five bundles; no agents' door")
        figure(
            "footprint",
            count,
            disk_mib(made.where),
            "MiB",
            rss_mib=rss,
            what=f"disk, {BUNDLES * count} deployments staged, none reported yet",
        )


if __name__ == "__main__":
    main()
