"""How long a plan and a rollout step take, in memory: `python -m tests.benchmarks.bench_plan [SIZE]`.

One bundle with a customization and a templated label over SIZE clusters as objects (1,000), and one without a template
over 1,000,000 clusters of which only an index exists. One JSON line a figure.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from pyroaring import FrozenBitMap

from extension.objects.codec import decode
from extension.objects.kinds import Bundle, Cluster, ClusterGroup
from extension.objects.plan import NONE, Progress
from extension.objects.selectors import LabelSelector
from extension.rendering.gotemplate import GoTemplates
from extension.rendering.helm import NativeHelm
from extension.targeting import Group, Inputs, MemoryUniverse, plan, step

MANY = 1_000_000
REGIONS = 10


class Index:
    """A universe that is only bitmaps: `env` is prod for one cluster in ten, `region` one of ten, all in one group."""

    def __init__(self, size: int) -> None:
        self._all = FrozenBitMap(range(size))
        self._labels = {
            "env": {"prod": FrozenBitMap(range(0, size, 10)), "dev": self._all - FrozenBitMap(range(0, size, 10))},
            "region": {f"r{n}": FrozenBitMap(range(n, size, REGIONS)) for n in range(REGIONS)},
        }

    def mapped_namespaces(self, namespace: str, labels: Mapping[str, str]) -> Collection[str]:
        return ()

    def clusters(self, namespace: str) -> FrozenBitMap:
        return self._all

    def named(self, namespace: str, name: str) -> FrozenBitMap:
        return NONE

    def select(self, namespace: str, selector: LabelSelector) -> FrozenBitMap:
        found = self._all
        for key, value in selector.match_labels.items():
            found &= self._labels[key][value]
        return found

    def groups(self, namespace: str) -> Sequence[Group]:
        return (Group("default", {}, self._all),)

    def bare(self) -> FrozenBitMap:
        return NONE

    def sample(self, clusters: FrozenBitMap) -> Inputs:
        return next(found for _, found in self.inputs(clusters[:1]))

    def by_label(self, key: str, clusters: FrozenBitMap) -> Mapping[str, FrozenBitMap]:
        return {value: hits for value, members in self._labels[key].items() if (hits := members & clusters)}

    def inputs(self, clusters: FrozenBitMap) -> Iterator[tuple[int, Inputs]]:
        for number in clusters:
            labels = {key: value for key, values in self._labels.items() for value, members in values.items() if number in members}
            yield number, Inputs("fleet-default", f"c{number:07}", labels)

    def first(self, clusters: FrozenBitMap, count: int) -> FrozenBitMap:
        return clusters[:count]

    def slices(self, clusters: FrozenBitMap, size: int) -> Sequence[FrozenBitMap]:
        return tuple(clusters[at : at + size] for at in range(0, len(clusters), size))

    def deleting(self) -> FrozenBitMap:
        return NONE

    def paused(self) -> FrozenBitMap:
        return NONE

    def without_namespace(self) -> FrozenBitMap:
        return NONE

    def off_schedule(self) -> FrozenBitMap:
        return NONE


def objects(size: int) -> MemoryUniverse:
    clusters = [
        decode(
            Cluster,
            {
                "metadata": {
                    "name": f"c{n:07}",
                    "namespace": "fleet-default",
                    "labels": {"env": "dev" if n % 10 else "prod", "region": f"r{n % REGIONS}"},
                },
                "status": {"namespace": f"cluster-fleet-default-c{n:07}"},
            },
        )
        for n in range(size)
    ]
    everyone = {"metadata": {"name": "default", "namespace": "fleet-default"}, "spec": {"selector": {}}}
    return MemoryUniverse(clusters, [decode(ClusterGroup, everyone)])


def app(values: Mapping[str, Any]) -> Bundle:
    default = {"name": "default", "clusterGroup": "default"}
    prod = {"name": "prod", "clusterSelector": {"matchLabels": {"env": "prod"}}, "helm": {"values": {"replicas": 3}}}
    spec = {"helm": {"values": {"image": "app:1", **values}}, "targets": [prod, default], "targetRestrictions": [default]}
    return decode(Bundle, {"metadata": {"name": "app", "namespace": "fleet-default"}, "spec": spec})


def best(work: Callable[[], Any], times: int = 5) -> float:
    """Milliseconds of the fastest of some runs."""
    took = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        took.append((time.perf_counter() - start) * 1000)
    return min(took)


def figure(name: str, size: int, value: float, **detail: Any) -> None:
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    line = {"benchmark": name, "size": size, "value": round(value, 3), "unit": "ms", "rss_mib": round(rss, 1), "detail": detail}
    sys.stdout.write(json.dumps(line) + "\n")


def main(size: int) -> None:
    templates = GoTemplates(NativeHelm().evaluate)
    templates.evaluate("${ .a }", {"a": 1})
    _measure("templated", app({"region": "${ .ClusterLabels.region }"}), objects(size), size, templates)
    index = Index(MANY)
    _measure("index", app({}), index, MANY, templates)
    _measure("index_templated", app({"region": "${ .ClusterLabels.region }"}), index, MANY, templates)


def _measure(name: str, bundle: Bundle, universe: Any, size: int, templates: GoTemplates) -> None:
    planned = plan(bundle, universe, templates, manifest_id="s-1")
    figure(
        f"plan_{name}",
        size,
        best(lambda: plan(bundle, universe, templates, manifest_id="s-1")),
        variants=len(planned.assignments),
        partitions=len(planned.partitions),
    )
    first = step(planned, Progress(), universe, max_new=size)
    figure(f"step_{name}_first", size, best(lambda: step(planned, Progress(), universe, max_new=size)), created=len(first.create))
    done = {a.variant.deployment_id: a.clusters for a in planned.assignments}
    digests = {a.variant.digest: a.clusters for a in planned.assignments}
    settled = Progress(planned.clusters, done, done, done, digests, digests, ready=planned.clusters)
    figure(f"step_{name}_settled", size, best(lambda: step(planned, settled, universe)), empty=step(planned, settled, universe).empty)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
