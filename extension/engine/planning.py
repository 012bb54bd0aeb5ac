"""What a change would do, before it is made: a commit, a folder, a GitRepo, HelmOp or ClusterGroup that is not stored yet.

The same reading and the same `targeting.plan` as the engine's, compared with the stored deployments as sets, and one rendering of
both sides a group of clusters with the same change. Nothing is written, and a million clusters cost what their variants cost.
Any process may plan; it keeps no more than the label index, which reads a set when somebody asks for it.
"""

from __future__ import annotations

from typing import Protocol

from extension.engine import tracing
from extension.engine.contents import ChartFiles, Contents
from extension.engine.explanations import Explainer
from extension.engine.helmops import Versions
from extension.engine.looking import Look
from extension.engine.policies import Policies
from extension.engine.produced import REPO_NAME
from extension.engine.proposals import Proposals
from extension.engine.sides import Render, Sides
from extension.engine.stored import listed
from extension.engine.telling import place
from extension.engine.turns import Deadline, Turns
from extension.objects.base import Key
from extension.objects.explanation import Explanations, Trace, TracedObjects
from extension.objects.kinds import Bundle, Cluster, GitRepo
from extension.objects.preview import Asked, Members, PlanReport
from extension.objects.status import ResourceKey
from extension.store.labels import LabelIndex
from extension.store.protocol import Store
from extension.targeting import Templates

Workspaces = tuple[str, ...] | None
"""Those that the caller may read, None for all."""


class Sources(tracing.Sources, Versions, ChartFiles, Protocol):
    """Where commits and charts come from; `sources.EngineSources`."""


class Planner:
    """Answers `Asked`. Safe for several threads. `render` and `templates` are the rendering pool's."""

    def __init__(
        self, store: Store, sources: Sources, render: Render, templates: Templates, *, image_scan: bool = False,
        offline_after: float = 2700.0, turns: Turns | None = None,
    ) -> None:  # fmt: skip
        self._store = store
        self._sources = sources
        self._templates = templates
        self._image_scan = image_scan
        self._offline_after = offline_after
        self._turns = turns or Turns()
        self._index = LabelIndex(store)
        self._sides = Sides(store, Contents(store, sources), render)

    def plan(self, asked: Asked) -> PlanReport:
        """The report. Raises what the engine would refuse with, TooLong, and Busy when too many plan at once."""
        return self._turns.run(lambda deadline: self._look(asked, deadline).report())

    def members(self, asked: Asked, group: str, after: str, limit: int) -> Members:
        """A page of the clusters of a group of that plan, in the order in which they were registered. Raises as `plan`, and Invalid
        when the plan has no such group any more."""
        return self._turns.run(lambda deadline: self._look(asked, deadline).members(group, after, limit))

    def explain(self, cluster: Key, bundle: Key | None, repo: Key | None) -> Explanations:
        """Why the cluster gets a bundle, or those of a GitRepo, or not. Raises NotFound, TooLong, Busy."""

        def work(deadline: Deadline) -> Explanations:
            found = self._store.get(Cluster, cluster.namespace, cluster.name)
            explainer = Explainer(self._store, self._index, self._templates, *self._fresh(), deadline=deadline, bound=self._offline_after)
            keys = [bundle] if bundle is not None else self._made_by(repo) if repo is not None else []
            notes = () if keys or repo is None else (self._empty(repo),)
            return Explanations(place(cluster), bundles=tuple(explainer.bundle(key, found) for key in keys), notes=notes)

        return self._turns.run(work)

    def _made_by(self, repo: Key) -> list[Key]:
        return [bundle.key for bundle in listed(self._store, Bundle, repo.namespace, REPO_NAME, repo.name)]

    def _empty(self, repo: Key) -> str:
        """Why there is no bundle of a GitRepo."""
        conditions = self._store.get(GitRepo, repo.namespace, repo.name).status.conditions
        stalled = next((c.message for c in conditions if c.type == "Stalled" and c.status == "True"), "")
        return f"{repo} has no bundle yet{f': {stalled}' if stalled else ''}"

    def trace(self, cluster: Key, wanted: ResourceKey, workspaces: Workspaces) -> Trace:
        """Where an object on a cluster comes from. Raises TooLong, Busy."""
        return self._turns.run(lambda deadline: self._tracer(workspaces, deadline).object(cluster, wanted))

    def traced(self, repo: GitRepo, path: str, limit: int, after: str, workspaces: Workspaces) -> TracedObjects:
        """A page of what comes from a path of a GitRepo's repository. Raises Invalid, Unavailable, TooLong, Busy."""
        return self._turns.run(lambda deadline: self._tracer(workspaces, deadline).path(repo, path, limit, after))

    def _tracer(self, workspaces: Workspaces, deadline: Deadline) -> tracing.Tracer:
        self._index.refresh()
        readable = lambda workspace: workspaces is None or workspace in workspaces  # noqa: E731
        return tracing.Tracer(self._store, self._sources, self._index, readable, deadline)

    def _look(self, asked: Asked, deadline: Deadline) -> Look:
        return Look(self._store, self._index, self._templates, self._sides, *self._fresh(), asked, deadline)

    def _fresh(self) -> tuple[Policies, Proposals]:
        """The index brought up to date, and the rules read anew."""
        self._index.refresh()
        rules = Policies(self._store)
        return rules, Proposals(self._store, self._sources, rules, image_scan=self._image_scan)
