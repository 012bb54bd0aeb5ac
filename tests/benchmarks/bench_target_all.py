"""One bundle to all of SIZE clusters (default 20,000): from the stored Bundle to stored deployments and a page of them."""

from __future__ import annotations

from extension.store.protocol import Query
from tests.benchmarks.common import figure, size
from tests.benchmarks.fleet import fleet, timed
from tests.benchmarks.places import disk_mib


def main() -> None:
    count = size(20_000)
    with fleet(count) as made:
        before = disk_mib(made.where)
        key = made.bundle("everywhere")
        taken = timed(lambda: made.look(key))
        page = timed(lambda: made.store.deployments(Query(), bundle=key))
        found = made.store.deployments(Query(), bundle=key)
        assert found.count == count, found.count
        cost = round((disk_mib(made.where) - before) * 2**20 / count)
        figure(
            "target_all", count, taken + page, "s", what="in process; no agents", first_page_s=round(page, 4), disk_bytes_a_deployment=cost
        )


if __name__ == "__main__":
    main()
