"""What the engine reads a GitRepo through: its secrets looked up, its repository and its charts (5.2, 5.3).

The engine hands over a GitRepo and knows nothing of credentials; here its secrets become credentials for one call and
are forgotten after it, so a changed secret counts at the next poll.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from extension.objects.connection import References, Way
from extension.objects.errors import Invalid
from extension.objects.explanation import CommitInfo
from extension.objects.kinds import GitRepo, Secret
from extension.sources.charts import ChartArchive, ChartFetcher
from extension.sources.commit import CommitTree
from extension.sources.committing import Change
from extension.sources.credentials import (
    GitAccess,
    GitCredentials,
    HelmAccess,
    git_credentials,
    helm_credentials,
    helm_credentials_by_path,
)
from extension.sources.git import Git
from extension.sources.helmops import HelmOpSources
from extension.sources.images import ImageSources
from extension.sources.trust import TLS

DEFAULT_NAME = "gitcredential"

FindSecret = Callable[[str, str], Secret | None]


class GitRepoCharts(msgspec.Struct, frozen=True):
    """Where the charts of one GitRepo's bundles come from; `path` is the bundle's folder, for credentials by path."""

    fetcher: ChartFetcher
    access: HelmAccess
    tls: TLS

    def fetch(self, chart: str, repo: str = "", version: str = "", *, path: str = "") -> dict[str, bytes]:
        """The chart's files by path. Raises as `ChartFetcher.fetch` does."""
        return self.fetcher.fetch(chart, repo, version, self.access.at(path), self.tls)

    def packed(self, chart: str, repo: str = "", version: str = "", *, path: str = "") -> ChartArchive:
        """The chart as a .tgz. Raises as `ChartFetcher.packed` does."""
        return self.fetcher.packed(chart, repo, version, self.access.at(path), self.tls)


class GitRepoSources:
    """See the module docstring. `known_hosts` gives the content of the service's known-hosts ConfigMap."""

    def __init__(
        self,
        git: Git,
        fetcher: ChartFetcher,
        find_secret: FindSecret,
        known_hosts: Callable[[], bytes] = bytes,
        *,
        strict_host_keys: bool = True,
    ) -> None:
        self._git = git
        self._fetcher = fetcher
        self._find = find_secret
        self._known_hosts = known_hosts
        self._strict = strict_host_keys

    def latest(self, repo: GitRepo) -> str:
        """The commit the GitRepo's revision, else its branch, names now. Raises Invalid, Unavailable."""
        return self._git.latest(repo.spec.repo, repo.spec.branch, repo.spec.revision, self.git_access(repo))

    def tree(self, repo: GitRepo, commit: str) -> CommitTree:
        """The tree at `commit`, fetched if it is not in the mirror yet. Raises Invalid, Unavailable."""
        return self._git.tree(repo.spec.repo, commit, self.git_access(repo))

    def about(self, repo: GitRepo, commit: str) -> CommitInfo:
        """Who made a commit that `tree` was asked for. Raises Invalid, Unavailable."""
        return self._git.about(repo.spec.repo, commit, self.git_access(repo))

    def push(self, repo: GitRepo, change: Change) -> str:
        """Commits on top of a commit that `tree` was asked for, and pushes that to the GitRepo's branch. Raises as `Git.push`."""
        return self._git.push(repo.spec.repo, repo.spec.branch, change, self.git_access(repo))

    def way(self, repo: GitRepo) -> Way:
        """The hops to its repository. Raises Invalid."""
        return self._git.way(repo.spec.repo)

    def references(self, repo: GitRepo) -> References:
        """The repository's branches and tags: proof that URL, credentials, proxy and CA work. Raises Invalid, Unavailable, Forbidden."""
        return self._git.references(repo.spec.repo, self.git_access(repo))

    def charts(self, repo: GitRepo) -> GitRepoCharts:
        """Where its bundles' charts come from. Raises Invalid when a secret it names is missing or malformed."""
        return GitRepoCharts(self._fetcher, self.helm_access(repo), _tls(repo))

    def helmops(self) -> HelmOpSources:
        """Where HelmOps' charts come from: the same repositories and registries, with secrets of their own."""
        return HelmOpSources(self._fetcher, self._find)

    def images(self) -> ImageSources:
        """Where ImageScans look: the same registries as charts come from, with secrets of their own."""
        return ImageSources(self._fetcher.registries, self._find)

    def git_access(self, repo: GitRepo) -> GitAccess:
        """The credentials of `clientSecretName`, else of the secret `gitcredential` if the namespace has one."""
        name = repo.spec.client_secret_name
        secret = self._required(repo, name, "spec.clientSecretName") if name else self._find(repo.metadata.namespace, DEFAULT_NAME)
        credentials: GitCredentials | None = git_credentials(secret) if secret else None
        return GitAccess(credentials, _tls(repo), self._known_hosts(), self._strict)

    def helm_access(self, repo: GitRepo) -> HelmAccess:
        """The credentials for charts; `helmSecretNameForPaths` wins over `helmSecretName`. The URL regex always goes with them."""
        spec = repo.spec
        if spec.helm_secret_name_for_paths:
            secret = self._required(repo, spec.helm_secret_name_for_paths, "spec.helmSecretNameForPaths")
            return HelmAccess(by_path=helm_credentials_by_path(secret), url_regex=spec.helm_repo_url_regex)
        if spec.helm_secret_name:
            secret = self._required(repo, spec.helm_secret_name, "spec.helmSecretName")
            return HelmAccess(default=helm_credentials(secret), url_regex=spec.helm_repo_url_regex)
        return HelmAccess()

    def _required(self, repo: GitRepo, name: str, field: str) -> Secret:
        secret = self._find(repo.metadata.namespace, name)
        if secret is None:
            hint = f"create it in namespace {repo.metadata.namespace}, or clear {field}"
            raise Invalid(f"secret {name} does not exist", where=str(repo.key), field=field, hint=hint)
        return secret


def _tls(repo: GitRepo) -> TLS:
    return TLS(repo.spec.ca_bundle, repo.spec.insecure_skip_tls_verify)
