"""Upstream's own shape of benchmark: B bundles to C clusters each, from stored Bundles to B x C stored deployments.

SIZE is a number of deployments (default 50,000: 50 bundles, 1,000 clusters); from 750,000 on it is 150 bundles, 5,000 clusters.
"""

from __future__ import annotations

from extension.store.protocol import Query
from tests.benchmarks.common import figure, size
from tests.benchmarks.fleet import fleet, timed


def run(bundles: int, clusters: int) -> None:
    with fleet(clusters) as made:
        keys = []
        created = timed(lambda: keys.extend(made.bundle(f"b{number}", content=f"kind: {number}") for number in range(bundles)))
        taken = timed(lambda: [made.look(key) for key in keys])
        assert made.store.deployments(Query(limit=1)).count == bundles * clusters
        name = f"matrix_{bundles}x{clusters}"
        figure(
            name,
            bundles * clusters,
            created + taken,
            "s",
            what="bundles created, planned and staged in process, one after the other; no agents",
        )


def main() -> None:
    wanted = size(50_000)
    shapes = ((50, 1000), (150, 5000)) if wanted >= 750_000 else ((50, max(20, wanted // 50)),)
    for bundles, clusters in shapes:
        run(bundles, clusters)


if __name__ == "__main__":
    main()
