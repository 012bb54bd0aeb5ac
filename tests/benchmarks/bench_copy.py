"""A store of SIZE clusters (default 10,000) with five deployments each, all of them reported, is backed up and restored.

The file between is SQLite's: with DATABASE_URL this moves a store from PostgreSQL to SQLite and back, without from file to file. The
copies are made by a new process, whose memory is told.
"""

from __future__ import annotations

import itertools
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from extension.store.copying import Place, copy_store
from tests.benchmarks.common import figure, size
from tests.benchmarks.fleet import fleet, timed
from tests.benchmarks.places import KEY, disk_mib, empty, opened, server

BUNDLES = 5


def again(*places: str) -> None:
    """The new process: seconds from each place to the next, and its memory."""
    whole = [Place(place if place.startswith("postgres") else Path(place), Path(places[1]).with_name("key")) for place in places]
    seconds = [timed(lambda pair=pair: copy_store(*pair, lambda *_: None)) for pair in itertools.pairwise(whole)]  # type: ignore[misc]
    print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))


def main() -> None:
    if len(sys.argv) > 2:
        again(*sys.argv[2:])
        return
    count = size(10_000)
    kind = "PostgreSQL" if server() else "a file"
    with fleet(count) as made, tempfile.TemporaryDirectory() as scratch, empty("copied") as target:
        for number in range(BUNDLES):
            key = made.bundle(f"b{number}", content=f"kind: {number}")
            made.look(key)
            made.report(key)
        made.store.close()
        file = Path(scratch) / "backup.db"
        file.with_name("key").write_bytes(KEY)
        command = [sys.executable, "-m", "tests.benchmarks.bench_copy", str(count), str(made.where), str(file), str(target)]
        told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        (out, back), rss = json.loads(told.stdout)
        figure("copy", count, out, "s", rss_mib=rss, what=f"backup, from {kind}")
        figure("copy", count, back, "s", rss_mib=rss, what=f"restore, to {kind}")
        figure("copy", count, file.stat().st_size / 2**20, "MiB", rss_mib=rss, what=f"the backup; {disk_mib(made.where):.0f} MiB before")
        store = opened(target)
        findings: list[object] = []
        figure("copy", count, timed(lambda: findings.extend(store.audit())), "s", what="audit of what was restored", findings=len(findings))
        store.close()


if __name__ == "__main__":
    main()
