"""Content for the reconcilers and agents: git and charts from `sources`, dependencies packed by Helm from `rendering`."""

from __future__ import annotations

from collections.abc import Mapping

from extension.bundles import Charts
from extension.engine.charts import TreeCharts
from extension.objects.connection import References, Way
from extension.objects.explanation import CommitInfo
from extension.objects.kinds import GitRepo, HelmOp, ImageScan
from extension.objects.options import HelmOptions
from extension.objects.tree import Tree
from extension.rendering.pool import Pool
from extension.sources.committing import Change
from extension.sources.gitrepos import GitRepoSources
from extension.sources.images import Latest


class EngineSources:
    """`gitrepos.Sources`, `connections.Repositories`, `helmops.Versions`, `contents.ChartFiles` and `imagescans.Images`."""

    def __init__(self, sources: GitRepoSources, pool: Pool) -> None:
        self._sources = sources
        self._pool = pool
        self._helmops = sources.helmops()
        self._images = sources.images()

    def latest(self, repo: GitRepo) -> str:
        return self._sources.latest(repo)

    def tree(self, repo: GitRepo, commit: str) -> Tree:
        return self._sources.tree(repo, commit)

    def about(self, repo: GitRepo, commit: str) -> CommitInfo:
        return self._sources.about(repo, commit)

    def way(self, repo: GitRepo) -> Way:
        return self._sources.way(repo)

    def references(self, repo: GitRepo) -> References:
        return self._sources.references(repo)

    def charts(self, repo: GitRepo) -> Charts:
        return TreeCharts(self._sources.charts(repo), self._pool.helm.update_dependencies)

    def image(self, scan: ImageScan) -> Latest:
        return self._images.latest(scan)

    def push(self, repo: GitRepo, change: Change) -> str:
        return self._sources.push(repo, change)

    def version(self, op: HelmOp, helm: HelmOptions) -> str:
        return self._helmops.version(op, helm)

    def fetch(self, op: HelmOp | None, helm: HelmOptions) -> Mapping[str, bytes]:
        return self._helmops.fetch(op, helm)
