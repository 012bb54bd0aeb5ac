"""The sources of one process, put together from its settings and environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from extension.objects.errors import Invalid
from extension.settings import Settings
from extension.sources.archive import Limits
from extension.sources.charts import ChartFetcher
from extension.sources.git import Git, GitOptions
from extension.sources.gitrepos import FindSecret, GitRepoSources
from extension.sources.http import Http
from extension.sources.network import Network
from extension.sources.reach import Reach
from extension.sources.trust import check_pem


def build(
    settings: Settings,
    environ: Mapping[str, str],
    find_secret: FindSecret,
    known_hosts: Callable[[], bytes] = bytes,
    *,
    extra_ca: bytes = b"",
    reach: Reach = Reach(),
    strict_host_keys: bool = True,
    allow_file: bool = False,
) -> GitRepoSources:
    """What the engine reads GitRepos through; its files are in `settings.mirrors`.

    `find_secret(namespace, name)` gives a Secret or None, `extra_ca` (PEM) is trusted everywhere, `allow_file` takes
    repositories on this machine's disk: for tests and a single user only. Raises Invalid for a bad proxy variable.
    """
    network = Network.of(environ, settings.mirrors / "ca", extra_ca=extra_ca, reach=reach)
    http = Http(network, settings.git_client_timeout)
    options = GitOptions(
        timeout=settings.git_client_timeout,
        max_file_size=settings.max_file_size,
        max_files=settings.max_tree_files,
        allow_file=allow_file,
    )
    git = Git(settings.mirrors, http, network, options)
    charts = ChartFetcher(http, git, limits=Limits(file=settings.max_file_size), known_hosts=known_hosts)
    return GitRepoSources(git, charts, find_secret, known_hosts, strict_host_keys=strict_host_keys)


def additional_ca(settings: Settings) -> bytes:
    """The certificates that the operator wants trusted everywhere (PEM). Raises Invalid for a file that is none of them."""
    if not settings.additional_ca:
        return b""
    try:
        pem = Path(settings.additional_ca).read_bytes()
    except OSError as error:
        raise Invalid(f"{settings.additional_ca} can't be read: {error.strerror}", where="--additional-ca") from None
    check_pem(pem, "--additional-ca")
    return pem


def fetcher(settings: Settings, environ: Mapping[str, str]) -> ChartFetcher:
    """Charts alone, for a process without GitRepos."""
    network = Network.of(environ, settings.mirrors / "ca")
    http = Http(network, settings.git_client_timeout)
    git = Git(settings.mirrors, http, network, GitOptions(timeout=settings.git_client_timeout))
    return ChartFetcher(http, git, limits=Limits(file=settings.max_file_size))
