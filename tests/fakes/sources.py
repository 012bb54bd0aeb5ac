"""Git repositories as dicts of files, for `engine.gitrepos.Sources`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from extension.objects.connection import References, Way
from extension.objects.errors import Invalid, Unavailable, UserError
from extension.objects.kinds import GitRepo
from extension.objects.tree import Tree
from tests.fakes.tree import DictTree


class NoCharts:
    """`bundles.Charts` of a repository that needs none."""

    def fetch(self, chart: str, repo: str = "", version: str = "", *, path: str = "") -> Mapping[str, bytes]:
        raise Invalid(f"chart {chart} can't be fetched here", where=path)

    def update(self, tree: Tree, folder: str) -> Mapping[str, bytes]:
        return {}


class DictSources:
    """Commits by URL, the newest last. `asked` and `fetched` are what was asked for; while `down` nothing answers. `meanwhile` is
    what else happens while a commit is fetched. `there` are the references that a try finds, with the `secrets` that were named; it ends
    with `refused` or, once they are known, with `lost`."""

    def __init__(self) -> None:
        self.commits: dict[str, list[tuple[str, DictTree]]] = {}
        self.asked: list[str] = []
        self.fetched: list[str] = []
        self.down = ""
        self.meanwhile: Callable[[], object] = lambda: None
        self.there = References("main", ("main",))
        self.secrets: list[str] = []
        self.refused: UserError | None = None
        self.lost: UserError | None = None

    def commit(self, url: str, files: Mapping[str, str]) -> str:
        """Adds a commit; its name."""
        history = self.commits.setdefault(url, [])
        name = f"{len(history) + 1:040x}"
        history.append((name, DictTree(files)))
        return name

    def way(self, repo: GitRepo) -> Way:
        return Way(("address", "connection", "identity", "credentials", "repository", "revision"))

    def references(self, repo: GitRepo) -> References:
        self.asked.append(repo.metadata.name)
        self.secrets.append(repo.spec.client_secret_name)
        if self.refused is not None:
            raise self.refused
        return self.there

    def latest(self, repo: GitRepo) -> str:
        if self.lost is not None:
            raise self.lost
        self.asked.append(repo.metadata.name)
        if self.down:
            raise Unavailable(self.down, where=repo.spec.repo)
        if repo.spec.repo not in self.commits:
            raise Unavailable("repository not found", where=repo.spec.repo)
        return self.commits[repo.spec.repo][-1][0]

    def tree(self, repo: GitRepo, commit: str) -> Tree:
        self.fetched.append(commit)
        self.meanwhile()
        return dict(self.commits[repo.spec.repo])[commit]

    def charts(self, repo: GitRepo) -> NoCharts:
        return NoCharts()
