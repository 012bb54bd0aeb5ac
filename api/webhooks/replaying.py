"""Doing again what a delivery asked for, from what the log kept of it.

The one who replays may let the GitRepos of the row's workspace look anyway, so no signature is needed, and nobody else's GitRepo
moves. A row stays as verified, or not, as it was: that somebody replayed it proves nothing about who sent it.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from api.access import EVERYWHERE, Caller, forbidden
from api.services import Services
from api.webhooks.matching import of_repository
from api.webhooks.noting import outcome
from api.webhooks.providers import Push
from api.webhooks.rights import may_replay
from api.webhooks.rows import Judged, rows
from extension.objects.kinds import GitRepo
from extension.store.deliveries import Delivery


def replayed(services: Services, caller: Caller, row: Delivery, request: str) -> Sequence[Delivery]:
    """The new rows: one, or one a workspace for what had none. Raises Forbidden for who may only read."""
    if not may_replay(caller, row):
        raise forbidden(f"replay webhook delivery {row.id}", caller.lacks(GitRepo, "update", row.workspace or EVERYWHERE))
    push = Push(row.provider, row.event, row.urls, row.ref, row.commit, row.idle, row.guid)
    repos = of_repository(services.store, push, row.workspace or None, services.allow_file)
    judged = [Judged(repo, outcome(services.store, push, repo, None), None) for repo in repos]
    blank = Delivery(workspace=row.workspace, request=request, replay_of=row.id, replayed_by=caller.name)
    made = [msgspec.structs.replace(new, verified=row.verified, reason=row.reason) for new in rows(push, judged, blank)]
    return services.store.deliveries.add(made)
