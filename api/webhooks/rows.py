"""What the log keeps of a delivery: a row for each workspace with GitRepos of the repository, or one without a workspace."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from api.webhooks.addresses import identity
from api.webhooks.proofs import Refusal
from api.webhooks.providers import Push
from extension.objects.kinds import GitRepo
from extension.sources.remote import shown
from extension.store.clock import now
from extension.store.deliveries import Delivery, Outcome

MAX_URLS = 6

_PLAIN = re.compile(r"[A-Za-z]+://|[^:/@]+@|/")


class Judged(NamedTuple):
    """What came of a push for one GitRepo; `refusal` says why it is not believed."""

    repo: GitRepo
    outcome: Outcome
    refusal: Refusal | None


def rows(push: Push, judged: Sequence[Judged], blank: Delivery, refusal: Refusal | None = None) -> list[Delivery]:
    """The rows of one push. `blank` holds what they share; it is completed as it is, with `refusal`, when no GitRepo matched."""
    common = msgspec.structs.replace(
        blank, time=now(), provider=push.provider, event=push.event, idle=push.idle, urls=_addresses(push), ref=push.ref,
        commit=push.commit, guid=push.guid,
    )  # fmt: skip
    return list(_by_workspace(common, judged)) or [_proven(common, refusal)]


def _by_workspace(common: Delivery, judged: Sequence[Judged]) -> Iterator[Delivery]:
    for workspace in sorted({found.repo.metadata.namespace for found in judged}):
        here = [found for found in judged if found.repo.metadata.namespace == workspace]
        refusals = [found.refusal for found in here]
        row = msgspec.structs.replace(common, workspace=workspace, gitrepos=tuple(found.outcome for found in here))
        yield _proven(row, None if None in refusals else refusals[0])


def _proven(row: Delivery, refusal: Refusal | None) -> Delivery:
    return msgspec.structs.replace(row, verified=refusal is None, reason=refusal.message if refusal else "")


def _addresses(push: Push) -> tuple[str, ...]:
    """The URLs that may be kept: without logins, and nothing that is no repository's. `javascript:x` looks like `host:path`, and
    somebody may follow what is shown."""
    return tuple(shown(url) for url in push.urls[:MAX_URLS] if _PLAIN.match(url) and identity(url, allow_file=True))
