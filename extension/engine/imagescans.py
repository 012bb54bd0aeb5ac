"""ImageScan -> the newest image its policy allows -> the GitRepo's files that name it, committed and pushed (`fleet-semantics.md` 3.10).

When something is due is told by the times in the statuses, so a restart asks no registry and commits nothing too early. A GitRepo is
committed to once all its scans have an answer; a branch that moves meanwhile is read again, and nothing is ever forced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Protocol

import msgspec
import structlog

from extension.engine.image_objects import scans_for
from extension.engine.image_setters import changed, setters
from extension.engine.stored import now
from extension.objects.base import Key
from extension.objects.durations import seconds
from extension.objects.errors import Conflict, Invalid, MissingRequired, NotFound, Unavailable, UserError
from extension.objects.imagescan import IMAGE_SCANNED, IMAGE_SYNCED
from extension.objects.kinds import GitRepo, GitRepoStatus, ImageScan, ImageScanCommit
from extension.objects.states import condition, with_conditions, without_condition
from extension.objects.tree import Tree
from extension.sources.committing import Change
from extension.sources.images import Latest
from extension.store.protocol import Store
from extension.targeting.admission import Rules, admitted

log = structlog.get_logger()

INTERVAL = 900.0
"""Seconds between scans, and between commits, where none are named."""
SHORTEST = 1.0
RETRY = 60.0
"""How long after a commit that failed the next try is made, unless an image or the GitRepo changes."""
PUSHES = 3
AUTHOR = "fleet"
MESSAGE = "Update from image update automation"
STALLED = "Stalled"


class Images(Protocol):
    """`engine.sources.EngineSources`, as far as scanning and committing need it."""

    def image(self, scan: ImageScan) -> Latest:
        """The image that the scan's policy chooses now."""

    def latest(self, repo: GitRepo) -> str:
        """The commit the GitRepo's branch names now."""

    def tree(self, repo: GitRepo, commit: str) -> Tree:
        """The tree at that commit."""

    def push(self, repo: GitRepo, change: Change) -> str:
        """Commits files and pushes that to the branch. Raises Conflict when it has moved."""


