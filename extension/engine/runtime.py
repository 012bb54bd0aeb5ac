"""The embedded engine, put together: store, sources, queues, agents, and the feed that drives them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from extension.engine.agents import Agents
from extension.engine.bootstrap import bootstrap
from extension.engine.bundles import BundleReconciler
from extension.engine.clusters import Opening
from extension.engine.feed import Feed
from extension.engine.gitrepos import GitRepoReconciler, Sources
from extension.engine.queue import Queue
from extension.engine.stored import listed, now
from extension.objects.base import Key
from extension.objects.kinds import Bundle, Cluster, GitRepo
from extension.settings import Settings
from extension.store.protocol import Change, Store
from extension.targeting import Templates

GITREPO_WORKERS = 4
BUNDLE_WORKERS = 2


class Engine:
    """Start it once per leader; `stop` lets what runs end. Everything it knows is in the store."""

    def __init__(self, store: Store, index: Index, sources: Sources, templates: Templates, settings: Settings) -> None:
        self._store = store
        self._index = index
        self._gitrepos = GitRepoReconciler(store, sources, settings.polling_interval, jitter)
        self._bundles = BundleReconciler(store, index, templates, lambda: index.version)
        self.gitrepos: Queue[Key] = Queue("gitrepo", self._gitrepos, GITREPO_WORKERS)
        self.bundles: Queue[Key] = Queue("bundle", self._bundles, BUNDLE_WORKERS)
        self.agents = Agents(store, Opening(store, settings), unmet, workers=settings.workers, drift_interval=settings.drift_interval)
        self._seen = Seen(store, self.agents)
        routes: dict[str, Sequence[Callable[[Change], None]]] = {
            "GitRepo": (self._gitrepo_changed,),
            "Bundle": (self._bundle_changed,),
            "BundleDeployment": (self._deployments_changed,),
            "Cluster": (self._cluster_changed, self._universe_changed),
            "ClusterGroup": (self._universe_changed,),
            "BundleNamespaceMapping": (self._universe_changed,),
            "Secret": (self._secret_changed,),
        }
        self._feed = Feed(store, routes, self._resync)
        self._version = -1

    def start(self) -> None:
        bootstrap(self._store)
        for part in (self.agents, self.gitrepos, self.bundles, self._feed, self._seen):
            part.start()

    def stop(self) -> None:
        for part in (self._seen, self._feed, self.gitrepos, self.bundles, self.agents):
            part.stop()

    def _resync(self) -> None:
        """Looks at everything once: at the start, and when the feed lost its place."""
        self._index.refresh()
        for cluster in listed(self._store, Cluster):
            self.agents.cluster_changed(cluster.key)
        for bundle in listed(self._store, Bundle):
            self.bundles.add(bundle.key)
        repos = listed(self._store, GitRepo)
        for number, repo in enumerate(repos):
            self.gitrepos.add(repo.key, after=number / POLLS_A_SECOND_AT_START)

    def _gitrepo_changed(self, change: Change) -> None:
        self.gitrepos.add(change.key)

    def _bundle_changed(self, change: Change) -> None:
        self.bundles.add(change.key)
        owner = self._gitrepos.owner(change.key) if change.type == "DELETED" else None
        if owner:
            self.gitrepos.add(owner)

    def _deployments_changed(self, change: Change) -> None:
        self.bundles.add(Key("Bundle", change.key.namespace, change.key.name))
        self.agents.sync_all()

    def _cluster_changed(self, change: Change) -> None:
        self.agents.cluster_changed(change.key)

    def _universe_changed(self, change: Change) -> None:
        self._index.refresh()
        if self._index.version != self._version:
            self._version = self._index.version
            for bundle in listed(self._store, Bundle):
                self.bundles.add(bundle.key)

    def _secret_changed(self, change: Change) -> None:
        for repo in listed(self._store, GitRepo, change.key.namespace):
            if change.key.name in secrets_of(repo):
                self._gitrepos.look_again(repo.key)
                self.gitrepos.add(repo.key)


def secrets_of(repo: GitRepo) -> set[str]:
    """The names of the secrets a GitRepo is read with (`fleet-semantics.md` 5.2, 5.3)."""
    spec = repo.spec
    return {spec.client_secret_name or "gitcredential", spec.helm_secret_name, spec.helm_secret_name_for_paths} - {""}


def jitter(interval: float) -> float:
    """The interval and up to a tenth more, so that repositories polled together drift apart (section 0)."""
    return interval * random.uniform(1.0, 1.1)  # noqa: S311 (jitter, not a secret)
