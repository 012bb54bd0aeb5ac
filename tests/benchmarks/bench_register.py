"""SIZE clusters (default 20,000) with ten labels each, registered over the bulk path of the store, each batch on disk."""

from __future__ import annotations

from tests.benchmarks.common import figure, size
from tests.benchmarks.fleet import register
from tests.benchmarks.places import disk_mib, empty


def main() -> None:
    count = size(20_000)
    with empty() as where:
        taken = register(where, count)
        what = "the store's bulk path, in process, 10,000 a transaction; no agents"
        figure(
            "register",
            count,
            taken,
            "s",
            what=what,
            clusters_a_second=round(count / taken),
            disk_bytes_a_cluster=round(disk_mib(where) * 2**20 / count),
        )


if __name__ == "__main__":
    main()
