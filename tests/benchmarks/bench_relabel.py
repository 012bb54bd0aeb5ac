"""One cluster's label changes among SIZE (default 20,000) with 200 bundles that select by that label: until its deployments are right."""

from __future__ import annotations

import statistics

import msgspec

from extension.objects.base import Key
from extension.objects.kinds import Cluster
from extension.objects.selectors import LabelSelector
from extension.store.protocol import Query
from tests.benchmarks.common import figure, size
from tests.benchmarks.fleet import WORKSPACE, Fleet, cluster, fleet, timed

BUNDLES = 200
CHANGES = 20


def move(made: Fleet, number: int, site: int) -> None:
    name = cluster(number).metadata.name
    found = made.store.get(Cluster, WORKSPACE, name)
    meta = msgspec.structs.replace(found.metadata, labels={**found.metadata.labels, "site": f"s{site}"})
    made.store.update(msgspec.structs.replace(found, metadata=meta))
    made.catch_up()


def bundles_on(made: Fleet, number: int) -> list[str]:
    on = Key(Cluster.KIND, WORKSPACE, cluster(number).metadata.name)
    return [one.metadata.name for one in made.store.deployments(Query(limit=BUNDLES), cluster=on).items]


def main() -> None:
    count = size(20_000)
    with fleet(count) as made:
        for number in range(BUNDLES):
            made.look(made.bundle(f"b{number}", LabelSelector({"site": f"s{number}"}), content=f"kind: {number}"))
        made.catch_up()
        taken = [timed(lambda at=at: move(made, at, (at + 1) % BUNDLES)) for at in range(CHANGES)]  # type: ignore[misc]
        assert all(f"b{(at + 1) % BUNDLES}" in bundles_on(made, at) for at in range(CHANGES))
        figure(
            "relabel",
            count,
            max(taken) * 1000,
            "ms",
            what="longest of 20, in process; no agents",
            median_ms=round(statistics.median(taken) * 1000, 1),
        )


if __name__ == "__main__":
    main()
