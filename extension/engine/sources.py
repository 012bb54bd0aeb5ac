"""GitRepos' content for the reconciler: git and charts from `sources`, dependencies packed by Helm from `rendering`."""

from __future__ import annotations

from extension.bundles import Charts
from extension.engine.charts import TreeCharts
from extension.objects.kinds import GitRepo
from extension.objects.tree import Tree
from extension.rendering.pool import Pool
from extension.sources.gitrepos import GitRepoSources


class EngineSources:
    """`gitrepos.Sources`."""

    def __init__(self, sources: GitRepoSources, pool: Pool) -> None:
        self._sources = sources
        self._pool = pool

    def latest(self, repo: GitRepo) -> str:
        return self._sources.latest(repo)

    def tree(self, repo: GitRepo, commit: str) -> Tree:
        return self._sources.tree(repo, commit)

    def charts(self, repo: GitRepo) -> Charts:
        return TreeCharts(self._sources.charts(repo), self._pool.helm.update_dependencies)