class ImageScanReconciler:
    """Handler of the image scan queue, of ImageScans and of the GitRepos they are for. Does nothing unless `enabled`."""

    def __init__(
        self,
        store: Store,
        sources: Images,
        *,
        enabled: bool,
        jitter: Callable[[float], float],
        rules: Callable[[str], Rules],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._sources = sources
        self._enabled = enabled
        self._jitter = jitter
        self._rules = rules
        self._clock = clock
        self._wishes: set[Key] = set()
        self._failed: dict[Key, tuple[object, float]] = {}

    def __call__(self, key: Key) -> float | None:
        if not self._enabled:
            return None
        return self._scan(key) if key.kind == ImageScan.KIND else self._commit(key)

    def look_again(self, scan: Key) -> None:
        """Makes the next pass ask the registry although nothing is due (a secret changed)."""
        self._wishes.add(scan)

    def _scan(self, key: Key) -> float | None:
        scan = self._store.find(ImageScan, key.namespace, key.name)
        if scan is None or scan.metadata.deletion_timestamp or scan.spec.suspend:
            self._wishes.discard(key)
            return None
        left = self._left(scan.status.last_scan_time, scan.spec.interval)
        if left and key not in self._wishes and scan.status.observed_generation == scan.metadata.generation:
            return left
        self._wishes.discard(key)
        found, error = self._looked(scan)
        self._tell(scan, found, error)
        return self._jitter(_interval(scan.spec.interval))

    def _looked(self, scan: ImageScan) -> tuple[Latest | None, str]:
        """What the registry has, or why that can't be told."""
        try:
            seconds(scan.spec.interval or "0", field="spec.interval")
            return self._sources.image(scan), ""
        except UserError as error:
            log.warning("image not scanned", imagescan=str(scan.key), error=str(error))
            return None, str(error)

    def _left(self, last: str, interval: str) -> float:
        """Seconds until it is that long after the time that was written."""
        if not last:
            return 0.0
        passed = (self._clock() - datetime.fromisoformat(last.replace("Z", "+00:00"))).total_seconds()
        return min(max(0.0, _interval(interval) - passed), _interval(interval))

    def _tell(self, scan: ImageScan, found: Latest | None, error: str) -> None:
        """Writes what was found; what was found before stays after a failure."""

        def told(stored: ImageScan) -> ImageScan:
            before = stored.status.conditions
            scanned = condition(IMAGE_SCANNED, "False" if error else "True", now(), before, message=error)
            stalled = condition(STALLED, "True" if error else "False", now(), before, message=error)
            status = msgspec.structs.replace(
                stored.status,
                conditions=with_conditions(before, scanned, stalled),
                last_scan_time=self._stamp(),
                observed_generation=scan.metadata.generation,
            )
            if found is not None:
                status = msgspec.structs.replace(
                    status,
                    latest_image=f"{found.name}:{found.tag}",
                    latest_tag=found.tag,
                    latest_digest=found.digest,
                    canonical_image_name=found.name,
                )
            return msgspec.structs.replace(stored, status=status)

        with suppress(NotFound):
            self._store.change_status(ImageScan, scan.metadata.namespace, scan.metadata.name, told)

    def _commit(self, key: Key) -> float | None:
        repo = self._store.find(GitRepo, key.namespace, key.name)
        if repo is None or repo.metadata.deletion_timestamp:
            self._failed.pop(key, None)
            return None
        scans = scans_for(self._store, repo)
        if not scans:
            self._forget(repo)
            return None
        if not self._answered(repo, scans):
            return None  # the scans' own change wakes this again
        asked = (repo.metadata.generation, tuple(scan.status.latest_image + scan.status.latest_digest for scan in scans))
        left = max(self._left(repo.status.last_synced_image_scan_time, repo.spec.image_scan_interval or ""), self._resting(key, asked))
        return left or self._sync(repo, scans, asked)

    def _answered(self, repo: GitRepo, scans: Iterable[ImageScan]) -> bool:
        """Whether all scans know their image; the GitRepo says which ones failed."""
        answers = [_answer(scan) for scan in scans]
        failed = "; ".join(filter(None, answers))
        if failed:
            self._synced(repo, failed)
        return not failed and None not in answers

    def _resting(self, key: Key, asked: object) -> float:
        """Seconds until a commit that failed is tried again."""
        failed, until = self._failed.get(key, (None, 0.0))
        return max(0.0, until - self._clock().timestamp()) if failed == asked else 0.0

    def _sync(self, repo: GitRepo, scans: Iterable[ImageScan], asked: object) -> float:
        """Brings the files to what the scans found; the seconds until the next look."""
        try:
            self._pushed(repo, setters(scans))
        except UserError as error:
            log.warning("images not committed", gitrepo=str(repo.key), error=str(error))
            self._synced(repo, str(error))
            self._failed[repo.key] = (asked, self._clock().timestamp() + RETRY)
            return RETRY
        self._failed.pop(repo.key, None)
        self._synced(repo, "")
        return self._jitter(_interval(repo.spec.image_scan_interval or ""))

    def _pushed(self, repo: GitRepo, values: Mapping[str, str]) -> None:
        allowed = admitted(repo, self._rules(repo.metadata.namespace))
        _check(allowed)
        branch = msgspec.structs.replace(allowed, spec=msgspec.structs.replace(allowed.spec, revision=""))
        moved: Conflict | None = None
        for _ in range(PUSHES):
            head = self._sources.latest(branch)
            files = changed(self._sources.tree(branch, head), repo.spec.paths, values)
            try:
                commit = self._sources.push(branch, _change(repo, head, files)) if files else ""
            except Conflict as error:
                moved = error
                continue
            if commit:
                log.info("images committed", gitrepo=str(repo.key), commit=commit, files=len(files))
            return
        raise Unavailable(f"the branch moved {PUSHES} times while images were committed: {moved}", hint="nothing to do; it is tried again")

    def _forget(self, repo: GitRepo) -> None:
        """A GitRepo without image scans says nothing of them."""
        if any(c.type == IMAGE_SYNCED for c in repo.status.conditions):
            self._note(repo, lambda status: msgspec.structs.replace(status, conditions=without_condition(status.conditions, IMAGE_SYNCED)))

    def _synced(self, repo: GitRepo, error: str) -> None:
        """Writes whether the files name the images; `error` says why not."""

        def told(status: GitRepoStatus) -> GitRepoStatus:
            synced = condition(IMAGE_SYNCED, "False" if error else "True", now(), status.conditions, message=error)
            last = status.last_synced_image_scan_time if error else self._stamp()
            conditions = with_conditions(status.conditions, synced)
            return msgspec.structs.replace(status, conditions=conditions, last_synced_image_scan_time=last)

        self._note(repo, told)

    def _note(self, repo: GitRepo, change: Callable[[GitRepoStatus], GitRepoStatus]) -> None:
        with suppress(NotFound):
            self._store.change_status(
                GitRepo,
                repo.metadata.namespace,
                repo.metadata.name,
                lambda stored: msgspec.structs.replace(stored, status=change(stored.status)),
            )

    def _stamp(self) -> str:
        return self._clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _answer(scan: ImageScan) -> str | None:
    """Why the scan's image can't be relied on, empty when it can; None when it was not looked for yet."""
    if scan.spec.suspend:
        return ""
    if scan.status.observed_generation != scan.metadata.generation:
        return None
    failed = next((c for c in scan.status.conditions if (c.type, c.status) == (IMAGE_SCANNED, "False")), None)
    return f"image scan {scan.spec.tag_name} is not ready: {failed.message}" if failed else ""


def _interval(text: str) -> float:
    """Seconds of an interval, the usual ones where none is named or it is no duration."""
    try:
        return max(SHORTEST, seconds(text or "0") or INTERVAL)
    except Invalid:
        return INTERVAL


def _check(repo: GitRepo) -> None:
    """Raises Invalid when the GitRepo follows no branch, MissingRequired when it does not say how to write to it, or who does."""
    spec = repo.spec
    if not spec.client_secret_name:
        raise _missing("spec.clientSecretName", "name a secret with write access to the repository")
    if spec.image_scan_commit is None:
        raise _missing("spec.imageScanCommit", "give it an authorName and an authorEmail")
    if spec.revision and not spec.branch:
        hint = "name the branch to commit to in spec.branch"
        raise Invalid(f"spec.revision {spec.revision} is no branch to commit images to", field="spec.branch", hint=hint)


def _missing(field: str, hint: str) -> MissingRequired:
    return MissingRequired(f"{field}: is required to commit images", field=field, hint=hint)


def _change(repo: GitRepo, head: str, files: Mapping[str, bytes]) -> Change:
    """The template is taken as it is: Fleet's has no data to fill it with either."""
    told = repo.spec.image_scan_commit or ImageScanCommit()
    return Change(head, files, told.author_name or told.author_email or AUTHOR, told.author_email, told.message_template or MESSAGE)
