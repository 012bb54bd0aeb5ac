"""Clusters that were not heard of for too long (`fleet-semantics.md` 1.8: Fleet records when, and tells nothing of it).

What their deployments were last is no longer known to be so: the state is `Unknown`, and the last one is told beside it
with the time it is from. Counters stay what they are, so nothing is written when a cluster goes silent or comes back.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from extension.objects.clusters import ClusterStatus
from extension.objects.states import condition, with_conditions

CONDITION = "Connected"
UNKNOWN = "Unknown"


def before(now: datetime, bound: float) -> str:
    """The time, as last-seen times are written, before which a cluster must not have been seen last."""
    return (now - timedelta(seconds=bound)).strftime("%Y-%m-%dT%H:%M:%SZ")


def with_presence(status: ClusterStatus, limit: str) -> ClusterStatus:
    """The status of a cluster, which tells that it is offline when it was last seen before `limit`; never seen is waiting and not
    offline. The condition changes with the last-seen time, so it is a value of the status alone."""
    seen = status.agent.last_seen
    if not seen or seen >= limit:
        return status
    message = f"no check-in since {seen}; the last state was {status.display.state or 'Ready'}"
    offline = condition(CONDITION, "Unknown", seen, (), reason="Offline", message=message)
    return msgspec.structs.replace(
        status,
        display=msgspec.structs.replace(status.display, state=UNKNOWN, message=message),
        conditions=with_conditions(tuple(c for c in status.conditions if c.type != CONDITION), offline),
    )
