"""What is told of clusters that were not heard of for too long."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from extension.objects.kinds import AgentStatus, ClusterStatus
from extension.objects.presence import before, with_presence
from extension.objects.status import Display

LIMIT = before(datetime(2026, 1, 1, 12, tzinfo=UTC), 2700)


def status(seen, state="Modified"):
    return ClusterStatus(agent=AgentStatus(last_seen=seen), display=Display(state=state, ready_bundles="1/2"))


def test_the_limit_is_so_long_ago():
    assert LIMIT == "2026-01-01T11:15:00Z"


@pytest.mark.parametrize("seen", ["", "2026-01-01T11:15:00Z", "2026-01-01T12:00:01Z"])
def test_who_was_seen_or_never_was_is_as_it_is(seen):
    assert with_presence(status(seen), LIMIT) == status(seen)


@pytest.mark.parametrize(("state", "told"), [("Modified", "Modified"), ("", "Ready")])
def test_who_was_not_seen_is_unknown_with_the_last_state_and_time_beside_it(state, told):
    found = with_presence(status("2026-01-01T11:14:59Z", state), LIMIT)
    assert (found.display.state, found.display.ready_bundles) == ("Unknown", "1/2")
    assert found.display.message == f"no check-in since 2026-01-01T11:14:59Z; the last state was {told}"
    (condition,) = found.conditions
    assert (condition.type, condition.status, condition.reason) == ("Connected", "Unknown", "Offline")
    assert condition.message == found.display.message


def test_it_does_not_change_while_time_goes_on():
    silent = status("2026-01-01T11:00:00Z")
    first = with_presence(silent, LIMIT)
    assert with_presence(msgspec.structs.replace(silent, conditions=first.conditions), "2026-01-02T00:00:00Z") == first
