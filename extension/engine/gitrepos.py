"""GitRepo -> commit -> Bundles, one serial pass a repository (`fleet-semantics.md` 3.1).

There is no job per commit: a pass asks for the newest commit and stops when it is the one deployed and nothing else
asks for work (a new generation, a bumped forceSyncGeneration, a Bundle somebody removed). Reading is all or nothing:
when one folder of a commit can't be read, no Bundle of the GitRepo changes, and the error names every such folder.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable
from typing import Protocol

import msgspec
import structlog

from extension.bundles import Charts, Memo, Reading, Scan, extract_values, read
from extension.engine.stored import drop_finalizer, ensure_finalizer, listed, now, put
from extension.objects.base import Key
from extension.objects.durations import seconds
from extension.objects.errors import Conflict, Invalid, UserError
from extension.objects.kinds import Bundle, GitRepo, GitRepoStatus
from extension.objects.states import condition, with_conditions
from extension.objects.tree import Tree
from extension.store.protocol import Store

log = structlog.get_logger()

FINALIZER = "fleet.cattle.io/gitrepo-finalizer"
REPO_NAME = "fleet.cattle.io/repo-name"
COMMIT = "fleet.cattle.io/commit"
"""Label of a Bundle: the commit that last changed it."""
DELETION_RETRY = 2.0
BAD_WHEN_TRUE = ("Stalled", "Reconciling")


class Look(msgspec.Struct, frozen=True):
    """When a repository was last asked: for which wishes, and until when (seconds of the clock) that is good enough."""

    asked: tuple[int, int, str]
    due: float


class Sources(Protocol):
    """What a GitRepo is read through; the credentials its secrets hold are looked up inside."""

    def latest(self, repo: GitRepo) -> str:
        """The commit the GitRepo's branch or revision names now."""

    def tree(self, repo: GitRepo, commit: str) -> Tree:
        """The tree at that commit, fetched if it is not in the mirror yet."""

    def charts(self, repo: GitRepo) -> Charts:
        """Where its bundles' charts come from."""


