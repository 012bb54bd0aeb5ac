"""A new commit through 20 partitions of all SIZE clusters (default 20,000), each gone through before the next: the engine's time.

Agents are simulated: those that were told of something report, 1,000 reports at once, that it is Ready; their own time is not counted.
"""

from __future__ import annotations

import msgspec

from extension.objects.kinds import Bundle, RolloutStrategy
from extension.objects.selectors import LabelSelector
from tests.benchmarks.common import figure, size
from tests.benchmarks.fleet import WORKSPACE, bundle_spec, fleet, timed

ROLLOUT = RolloutStrategy(auto_partition_size="5%", max_unavailable="99%", max_unavailable_partitions=0)


def main() -> None:
    count = size(20_000)
    with fleet(count) as made:
        key = made.bundle("everywhere")
        made.look(key)
        reports = timed(lambda: made.report(key))
        figure(
            "report_rows",
            count,
            count / reports,
            "reports/s",
            what="the store's part alone, in process, 1,000 a transaction; agents simulated",
        )
        made.look(key)
        found = made.store.get(Bundle, WORKSPACE, "everywhere")
        made.store.update(msgspec.structs.replace(found, spec=bundle_spec(LabelSelector(), "kind: Secret", rollout=ROLLOUT)))
        rounds, looks, told = [], timed(lambda: made.look(key)), 0.0
        while True:
            said: list[int] = []
            told += timed(lambda said=said: said.append(made.report(key)))  # type: ignore[misc]
            if not said[0]:
                break
            rounds.append(said[0])
            looks += timed(lambda: made.look(key))
        assert sum(rounds) == count, rounds
        assert made.store.get(Bundle, WORKSPACE, "everywhere").status.summary.ready == count
        figure(
            "rollout",
            count,
            looks + told,
            "s",
            what="in process; agents simulated",
            partitions=len(rounds),
            planning_s=round(looks, 2),
            reports_s=round(told, 2),
        )


if __name__ == "__main__":
    main()
