"""A GitRepo whose repository is in memory, the reconcilers that deploy it, and a planner beside them."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from extension.engine.planning import Planner
from extension.engine.stored import listed
from extension.engine.turns import Turns
from extension.objects.errors import Invalid, Unavailable
from extension.objects.explanation import CommitInfo
from extension.objects.kinds import Bundle, BundleDeployment, GitRepo, HelmOp
from extension.objects.options import HelmOptions
from extension.objects.preview import Asked, PlanReport
from extension.objects.tree import Tree
from extension.rendering.pool import Pool
from extension.store.protocol import Query
from extension.store.sql import SqlStore
from tests.fakes.clock import Clock
from tests.fakes.sources import DictSources
from tests.unit.engine.git import Git
from tests.unit.engine.rollouts import Rollouts
from tests.unit.engine.samples import NS, config_map, workspace

REPO = "repo"


class Sources(DictSources):
    """`planning.Sources` without charts of HelmOps. While `gone` is set no tree can be read."""

    gone = ""

    def __init__(self) -> None:
        super().__init__()
        self.versions: dict[str, dict[str, dict[str, bytes]]] = {}

    def tree(self, repo: GitRepo, commit: str) -> Tree:
        if self.gone:
            raise Unavailable(self.gone, where=repo.spec.repo)
        return super().tree(repo, commit)

    def about(self, repo: GitRepo, commit: str) -> CommitInfo:
        return CommitInfo("Ada", "2026-01-01T00:00:00+00:00", "A change")

    def version(self, op: HelmOp, helm: HelmOptions) -> str:
        """The newest of the versions there are of a chart, whatever is asked for."""
        if not self.versions.get(helm.chart):
            raise Unavailable(f"chart {helm.chart} is unknown", where=helm.repo)
        return max(self.versions[helm.chart])

    def fetch(self, op: Any, helm: HelmOptions) -> Mapping[str, bytes]:
        """The chart, with who asked for it in its one object."""
        if helm.version not in self.versions.get(helm.chart, {}):
            raise Invalid(f"chart {helm.chart} can't be fetched here")
        return self.versions[helm.chart][helm.version] | {
            f"{helm.chart}/templates/who.yaml": config_map("who", op.spec.helm_secret_name or "nobody").encode()
        }


class Previews:
    """`pool` renders; charts start its process, plain manifests don't."""

    def __init__(self, store: SqlStore, clock: Clock, *, turns: Turns | None = None) -> None:
        self.store, self.git, self.rollouts, self.pool = store, Git(store, clock), Rollouts(store), Pool()
        self.git.sources = Sources()
        self.git.restarted()
        self.planner = Planner(store, self.git.sources, self.pool.render, self.rollouts.templates, turns=turns)  # type: ignore[arg-type]

    def deployed(self, files: Mapping[str, str], **spec: Any) -> None:
        """The GitRepo at its first commit, rolled out to all clusters that it targets."""
        spec.setdefault("targets", ({"clusterSelector": {}},))
        self.git.commit(dict(files))
        self.git.add(REPO, **spec)
        self.roll_out()

    def commit(self, files: Mapping[str, str]) -> str:
        return self.git.commit(dict(files))

    def roll_out(self) -> None:
        for bundle in listed(self.store, Bundle):
            self.rollouts.look(bundle.metadata.name)

    @property
    def repo(self) -> GitRepo:
        return self.store.get(GitRepo, NS, REPO)

    def plan(self, **asked: Any) -> PlanReport:
        return self.planner.plan(Asked(**asked if {"group", "helmop", "repo"} & asked.keys() else {"repo": self.repo, **asked}))

    def ids(self) -> dict[tuple[str, str], str]:
        """The deployment ID of every bundle on every cluster."""
        page = self.store.deployments(Query(limit=500))
        return {_place(one): one.spec.deployment_id for one in page.items}


@contextmanager
def three_clusters(store: SqlStore, clock: Clock) -> Iterator[Previews]:
    """A workspace with two clusters of prod and one of dev."""
    store.create(workspace(NS))
    made = Previews(store, clock)
    made.rollouts.clusters("a", "b", env="prod")
    made.rollouts.clusters("c", env="dev")
    yield made
    made.pool.close()


def _place(one: BundleDeployment) -> tuple[str, str]:
    labels = one.metadata.labels
    return f"{labels['fleet.cattle.io/bundle-namespace']}/{one.metadata.name}", labels["fleet.cattle.io/cluster"]


def packed(files: Mapping[str, str | bytes], links: Mapping[str, str] | None = None) -> bytes:
    """An archive as the command line sends it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for path, text in files.items():
            data = text.encode() if isinstance(text, str) else text
            info = tarfile.TarInfo(path)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for path, target in (links or {}).items():
            info = tarfile.TarInfo(path)
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
    return out.getvalue()
