"""A plan of a changed values file for SIZE clusters (default 100,000) in 20 variants, and of one that changes nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from extension.engine.bundles import BundleReconciler
from extension.engine.gitrepos import GitRepoReconciler
from extension.engine.planning import Planner
from extension.engine.policies import Policies
from extension.engine.stored import listed
from extension.objects.base import ObjectMeta
from extension.objects.errors import Invalid
from extension.objects.explanation import CommitInfo
from extension.objects.kinds import Bundle, GitRepo, GitRepoSpec, GitTarget
from extension.objects.preview import Asked
from extension.objects.selectors import LabelSelector
from extension.rendering.gotemplate import GoTemplates
from extension.rendering.pool import Pool
from extension.store.labels import LabelIndex
from tests.benchmarks.common import figure, size
from tests.benchmarks.fleet import WORKSPACE, prepared
from tests.benchmarks.places import opened
from tests.fakes.sources import DictSources

URL = "https://git.example.org/preview.git"
VARIANTS = 20
CHART = {
    "web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "web/fleet.yaml": "namespace: web\nhelm:\n  values: {region: '${ .ClusterLabels.region }'}\n",
    "web/templates/a.yaml": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {region: '{{ .Values.region }}', size: '{{ .Values.size }}'}\n"
    ),
}


class Sources(DictSources):
    """One repository in memory, no chart from elsewhere."""

    def fetch(self, op: Any, helm: Any) -> Mapping[str, bytes]:
        raise Invalid("there is no HelmOp")

    def about(self, repo: GitRepo, commit: str) -> CommitInfo:
        return CommitInfo()


def main() -> None:
    count = size(100_000)
    with prepared(count) as where:
        store, sources, pool = opened(where), Sources(), Pool()
        templates, rules, index = GoTemplates(pool.evaluate), Policies(store), LabelIndex(store)
        sources.commit(URL, CHART | {"web/values.yaml": "size: small\n"})
        targets = (GitTarget(name="all", cluster_selector=LabelSelector()),)
        repo = store.create(GitRepo(metadata=ObjectMeta(name="preview", namespace=WORKSPACE), spec=GitRepoSpec(repo=URL, targets=targets)))
        GitRepoReconciler(store, sources, default_interval=15, jitter=lambda seconds: seconds, rules=rules)(repo.key)
        index.refresh()
        for bundle in listed(store, Bundle):
            BundleReconciler(store, index, templates, rules)(bundle.key)
        planner = Planner(store, sources, pool.render, templates)  # type: ignore[arg-type]
        for name in ("unchanged", "changed", "changed again"):
            if name == "changed":
                sources.commit(URL, CHART | {"web/values.yaml": "size: large\n"})
            start = time.perf_counter()
            report = planner.plan(Asked(repo=repo, bundle="preview-web"))
            taken = time.perf_counter() - start
            groups = report.bundles[0].groups
            assert (report.changed, len(groups)) == ((count, min(VARIANTS, count)) if name != "unchanged" else (0, 0)), report
            assert all(group.objects and not group.error for group in groups)
            figure("preview", count, taken, "s", what=f"plan of a commit, {name}", groups=len(groups))
        pool.close()
        store.close()


if __name__ == "__main__":
    main()
