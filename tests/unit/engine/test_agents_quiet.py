"""What the hub says again without a change makes no work on a cluster."""

from __future__ import annotations

import pytest

from extension.objects.errors import Invalid
from extension.objects.kinds import Bundle
from tests.fakes.waiting import wait_for
from tests.unit.engine.samples import NS, changed, cluster_key, marked, replace


def restate(served, name="web"):
    """Another status of the Bundle, as its own reconciler writes it."""
    found = served.store.get(Bundle, NS, name)
    served.store.update_status(replace(found, status=replace(found.status, unavailable=found.status.unavailable + 1)))
    served.agents.sync_all()


def settled(served):
    wait_for(served.agents.queue.idle)


def test_a_new_status_of_a_bundle_is_no_reason_to_look_at_the_cluster(served):
    delivery = served.cluster("a")
    served.agents.queue.start()
    served.bundle("web")
    served.reaches("web", "Ready")
    settled(served)
    before = list(delivery.calls)
    restate(served)
    settled(served)
    assert delivery.calls == before


def test_a_failing_deployment_keeps_its_patience_when_the_bundles_status_changes(served):
    delivery = served.cluster("a")
    delivery.errors["web"] = Invalid("no such class")
    served.agents.queue.start()
    served.bundle("web")
    served.reaches("web", "ErrApplied")
    settled(served)
    restate(served)
    settled(served)
    assert delivery.did("deploy") == ["web"]


@pytest.mark.parametrize("change", ["labels", "pause", "content"])
def test_what_an_agent_works_with_is_news(served, change):
    delivery = served.cluster("a")
    served.bundle("web")
    served.look("web")
    served.agents.queue.start()
    settled(served)
    before = len(delivery.calls)
    if change == "labels":
        served.store.update(marked(served.store.get(Bundle, NS, "web"), labels={"tier": "data"}))
        served.agents.sync_all()
    elif change == "pause":
        served.change("web", paused=True)
        settled(served)
        assert len(delivery.calls) == before
        served.change("web", paused=False)
    else:
        served.commit("web", "two")
    wait_for(lambda: len(delivery.calls) > before)


def test_a_forced_update_of_a_cluster_looks_at_all_that_is_on_it(served):
    delivery = served.cluster("a")
    served.agents.queue.start()
    for name in ("web", "db"):
        served.bundle(name)
        served.reaches(name, "Ready")
    settled(served)
    before = sorted(delivery.did("observe"))
    served.store.update(changed(served.found(), redeploy_agent_generation=1))
    served.agents.cluster_changed(cluster_key("a"))
    wait_for(lambda: sorted(delivery.did("observe")) == sorted([*before, "db", "web"]))
    served.agents.cluster_changed(cluster_key("a"))
    settled(served)
    assert sorted(delivery.did("observe")) == sorted([*before, "db", "web"])
