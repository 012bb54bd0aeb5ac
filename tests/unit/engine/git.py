"""A GitRepo, its repository in memory, and the reconciler that brings the one to the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from extension.engine.gitrepos import GitRepoReconciler
from extension.engine.produced import COMMIT
from extension.engine.stored import listed
from extension.objects.base import Key, ObjectMeta
from extension.objects.kinds import Bundle, GitRepo, GitRepoSpec
from extension.store.sql import SqlStore
from extension.targeting.admission import Rules
from tests.fakes.clock import Clock
from tests.fakes.sources import DictSources
from tests.unit.engine.samples import NS, changed, config_map, marked

URL = "https://git.example.org/{name}.git"
INTERVAL = 15.0
FILES = {
    "web/fleet.yaml": "namespace: web\n",
    "web/a.yaml": config_map("a"),
    "db/fleet.yaml": "namespace: db\n",
    "db/b.yaml": config_map("b"),
}


class Git:
    def __init__(self, store: SqlStore, clock: Clock, rules: Callable[[str], Rules] = lambda _workspace: Rules()) -> None:
        self.store, self.clock, self.rules, self.sources = store, clock, rules, DictSources()
        self.jitters: list[float] = []
        self.reconcile = self.restarted()

    def restarted(self) -> GitRepoReconciler:
        """A reconciler that remembers nothing."""
        self.reconcile = GitRepoReconciler(
            self.store,
            self.sources,
            default_interval=INTERVAL,
            jitter=self._jitter,
            rules=self.rules,
            clock=self.clock,
            patience=0.0,
        )
        return self.reconcile

    def _jitter(self, interval: float) -> float:
        self.jitters.append(interval)
        return interval + 1

    def add(self, name: str = "repo", files: dict[str, str] | None = None, **spec: Any) -> float | None:
        """A GitRepo of a repository with one commit, looked at once."""
        if files is not None:
            self.commit(files, name)
        elif URL.format(name=name) not in self.sources.commits:
            self.commit(FILES, name)
        meta = ObjectMeta(name=name, namespace=NS)
        self.store.create(GitRepo(metadata=meta, spec=GitRepoSpec(repo=URL.format(name=name), **spec)))
        return self.look(name)

    def commit(self, files: dict[str, str], name: str = "repo") -> str:
        return self.sources.commit(URL.format(name=name), files)

    def look(self, name: str = "repo") -> float | None:
        return self.reconcile(Key("GitRepo", NS, name))

    def poll(self, name: str = "repo") -> float | None:
        """Looks when the next poll is due."""
        self.clock.pass_(INTERVAL + 1)
        return self.look(name)

    def change(self, name: str = "repo", **spec: Any) -> float | None:
        self.store.update(changed(self.repo(name), **spec))
        return self.look(name)

    def let_go(self) -> None:
        """What the reconciler of Bundles does once nothing of a deleted one is deployed any more."""
        for one in self.bundles().values():
            if one.metadata.deletion_timestamp:
                self.store.update(marked(one, finalizers=()))

    def repo(self, name: str = "repo") -> GitRepo:
        return self.store.get(GitRepo, NS, name)

    def bundles(self) -> dict[str, Bundle]:
        return {b.metadata.name: b for b in listed(self.store, Bundle, NS)}

    def commits(self) -> dict[str, str]:
        """The commit that last changed each bundle."""
        return {name: b.metadata.labels[COMMIT] for name, b in self.bundles().items()}
