"""One bundle to SIZE clusters (default 1,000): from a stored Bundle to stored deployments, with a customization."""

from __future__ import annotations

import sys
import time

from extension.objects.base import ObjectMeta
from extension.objects.content import content_id
from extension.objects.kinds import Bundle, BundleResource, BundleSpec, BundleTarget, Cluster, FleetWorkspace, GitTarget, RolloutStrategy
from extension.objects.options import HelmOptions
from extension.objects.selectors import LabelSelector
from extension.store.labels import LabelIndex
from extension.store.sql import SqlStore
from extension.targeting import plan, step
from tests.benchmarks.common import figure, size
from tests.benchmarks.places import empty, opened


class NoTemplates:
    def evaluate(self, text: str, context: object, name: str = "") -> str:
        return text


def clusters(store: SqlStore, count: int) -> None:
    store.create(FleetWorkspace(metadata=ObjectMeta(name="ws")))
    for n in range(count):
        labels = {"env": "production" if n % 2 else "staging", "region": f"r{n % 10}"}
        store.create(Cluster(metadata=ObjectMeta(name=f"c{n:07d}", namespace="ws", labels=labels)))
        if n % 10_000 == 9_999:
            print(f"{n + 1} clusters", file=sys.stderr)


def main() -> None:
    count = size(1000, most=20_000)
    with empty() as where:
        store = opened(where)
        start = time.perf_counter()
        clusters(store, count)
        figure("target-clusters", count, count / (time.perf_counter() - start), "clusters/s", what="created one by one, each on disk")
        index = LabelIndex(store)
        start = time.perf_counter()
        index.refresh()
        figure("target-index", count, time.perf_counter() - start, "s", what="label index built from the store")
        production = BundleTarget(
            name="production", cluster_selector=LabelSelector(match_labels={"env": "production"}), helm=HelmOptions(values={"replicas": 3})
        )
        spec = BundleSpec(
            resources=(BundleResource(name="a.yaml", content="kind: ConfigMap"),),
            helm=HelmOptions(values={"replicas": 1}),
            targets=(production, BundleTarget(name="all", cluster_selector=LabelSelector())),
            target_restrictions=(GitTarget(name="all", cluster_selector=LabelSelector()),),
            rollout_strategy=RolloutStrategy(max_new=count),
        )
        bundle = store.create(Bundle(metadata=ObjectMeta(name="b", namespace="ws"), spec=spec))
        start = time.perf_counter()
        found = store.find(Bundle, "ws", "b")
        assert found is not None
        planned = plan(found, index, NoTemplates(), manifest_id=content_id(bundle.status.resources_sha256_sum))
        done = step(planned, store.progress(bundle.key), index)
        while not done.empty:
            store.apply(planned, done)
            done = step(planned, store.progress(bundle.key), index)
        taken = time.perf_counter() - start
        stored = store.find(Bundle, "ws", "b")
        assert stored is not None and stored.status.summary.desired_ready == count
        figure("target", count, taken, "s", what="Bundle to stored deployments, two variants", upstream_s=71)
        store.close()


if __name__ == "__main__":
    main()
