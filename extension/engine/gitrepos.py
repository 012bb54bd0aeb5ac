"""GitRepo -> commit -> Bundles, one serial pass a repository (`fleet-semantics.md` 3.1).

There is no job per commit: a pass asks for the newest commit and stops when it is the one deployed and nothing else
asks for work (a new generation, a bumped forceSyncGeneration, a Bundle somebody removed). Reading is all or nothing:
when one folder of a commit can't be read, no Bundle of the GitRepo changes, and the error names every such folder.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Container, Iterable
from contextlib import suppress
from typing import Protocol

import msgspec
import structlog

from extension.bundles import Charts, Memo, Reading, Scan, read
from extension.engine.image_objects import scans_for, with_images_of
from extension.engine.produced import PATIENCE, Produced
from extension.engine.stored import drop_finalizer, ensure_finalizer, now
from extension.objects.base import Condition, Key
from extension.objects.durations import seconds
from extension.objects.errors import Invalid, NotFound, UserError
from extension.objects.kinds import Bundle, GitRepo, GitRepoStatus, ImageScan
from extension.objects.states import condition, with_conditions, without_condition
from extension.objects.tree import Tree
from extension.store.protocol import Store
from extension.targeting.admission import Rules, admitted

log = structlog.get_logger()

FINALIZER = "fleet.cattle.io/gitrepo-finalizer"
DELETION_RETRY = 2.0
PROPAGATION_RETRY = 2.0
PROPAGATION = 30.0
"""How long a commit that a webhook told of is waited for when the server does not show it yet."""
CHECK = 2.0
"""How long the stored Bundles are taken for what was written: a rollout wakes their GitRepo with every report."""
WARNING = "Warning"
"""Condition of a GitRepo: what was deployed, but looks like a mistake. Fleet has none; it is there only while it says something."""
BAD_WHEN_TRUE = ("Stalled", "Reconciling", WARNING)
REASONS = {"Stalled": "Stalled", "Reconciling": "Reconciling", WARNING: ""}
"""Of a condition that is not as it should be; of all others it is `Error` (3.1, as Fleet's libraries set them)."""


class Look(msgspec.Struct, frozen=True):
    """When a repository was last asked: for which wishes, which stand `since` then, and until when (seconds of the clock) that is
    good enough. After a failure nothing but a new wish makes it sooner; else a Bundle that is not as it was written, `checked` then."""

    asked: tuple[int, int, str, int]
    since: float
    due: float
    failed: bool
    checked: float


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
        image_scan: bool = False,
        patience: float = PATIENCE,
    ) -> None:
        self._store = store
        self._sources = sources
        self._default_interval = default_interval
        self._jitter = jitter
        self._rules = rules
        self._clock = clock
        self._image_scan = image_scan
        self._memos: dict[Key, Memo] = {}
        self._looks: dict[Key, Look] = {}
        self._wishes: dict[Key, int] = {}
        self._produced = Produced(store, patience)

    def __call__(self, key: Key) -> float | None:
        repo = self._store.find(GitRepo, key.namespace, key.name)
        if repo is None:
            for remembered in (self._memos, self._looks, self._wishes):
                remembered.pop(key, None)
            self._produced.forget(key)
            return None
        if repo.metadata.deletion_timestamp:
            return self._finalize(repo)
        if not repo.spec.repo:
            return None
        return self._look(ensure_finalizer(self._store, repo, FINALIZER))

    def look_again(self, key: Key) -> None:
        """Makes the next pass ask for the newest commit although no poll is due (a secret or a rule changed)."""
        self._wishes[key] = self._wishes.get(key, 0) + 1

    def owner(self, bundle: Key) -> Key | None:
        """The GitRepo this process wrote a Bundle for."""
        return self._produced.owner(bundle)

    def _look(self, repo: GitRepo) -> float | None:
        """Synchronises when a poll is due or somebody asked; the feed also wakes this for changes that ask for nothing."""
        asked = (repo.metadata.generation, repo.spec.force_sync_generation, repo.status.webhook_commit, self._wishes.get(repo.key, 0))
        look = self._looks.get(repo.key)
        if look is None or look.asked != asked or not (left := self._left(repo, look)):
            commit = self._sync(repo)
            since = look.since if look is not None and look.asked == asked else self._clock()
            left = self._pause(repo, commit, since)
            self._looks[repo.key] = Look(asked, since, self._clock() + left, not commit, self._clock())
        return None if left == math.inf else left

    def _left(self, repo: GitRepo, look: Look) -> float:
        """Seconds until there is something to do, none when there is now."""
        moment = self._clock()
        left = max(0.0, look.due - moment)
        if look.failed or not left:
            return left
        if moment < look.checked + CHECK:
            return min(left, look.checked + CHECK - moment)
        self._looks[repo.key] = msgspec.structs.replace(look, checked=moment)
        return left if self._produced.intact(repo) else 0.0

    def _pause(self, repo: GitRepo, commit: str, since: float) -> float:
        """Seconds until the next poll. `commit` is the one that is deployed, empty after a failure; the one that a webhook told of may
        come to light a little later."""
        if commit and commit == repo.status.commit and repo.status.webhook_commit not in ("", commit):
            if self._clock() - since < PROPAGATION:
                return PROPAGATION_RETRY
            self._conditions(repo, msgspec.structs.replace(repo.status, webhook_commit=commit))
        return math.inf if commit and repo.spec.disable_polling else self._jitter(self._interval(repo))

    def _interval(self, repo: GitRepo) -> float:
        return seconds(repo.spec.polling_interval or "0s") or self._default_interval

    def _sync(self, repo: GitRepo) -> str:
        """Brings the Bundles to the newest commit and gives it, nothing when that failed."""
        commit = ""
        try:
            repo = self._admitted(repo)
            commit = self._latest(repo)
            if self._wanted(repo, commit):
                self._deploy(repo, commit)
        except UserError as error:
            log.warning("GitRepo not synchronised", gitrepo=str(repo.key), error=str(error))
            self._stalled(repo, error, commit)
            return ""
        return commit

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
            or not self._produced.intact(repo)
        )

    def _deploy(self, repo: GitRepo, commit: str) -> None:
        self._working(repo, commit)
        tree = self._sources.tree(repo, commit)
        memo = self._memos.setdefault(repo.key, Memo())
        scan = msgspec.structs.replace(Scan.of(repo), image_scan=self._image_scan)
        reading = read(tree, scan, self._sources.charts(repo), memo)
        refuse(reading, f"commit {commit[:12]}")
        self._produced.write(repo, commit, reading)
        self._synced(repo, commit, "; ".join(reading.warnings))

    def _working(self, repo: GitRepo, commit: str) -> None:
        """Says that a commit is being read: that can take minutes. One that failed before is tried again without a word."""
        if (repo.status.git_job_status, repo.status.polling_commit) != ("Failed", commit):
            status = _polled(repo.status, commit, "InProgress")
            self._conditions(repo, status, GitPolling="", Stalled="", Reconciling=f"commit {commit[:12]} is being read")

    def _synced(self, repo: GitRepo, commit: str, warning: str) -> None:
        status = msgspec.structs.replace(
            _polled(repo.status, commit, "Current"),
            commit=commit,
            webhook_commit=commit if repo.status.webhook_commit else "",
            observed_generation=repo.metadata.generation,
            update_generation=repo.spec.force_sync_generation,
        )
        status = msgspec.structs.replace(status, conditions=without_condition(status.conditions, WARNING))
        warned = {WARNING: warning} if warning else {}
        self._conditions(repo, status, GitPolling="", Accepted="", Stalled="", Reconciling="", **warned)

    def _stalled(self, repo: GitRepo, error: UserError, commit: str) -> None:
        """Keeps what is deployed and says why nothing newer is; `observed_generation` stays behind, so it is tried again. `commit` is
        the newest one, empty when that is not known."""
        status = _polled(repo.status, commit or repo.status.polling_commit, "Failed")
        answered = {"GitPolling": ""} if commit else {}
        told = {"GitPolling" if error.status == 503 else "Accepted": str(error), "Stalled": str(error), "Reconciling": ""}
        self._conditions(repo, status, **{**answered, **told})

    def _conditions(self, repo: GitRepo, status: GitRepoStatus, **messages: str) -> None:
        """Writes the status with these conditions: an empty message is the good value of the condition's polarity."""
        new = [said(type_, message, status.conditions, BAD_WHEN_TRUE) for type_, message in messages.items()]
        status = msgspec.structs.replace(status, conditions=with_conditions(status.conditions, *new))

        def told(stored: GitRepo) -> GitRepo:
            """With the webhook that came while this pass worked: the next one asks for it; and with what became of its images."""
            came = stored.status if stored.status.webhook_commit != repo.status.webhook_commit else status
            noted = msgspec.structs.replace(status, webhook_commit=came.webhook_commit, last_webhook_time=came.last_webhook_time)
            return msgspec.structs.replace(stored, status=with_images_of(stored.status, noted))

        with suppress(NotFound):
            self._store.change_status(GitRepo, repo.metadata.namespace, repo.metadata.name, told)

    def _finalize(self, repo: GitRepo) -> float | None:
        """Deletes the Bundles, waits for their deployments to go, then lets the GitRepo go (3.1 "Deletion")."""
        bundles = self._produced.stored(repo)
        for bundle in bundles:
            if not bundle.metadata.deletion_timestamp:
                self._store.delete(Bundle, bundle.metadata.namespace, bundle.metadata.name)
        if bundles:
            return DELETION_RETRY
        for scan in scans_for(self._store, repo):
            self._store.delete(ImageScan, scan.metadata.namespace, scan.metadata.name)
        drop_finalizer(self._store, repo, FINALIZER)
        return None


def _polled(status: GitRepoStatus, commit: str, job: str) -> GitRepoStatus:
    """The status after a poll that found this commit; `job` is what has become of it."""
    return msgspec.structs.replace(status, polling_commit=commit, git_job_status=job, last_polling_triggered=now())


def said(type_: str, message: str, before: Iterable[Condition], bad_when_true: Container[str]) -> Condition:
    """A condition: an empty message is the good value of its polarity, and has no reason."""
    status = "True" if bool(message) == (type_ in bad_when_true) else "False"
    return condition(type_, status, now(), before, message=message, reason=REASONS.get(type_, "Error") if message else "")


def refuse(reading: Reading, what: str) -> None:
    """Raises Invalid naming every folder of `what` that can't be read, or bundles of one name."""
    told = [str(failure.error) for failure in reading.failures]
    names = Counter(bundle.metadata.name for bundle in reading.bundles)
    told += [f"{count} folders make a bundle named {name}: set another name in fleet.yaml" for name, count in names.items() if count > 1]
    if told:
        raise Invalid(f"{what} is not deployed: {'; '.join(told)}", hint="what was deployed before stays")
