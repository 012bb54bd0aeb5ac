"""What a push does to a GitRepo (`fleet-semantics.md` 5.1): it is noted in the status, and the engine looks.

`status.webhookCommit` is a hint and never deployed. A GitRepo that names no polling interval gets one of an hour, for now its
server tells of pushes; who wants another sets it, and it stays.
"""

from __future__ import annotations

from contextlib import suppress

import msgspec

from api import writing
from api.webhooks.matching import passed_over
from api.webhooks.proofs import Refusal
from api.webhooks.providers import Push
from extension.objects.errors import Conflict, NotFound
from extension.objects.kinds import GitRepo
from extension.store.clock import now
from extension.store.deliveries import Outcome
from extension.store.protocol import Store

INTERVAL = "1h0m0s"
"""How often a GitRepo with a webhook is polled, as Fleet writes it."""


def outcome(store: Store, push: Push, repo: GitRepo, refusal: Refusal | None) -> Outcome:
    """Does what the push asks of one GitRepo, and says what that was."""
    name = repo.metadata.name
    if refusal is not None:
        return Outcome(name, "refused", refusal.message)
    if push.idle:
        return Outcome(name, "verified", push.idle)
    over = passed_over(repo, push)
    if over:
        return Outcome(name, "skipped", over)
    if repo.status.webhook_commit == push.commit:
        return Outcome(name, "unchanged", f"commit {push.commit[:12]} was told of before")
    try:
        _note(store, repo, push.commit)
    except NotFound:
        return Outcome(name, "failed", "the GitRepo was deleted meanwhile")
    return Outcome(name, "triggered", "the repository is asked for its newest commit")


def _note(store: Store, repo: GitRepo, commit: str) -> None:
    """Raises NotFound. Only these two fields are set: the rest of the status is the engine's, which writes it at the same time."""

    def told(stored: GitRepo) -> GitRepo:
        status = msgspec.structs.replace(stored.status, webhook_commit=commit, last_webhook_time=now())
        return msgspec.structs.replace(stored, status=status)

    namespace, name = repo.metadata.namespace, repo.metadata.name
    store.change_status(GitRepo, namespace, name, told)
    if repo.spec.polling_interval is None:
        with suppress(Conflict, NotFound):  # somebody else is at it: the next push comes by here too
            writing.retried(lambda: _polled_less(store, store.get(GitRepo, namespace, name)))


def _polled_less(store: Store, repo: GitRepo) -> GitRepo:
    if repo.spec.polling_interval is not None:
        return repo
    return store.update(msgspec.structs.replace(repo, spec=msgspec.structs.replace(repo.spec, polling_interval=INTERVAL)))
