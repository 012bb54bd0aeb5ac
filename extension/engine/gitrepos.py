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
from extension.bundles.values import SECRET_TYPE
from extension.engine.stored import drop_finalizer, ensure_finalizer, listed, now, put
from extension.objects.base import Key
from extension.objects.durations import seconds
from extension.objects.errors import Conflict, Invalid, UserError
from extension.objects.kinds import Bundle, GitRepo, GitRepoStatus, Secret
from extension.objects.states import condition, with_conditions, without_condition
from extension.objects.tree import Tree
from extension.store.protocol import Store
from extension.targeting.admission import Rules, admitted

log = structlog.get_logger()

FINALIZER = "fleet.cattle.io/gitrepo-finalizer"
REPO_NAME = "fleet.cattle.io/repo-name"
COMMIT = "fleet.cattle.io/commit"
"""Label of a Bundle: the commit that last changed it."""
DELETION_RETRY = 2.0
WARNING = "Warning"
"""Condition of a GitRepo: what was deployed, but looks like a mistake. Fleet has none; it is there only while it says something."""
BAD_WHEN_TRUE = ("Stalled", "Reconciling", WARNING)


class Look(msgspec.Struct, frozen=True):
    """When a repository was last asked: for which wishes, and until when (seconds of the clock) that is good enough. After a
    failure nothing but a new wish makes it sooner."""

    asked: tuple[int, int, str]
    due: float
    failed: bool


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
        *,
        default_interval: float,
        jitter: Callable[[float], float],
        rules: Callable[[str], Rules],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._sources = sources
        self._default_interval = default_interval
        self._jitter = jitter
        self._rules = rules
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
        if look is None or look.asked != asked or look.due <= self._clock() or not (look.failed or self._intact(repo)):
            failed = self._sync(repo)
            wait = self._jitter(self._interval(repo)) if failed or not repo.spec.disable_polling else math.inf
            look = self._looks[repo.key] = Look(asked, self._clock() + wait, failed)
        return None if look.due == math.inf else max(0.0, look.due - self._clock())

    def _interval(self, repo: GitRepo) -> float:
        return seconds(repo.spec.polling_interval or "0s") or self._default_interval

    def _sync(self, repo: GitRepo) -> bool:
        """Brings the Bundles to the newest commit; whether that failed."""
        try:
            repo = self._admitted(repo)
            commit = self._latest(repo)
            if self._wanted(repo, commit):
                self._deploy(repo, commit)
        except UserError as error:
            log.warning("GitRepo not synchronised", gitrepo=str(repo.key), error=str(error))
            self._stalled(repo, error)
            return True
        return False

    def _admitted(self, repo: GitRepo) -> GitRepo:
        """The GitRepo with its workspace's defaults, stored; raises Forbidden when the rules refuse it (3.2)."""
        found = admitted(repo, self._rules(repo.metadata.namespace))
        return repo if found == repo else self._store.update(found)

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
        self._synced(repo, commit, "; ".join(reading.warnings))

    def _write(self, repo: GitRepo, commit: str, reading: Reading) -> None:
        stored = {b.key: b for b in self._stored(repo)}
        before = self._written.get(repo.key, {})
        written: dict[Key, tuple[Bundle, int]] = {}
        wanted = {b.key for b in reading.bundles}
        for bundle in reading.bundles:
            self._check(repo, bundle.key, stored.get(bundle.key))
        for key in stored.keys() - wanted:
            self._store.delete(Bundle, key.namespace, key.name)
        for bundle in reading.bundles:
            known, there = before.get(bundle.key), stored.get(bundle.key)
            same = known is not None and there is not None and known[0] is bundle and known[1] == there.metadata.generation
            generation = known[1] if same and known else self._put(bundle, there, commit)
            written[bundle.key] = (bundle, generation)
        self._written[repo.key] = written

    def _check(self, repo: GitRepo, key: Key, there: Bundle | None) -> None:
        """Raises before anything of a commit is written: Conflict for a Bundle that is on its way out, Invalid for a taken name."""
        if there is not None and there.metadata.deletion_timestamp:
            raise Conflict(f"Bundle {key.name} is being deleted", where=str(repo.key))
        if there is None:
            _owned(repo, self._store.find(Bundle, key.namespace, key.name))

    def _put(self, bundle: Bundle, there: Bundle | None, commit: str) -> int:
        """Stores a Bundle, its values apart in a Secret of its name; the generation it has then. One that is the same as before
        keeps the commit it came from."""
        stripped, secret = extract_values(bundle)
        if secret is not None:
            put(self._store, secret)
        if there is None:
            return self._store.create(_labelled(stripped, commit)).metadata.generation
        kept = msgspec.structs.replace(stripped, metadata=msgspec.structs.replace(stripped.metadata, finalizers=there.metadata.finalizers))
        as_before = self._store.update(_labelled(kept, there.metadata.labels.get(COMMIT, commit)), dry_run=True)
        if as_before.metadata.resource_version == there.metadata.resource_version:
            return there.metadata.generation
        generation = self._store.update(_labelled(kept, commit)).metadata.generation
        if secret is None and there.spec.values_hash:
            self._drop_values(bundle.key)
        return generation

    def _drop_values(self, bundle: Key) -> None:
        secret = self._store.find(Secret, bundle.namespace, bundle.name)
        if secret is not None and secret.type == SECRET_TYPE:
            self._store.delete(Secret, bundle.namespace, bundle.name)

    def _stored(self, repo: GitRepo) -> list[Bundle]:
        return listed(self._store, Bundle, repo.metadata.namespace, REPO_NAME, repo.metadata.name)

    def _synced(self, repo: GitRepo, commit: str, warning: str) -> None:
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
        status = msgspec.structs.replace(status, conditions=without_condition(status.conditions, WARNING))
        warned = {WARNING: warning} if warning else {}
        self._conditions(repo, status, GitPolling="", Accepted="", Stalled="", Reconciling="", **warned)

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


def _labelled(bundle: Bundle, commit: str) -> Bundle:
    labels = {**bundle.metadata.labels, COMMIT: commit}
    return msgspec.structs.replace(bundle, metadata=msgspec.structs.replace(bundle.metadata, labels=labels))


def _owned(repo: GitRepo, there: Bundle | None) -> None:
    """Raises Invalid when the Bundle's name is taken by something that is not this GitRepo's."""
    if there is not None:
        owner = there.metadata.labels.get(REPO_NAME)
        whose = f"GitRepo {owner}" if owner else "a Bundle made by hand"
        raise Invalid(f"bundle name {there.metadata.name} is taken by {whose}", where=str(repo.key), hint="set another name in fleet.yaml")
