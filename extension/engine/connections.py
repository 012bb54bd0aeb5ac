"""A try of the way to a repository, for somebody who is about to make a GitRepo of it: which hop fails, and what is there.

It goes the engine's own way, with the workspace's rules, the GitRepo's secret and the service's proxies: what works here works when the
GitRepo is stored, and nothing is reached that the GitRepo could not reach. Nothing is written but the mirror.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Protocol

import msgspec

from extension.bundles.paths import paths
from extension.engine.policies import Policies
from extension.engine.turns import KEPT, Deadline, Turns
from extension.objects.connection import ConnectionReport, References, Step, Way
from extension.objects.errors import Forbidden, Hop, Invalid, Unavailable, UserError
from extension.objects.kinds import GitRepo
from extension.objects.tree import Tree
from extension.sources.remote import shown
from extension.store.protocol import Store
from extension.targeting.admission import admitted

MOST = 5000
"""Branches, tags and paths that are listed."""
_FIELDS: tuple[tuple[str, Hop], ...] = (
    ("spec.caBundle", "identity"),
    ("caBundle", "identity"),
    ("spec.clientSecretName", "credentials"),
    ("data.", "credentials"),
    ("type", "credentials"),
    ("spec.branch", "revision"),
    ("spec.revision", "revision"),
)
"""Which hop needs a field that is refused; `data` and `type` are the secret's."""


class Repositories(Protocol):
    """How repositories are reached; `engine.sources.EngineSources`."""

    def way(self, repo: GitRepo) -> Way: ...
    def references(self, repo: GitRepo) -> References: ...
    def latest(self, repo: GitRepo) -> str: ...
    def tree(self, repo: GitRepo, commit: str) -> Tree: ...


class Connections:
    """Tries one repository a call, a few at a time. Safe for several threads."""

    def __init__(self, store: Store, repositories: Repositories, *, turns: Turns | None = None) -> None:
        self._store = store
        self._repositories = repositories
        self._turns = turns or Turns(of="connections", hint=KEPT)

    def test(self, repo: GitRepo, with_paths: bool) -> ConnectionReport:
        """How far one gets to the GitRepo's repository, the branch or revision it names and, if asked for, the paths there. Raises
        Forbidden for what the workspace does not allow, TooLong, and Busy when too many ask."""
        allowed = admitted(repo, Policies(self._store)(repo.metadata.namespace))
        return self._turns.run(lambda deadline: self._tried(allowed, with_paths, deadline))

    def _tried(self, repo: GitRepo, with_paths: bool, deadline: Deadline) -> ConnectionReport:
        way = self._repositories.way(repo)
        hops: tuple[Hop, ...] = (*way.hops, "files") if with_paths else way.hops
        report = ConnectionReport(shown(repo.spec.repo), works=True, steps=tuple(Step(hop, "passed") for hop in hops), proxy=way.proxy)
        try:
            for found in self._found(repo, report, with_paths, deadline):
                report = found
        except (Unavailable, Invalid, Forbidden) as error:
            return msgspec.structs.replace(report, works=False, steps=tuple(_until(error, hops, report)))
        return report

    def _found(self, repo: GitRepo, report: ConnectionReport, with_paths: bool, deadline: Deadline) -> Iterator[ConnectionReport]:
        """The report with more in it the further one gets."""
        deadline.check("asking the Git server")
        there = self._repositories.references(repo)
        report = msgspec.structs.replace(
            report,
            default_branch=there.default,
            branches=there.branches[:MOST],
            more_branches=max(0, len(there.branches) - MOST),
            tags=there.tags[:MOST],
            more_tags=max(0, len(there.tags) - MOST),
        )
        yield report
        commit = self._repositories.latest(repo)
        report = msgspec.structs.replace(report, commit=commit)
        yield report
        if with_paths:
            deadline.check(f"fetching commit {commit[:12]}")
            found = paths(self._repositories.tree(repo, commit))
            listed = tuple(islice(found, MOST))
            yield msgspec.structs.replace(report, paths=listed, more_paths=sum(1 for _ in found))


def _until(error: UserError, hops: tuple[Hop, ...], report: ConnectionReport) -> Iterator[Step]:
    """The hops with the one that failed. Those before it were passed, but where it is the caller's own input that is refused: that is
    looked at before anything is sent."""
    failed = _failed(error, hops, report)
    for hop in hops:
        if hop == failed:
            yield Step(hop, "failed", error.message, error.hint)
        else:
            passed = hops.index(hop) < hops.index(failed) and (not isinstance(error, Invalid) or bool(report.branches or report.commit))
            yield Step(hop, "passed" if passed else "untried")


def _failed(error: UserError, hops: tuple[Hop, ...], report: ConnectionReport) -> Hop:
    """The hop at which it ended: the error's own; of a refused input the hop that needs it; else where the repository is read."""
    if report.commit:
        return "files"
    named: Hop = error.hop if isinstance(error, Unavailable) else "address"
    if isinstance(error, Invalid):
        named = next((hop for field, hop in _FIELDS if error.field.startswith(field)), "repository")
    if named in hops:
        return named
    return hops[0] if named in ("address", "proxy") else "repository"
