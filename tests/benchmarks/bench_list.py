"""Lists and summaries of SIZE clusters (default 20,000) with one bundle on all of them: the 95th percentile of each, by the store."""

from __future__ import annotations

import statistics
from collections.abc import Callable

from extension.objects.base import ObjectMeta
from extension.objects.kinds import Bundle, Cluster, ClusterGroup, ClusterGroupSpec
from extension.objects.selectors import LabelSelector
from extension.store.errorgroups import ErrorQuery
from extension.store.protocol import Filter, Query
from tests.benchmarks.common import figure, size
from tests.benchmarks.fleet import WORKSPACE, Fleet, cluster, fleet, timed

TIMES = 20
AT_ONCE = 1000
INTERVAL = 900


def p95(work: Callable[[int], object]) -> float:
    """In milliseconds; what the first question of a process loads for all later ones is not in it."""
    work(0)
    return statistics.quantiles([timed(lambda at=at: work(at)) * 1000 for at in range(TIMES)], n=20)[-1]  # type: ignore[misc]


def check_in(made: Fleet, count: int) -> None:
    """Every cluster is heard of once in 15 minutes, 1,000 a time."""
    numbers = list(made.store.population.everyone())
    for at in range(0, count, AT_ONCE):
        second = at * INTERVAL // count
        made.store.asking.seen(numbers[at : at + AT_ONCE], f"2026-01-01T00:{second // 60:02d}:{second % 60:02d}Z")


def main() -> None:
    count = size(20_000)
    with fleet(count) as made:
        store = made.store
        store.create(
            ClusterGroup(
                metadata=ObjectMeta(name="prod", namespace=WORKSPACE), spec=ClusterGroupSpec(selector=LabelSelector({"env": "prod"}))
            )
        )
        key = made.bundle("everywhere")
        made.look(key)
        made.report(key)
        check_in(made, count)
        here = Query(namespaces=(WORKSPACE,))
        far = [WORKSPACE, cluster(count - 150).metadata.name, 0]
        questions: dict[str, Callable[[int], object]] = {
            "first page": lambda _: store.list(Cluster, here),
            "far end": lambda _: store.list(Cluster, Query(namespaces=(WORKSPACE,), after=f'["{far[0]}","{far[1]}",0]')),
            "two labels": lambda at: store.list(
                Cluster, Query(namespaces=(WORKSPACE,), selector=LabelSelector({"env": "prod", "region": f"r{at % 5 * 4}"}))
            ),
            "part of a name": lambda at: store.list(
                Cluster, Query(namespaces=(WORKSPACE,), filters=((Filter("metadata.name", "~", (f"{at * 137 % 10_000:04d}",)),),))
            ),
            "last seen, longest ago first": lambda _: store.list(Cluster, Query(namespaces=(WORKSPACE,), sort=("status.agent.lastSeen",))),
            "not seen for ten minutes": lambda _: store.list(
                Cluster, Query(namespaces=(WORKSPACE,), filters=((Filter("status.agent.lastSeen", "<", ("2026-01-01T00:05:00Z",)),),))
            ),
            "bundles ready": lambda _: store.list(Cluster, Query(namespaces=(WORKSPACE,), sort=("status.display.readyBundles",))),
            "by state": lambda _: store.list(Cluster, Query(namespaces=(WORKSPACE,), sort=("metadata.state.name",))),
        }
        for name, ask in questions.items():
            figure("list", count, p95(ask), "ms", what=name, percentile=95, by="the store, in process")
        figure("summary", count, p95(lambda _: store.get(Bundle, WORKSPACE, "everywhere")), "ms", what="bundle", percentile=95)
        figure("summary", count, p95(lambda _: store.get(ClusterGroup, WORKSPACE, "prod")), "ms", what="group", percentile=95)
        made.report_failures(made.bundle("failing"))
        alike = ((Filter("status.shape", "=", (store.errors.list(ErrorQuery()).items[0].shape,)),),)
        wrong: dict[str, Callable[[int], object]] = {
            "errors grouped": lambda _: store.errors.list(ErrorQuery(workspaces=(WORKSPACE,))),
            "clusters of a group of errors": lambda _: store.list(Cluster, Query(namespaces=(WORKSPACE,), filters=alike)),
            "deployments of a group of errors": lambda _: store.deployments(Query(namespaces=(WORKSPACE,), filters=alike)),
        }
        for name, ask in wrong.items():
            figure("list", count, p95(ask), "ms", what=name, percentile=95, by="the store, in process")


if __name__ == "__main__":
    main()
