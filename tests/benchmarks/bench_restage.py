"""A new commit of a bundle on all of SIZE clusters (default 20,000), with a value that is another in each of 20 regions."""

from __future__ import annotations

import msgspec

from extension.objects.kinds import Bundle
from extension.objects.options import HelmOptions
from extension.objects.selectors import LabelSelector
from tests.benchmarks.common import figure, size
from tests.benchmarks.fleet import WORKSPACE, bundle_spec, fleet, timed


def main() -> None:
    count = size(20_000)
    with fleet(count) as made:
        key = made.bundle("everywhere")
        made.look(key)
        found = made.store.get(Bundle, WORKSPACE, "everywhere")
        spec = bundle_spec(LabelSelector(), "kind: Secret", helm=HelmOptions(values={"region": "${ .ClusterLabels.region }"}))
        made.store.update(msgspec.structs.replace(found, spec=spec))
        taken = timed(lambda: made.look(key))
        staged = made.store.progress(key).staged
        assert sum(len(clusters) for clusters in staged.values()) == count
        figure("restage", count, taken, "s", what="in process; no agents", variants=len(staged))


if __name__ == "__main__":
    main()
