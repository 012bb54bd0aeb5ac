"""A store of SIZE clusters (default 20,000) with five bundles on all of them, every deployment reported, is opened anew.

By a process of the engine's and store's part: its first page of clusters, all five bundles planned again and their progress known, its
memory. And by the service as a whole, one process and gunicorn's: the first page and the first check-in over HTTP, the memory of
all processes once it is at rest, and the store's size. The service's part is left out on PostgreSQL.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click

from extension.client import ApiClient
from extension.commands.simulate import registration
from extension.objects.base import Key
from extension.objects.kinds import Bundle, Cluster
from extension.rendering.gotemplate import GoTemplates
from extension.simulator.behaviour import Behaviour
from extension.simulator.doors import Away, HttpDoor
from extension.simulator.running import Shard, join
from extension.store.protocol import Query
from tests.benchmarks.common import figure, size
from tests.benchmarks.fleet import WORKSPACE, Fleet, fleet
from tests.benchmarks.places import KEY, Place, disk_mib, server
from tests.benchmarks.service import served, waiting

BUNDLES = 5
REST = 60.0


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
            key = made.bundle(f"b{number}", content=f"kind: {number}")
            made.look(key)
            made.report(key)
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
        what = f"disk, {BUNDLES * count} deployments, all of them reported"
        figure("footprint", count, disk_mib(made.where), "MiB", rss_mib=rss, what=what)
        if isinstance(made.where, Path):
            service(count, made.where)


def service(count: int, where: Path) -> None:
    """The service with that store, started once so that an agent can register, and then again."""
    with tempfile.TemporaryDirectory(dir=where.parent) as scratch:
        folder = Path(scratch) / "state"
        folder.mkdir()
        where.rename(folder / "store.db")
        (folder / "store.db.key").write_bytes(KEY)
        with served(Path(scratch)) as first:
            token = first.token
            _, word = registration(ApiClient(first.url, token), WORKSPACE, "restart")
            shard = Shard(HttpDoor(first.url), Behaviour(), 0)
            join([shard], word, "agent", 1, 1)
        start = time.perf_counter()
        with served(Path(scratch)) as again_:
            checked = answered(lambda: HttpDoor(again_.url).check_in(shard.agents.keys[0], "")) - start
            listed = answered(lambda: ApiClient(again_.url, token).get("/v1/fleet.cattle.io.clusters", limit="100")) - start
            figure("restart", count, checked, "s", rss_mib=again_.mib(), what="the service, until a check-in is answered over HTTP")
            figure("restart", count, listed, "s", rss_mib=again_.mib(), what="and the first page of clusters after that, over HTTP")
            time.sleep(REST)
            figure("footprint", count, again_.mib(), "MiB", rss_mib=again_.mib(), what="all processes of the service, a minute after")


def answered(ask: Callable[[], object]) -> float:
    """When it was."""
    for _ in waiting("an answer"):
        try:
            ask()
        except (Away, click.ClickException):
            continue
        return time.perf_counter()
    raise AssertionError


if __name__ == "__main__":
    main()