class GitRepoReconciler:
    """Handler of the GitRepo queue."""

    def __init__(
        self,
        store: Store,
        sources: Sources,
        default_interval: float,
        jitter: Callable[[float], float],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._sources = sources
        self._default_interval = default_interval
        self._jitter = jitter
        self._clock = clock
        self._memos: dict[Key, Memo] = {}
        self._looks: dict[Key, Look] = {}
        self._written: dict[Key, dict[Key, tuple[Bundle, int]]] = {}

    def __call__(self, key: Key) -> float | None:
        repo = self._store.find(GitRepo, key.namespace, key.name)
        if repo is None:
            for remembered in (self._memos, self._looks, self._written):
                remembered.pop(key, None)
            return None
        if repo.metadata.deletion_timestamp:
            return self._finalize(repo)
        if not repo.spec.repo:
            return None
        return self._look(ensure_finalizer(self._store, repo, FINALIZER))

    def look_again(self, key: Key) -> None:
        """Makes the next pass ask for the newest commit although no poll is due (a secret changed, a webhook came)."""
        self._looks.pop(key, None)

    def owner(self, bundle: Key) -> Key | None:
        """The GitRepo this process wrote a Bundle for."""
        return next((repo for repo, bundles in tuple(self._written.items()) if bundle in bundles), None)

    def _look(self, repo: GitRepo) -> float | None:
        """Synchronises when a poll is due or somebody asked; the feed also wakes this for changes that ask for nothing."""
        asked = (repo.metadata.generation, repo.spec.force_sync_generation, repo.status.webhook_commit)
        look = self._looks.get(repo.key)
        if look is None or look.asked != asked or look.due <= self._clock() or not self._intact(repo):
            failed = self._sync(repo)
            wait = self._jitter(self._interval(repo)) if failed or not repo.spec.disable_polling else math.inf
            look = self._looks[repo.key] = Look(asked, self._clock() + wait)
        return None if look.due == math.inf else max(0.0, look.due - self._clock())

    def _interval(self, repo: GitRepo) -> float:
        return seconds(repo.spec.polling_interval or "0s") or self._default_interval

    def _sync(self, repo: GitRepo) -> bool:
        """Brings the Bundles to the newest commit; whether that failed."""
        try:
            commit = self._latest(repo)
            if self._wanted(repo, commit):
                self._deploy(repo, commit)
        except UserError as error:
            log.warning("GitRepo not synchronised", gitrepo=str(repo.key), error=str(error))
            self._stalled(repo, error)
            return True
        return False

    def _latest(self, repo: GitRepo) -> str:
        """The commit to deploy. With polling off the known one stays until something else asks for work."""
        status = repo.status
        asked = repo.metadata.generation != status.observed_generation or status.webhook_commit not in ("", status.commit)
        if repo.spec.disable_polling and status.commit and not asked:
            return status.commit
        return self._sources.latest(repo)

    def _wanted(self, repo: GitRepo, commit: str) -> bool:
        status = repo.status
        return (
            commit != status.commit
            or repo.metadata.generation != status.observed_generation
            or repo.spec.force_sync_generation != status.update_generation
            or status.git_job_status != "Current"
            or not self._intact(repo)
        )

    def _intact(self, repo: GitRepo) -> bool:
        """Whether the Bundles are still what this process wrote; after a start they are trusted."""
        written = self._written.get(repo.key)
        if written is None:
            return True
        stored = {b.key: b.metadata.generation for b in self._stored(repo)}
        return stored == {key: generation for key, (_, generation) in written.items()}

    def _deploy(self, repo: GitRepo, commit: str) -> None:
        tree = self._sources.tree(repo, commit)
        memo = self._memos.setdefault(repo.key, Memo())
        reading = read(tree, Scan.of(repo), self._sources.charts(repo), memo)
        _refuse(reading, commit)
        self._write(repo, commit, reading)
        self._synced(repo, commit)

    def _write(self, repo: GitRepo, commit: str, reading: Reading) -> None:
        stored = {b.key: b for b in self._stored(repo)}
        before = self._written.get(repo.key, {})
        written: dict[Key, tuple[Bundle, int]] = {}
        wanted = {b.key for b in reading.bundles}
        for key in stored.keys() - wanted:
            self._store.delete(Bundle, key.namespace, key.name)
        for bundle in reading.bundles:
            known, there = before.get(bundle.key), stored.get(bundle.key)
            same = known is not None and there is not None and known[0] is bundle and known[1] == there.metadata.generation
            generation = known[1] if same and known else self._put(repo, bundle, there, commit)
            written[bundle.key] = (bundle, generation)
        self._written[repo.key] = written

    def _put(self, repo: GitRepo, bundle: Bundle, there: Bundle | None, commit: str) -> int:
        """Stores a Bundle, its values apart in a Secret of its name; the generation it has then."""
        if there is not None and there.metadata.deletion_timestamp:
            raise Conflict(f"Bundle {bundle.key.name} is being deleted", where=str(repo.key))
        if there is None:
            _owned(repo, self._store.find(Bundle, bundle.metadata.namespace, bundle.metadata.name))
        stripped, secret = extract_values(bundle)
        if secret is not None:
            put(self._store, secret)
        labels = {**stripped.metadata.labels, COMMIT: commit}
        metadata = msgspec.structs.replace(stripped.metadata, labels=labels, finalizers=there.metadata.finalizers if there else ())
        return put(self._store, msgspec.structs.replace(stripped, metadata=metadata)).metadata.generation

    def _stored(self, repo: GitRepo) -> list[Bundle]:
        return listed(self._store, Bundle, repo.metadata.namespace, REPO_NAME, repo.metadata.name)

    def _synced(self, repo: GitRepo, commit: str) -> None:
        status = msgspec.structs.replace(
            repo.status,
            commit=commit,
            polling_commit=commit,
            webhook_commit=commit if repo.status.webhook_commit else "",
            observed_generation=repo.metadata.generation,
            update_generation=repo.spec.force_sync_generation,
            git_job_status="Current",
            last_polling_triggered=now(),
        )
        self._conditions(repo, status, GitPolling="", Accepted="", Stalled="", Reconciling="")

    def _stalled(self, repo: GitRepo, error: UserError) -> None:
        """Keeps what is deployed and says why nothing newer is; `observed_generation` stays behind, so it is tried again."""
        status = msgspec.structs.replace(repo.status, git_job_status="Failed", last_polling_triggered=now())
        self._conditions(repo, status, **{"GitPolling" if error.status == 503 else "Accepted": str(error), "Stalled": str(error)})

    def _conditions(self, repo: GitRepo, status: GitRepoStatus, **messages: str) -> None:
        """Writes the status with these conditions: an empty message is the good value of the condition's polarity."""
        new = [
            condition(type_, "True" if bool(message) == (type_ in BAD_WHEN_TRUE) else "False", now(), status.conditions, message=message)
            for type_, message in messages.items()
        ]
        status = msgspec.structs.replace(status, conditions=with_conditions(status.conditions, *new))
        self._store.update_status(msgspec.structs.replace(repo, status=status))

    def _finalize(self, repo: GitRepo) -> float | None:
        """Deletes the Bundles, waits for their deployments to go, then lets the GitRepo go (3.1 "Deletion")."""
        bundles = self._stored(repo)
        for bundle in bundles:
            if not bundle.metadata.deletion_timestamp:
                self._store.delete(Bundle, bundle.metadata.namespace, bundle.metadata.name)
        if bundles:
            return DELETION_RETRY
        drop_finalizer(self._store, repo, FINALIZER)
        return None


def _refuse(reading: Reading, commit: str) -> None:
    """Raises Invalid naming every folder that can't be read, or bundles of one name."""
    told = [str(failure.error) for failure in reading.failures]
    names = Counter(bundle.metadata.name for bundle in reading.bundles)
    told += [f"{count} folders make a bundle named {name}: set another name in fleet.yaml" for name, count in names.items() if count > 1]
    if told:
        raise Invalid(f"commit {commit[:12]} is not deployed: {'; '.join(told)}", hint="what was deployed before stays")


def _owned(repo: GitRepo, there: Bundle | None) -> None:
    """Raises Invalid when the Bundle's name is taken by something that is not this GitRepo's."""
    if there is not None:
        owner = there.metadata.labels.get(REPO_NAME)
        whose = f"GitRepo {owner}" if owner else "a Bundle made by hand"
        raise Invalid(f"bundle name {there.metadata.name} is taken by {whose}", where=str(repo.key), hint="set another name in fleet.yaml")
