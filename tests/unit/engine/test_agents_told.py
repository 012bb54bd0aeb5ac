"""Clusters that tell what happens on them: what is watched is hardly looked at, and at once when something happens to it."""

from __future__ import annotations

import pytest

from extension.engine.loop import LATER, RARELY, SOON
from extension.objects.errors import Invalid
from tests.fakes.waiting import wait_for
from tests.unit.engine.samples import cluster_key
from tests.unit.engine.served import DRIFT
from tests.unit.engine.test_copies import SETTINGS, settings


@pytest.mark.parametrize(
    ("told", "modified", "expected"),
    [(True, False, RARELY), (False, False, DRIFT), (True, True, DRIFT)],
    ids=["watched", "not watched", "watched, but not as it should be"],
)
def test_what_is_as_it_should_be_and_watched_is_looked_at_rarely(served, told, modified, expected):
    delivery = served.cluster("a")
    delivery.told = {"web"} if told else set()
    delivery.modified = {"web"} if modified else set()
    served.bundle("web")
    assert served.look("web") == expected


def test_what_has_copies_beside_it_is_looked_at_by_time(served):
    delivery = served.cluster("a")
    delivery.told = {"web"}
    served.store.create(settings())
    served.bundle("web", downstream_resources=(SETTINGS,))
    assert served.look("web") == DRIFT
    assert delivery.copies["web"].objects


def test_something_that_happens_is_looked_at_at_once(served):
    delivery = served.cluster("a")
    delivery.told = {"web", "db"}
    for name in ("web", "db"):
        served.bundle(name)
    served.agents.queue.start()
    served.reaches("web", "Ready")
    served.reaches("db", "Ready")
    wait_for(served.agents.queue.idle)
    before = delivery.did("observe").count("db")
    delivery.modified = {"web"}
    delivery.tells("web")
    served.reaches("web", "Modified")
    assert delivery.did("observe").count("db") == before


def test_what_fails_keeps_its_patience_whatever_happens_to_its_objects(served):
    delivery = served.cluster("a")
    delivery.errors["web"] = Invalid("no such class")
    served.agents.queue.start()
    served.bundle("web")
    served.reaches("web", "ErrApplied")
    wait_for(served.agents.queue.idle)
    delivery.tells("web")
    assert served.agents.queue.idle()
    assert delivery.did("deploy") == ["web"]


def test_what_stays_not_ready_is_looked_at_later_and_later_until_something_is_new(served):
    delivery = served.cluster("a")
    delivery.late = {"web"}
    served.bundle("web")
    pauses = [served.look("web") for _ in range(12)]
    assert pauses[0] == SOON and pauses == sorted(pauses) and pauses[-1] == LATER
    delivery.modified = {"web"}
    assert served.look("web") == SOON


def test_a_cluster_of_which_everything_is_watched_counts_as_reached(served):
    delivery = served.cluster("a")
    delivery.told = {"web"}
    served.bundle("web")
    served.look("web")
    served.agents.reached()
    assert served.agents.reached() == {cluster_key("a")}
    delivery.told.clear()
    assert served.agents.reached() == set()
