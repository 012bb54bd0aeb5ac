"""SIZE clusters (default 20,000) with ten labels each, registered over the bulk path of the store, each batch on disk."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.benchmarks.common import figure, size
from tests.benchmarks.fleet import disk_mib, register


def main() -> None:
    count = size(20_000)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "store.db"
        taken = register(path, count)
        what = "the store's bulk path, in process, 10,000 a transaction; no agents"
        figure(
            "register",
            count,
            taken,
            "s",
            what=what,
            clusters_a_second=round(count / taken),
            disk_bytes_a_cluster=round(disk_mib(path) * 2**20 / count),
        )


if __name__ == "__main__":
    main()
