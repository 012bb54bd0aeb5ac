"""What an agent does with what its cluster should have."""

from __future__ import annotations

import msgspec
import pytest

from extension.engine.loop import SOON
from extension.objects.kinds import BundleRef, BundleTarget, Cluster
from extension.objects.selectors import LabelSelector, Requirement
from tests.fakes.waiting import wait_for
from tests.unit.engine.samples import bundle_key, changed, cluster_key
from tests.unit.engine.served import DRIFT

ONLY_A = BundleTarget(name="a", cluster_name="a")


def test_what_a_cluster_is_assigned_is_deployed_to_it_and_reported(served):
    delivery = served.cluster("a")
    served.agents.queue.start()
    served.bundle("web")
    served.reaches("web", "Ready")
    assert delivery.did("deploy") == ["web"]


def test_a_cluster_gets_only_what_is_assigned_to_it(served):
    a, b = served.cluster("a"), served.cluster("b")
    served.agents.queue.start()
    served.bundle("web", ONLY_A)
    served.bundle("db")
    served.reaches("web", "Ready", "a")
    served.reaches("db", "Ready", "b")
    wait_for(lambda: sorted(a.deployed) == ["db", "web"])
    assert sorted(b.deployed) == ["db"]


def test_what_is_deployed_is_only_looked_at_until_it_is_asked_for_anew(served):
    delivery = served.cluster("a")
    served.bundle("web")
    assert served.look("web") == DRIFT
    assert served.look("web") == DRIFT
    assert (delivery.did("deploy"), delivery.did("observe")) == (["web"], ["web"])
    served.commit("web", "two")
    served.look("web")
    assert delivery.did("deploy") == ["web", "web"]


def test_a_forced_update_deploys_again_what_has_not_changed(served):
    delivery = served.cluster("a")
    served.bundle("web")
    served.look("web")
    served.change("web", force_sync_generation=3)
    served.look("web")
    assert delivery.did("deploy") == ["web", "web"]
    served.reaches("web", "Ready")


def test_a_look_that_finds_nothing_new_reports_nothing(served):
    served.cluster("a")
    served.bundle("web")
    served.look("web")
    served.reaches("web", "Ready")
    before = served.store.revision()
    served.look("web")
    served.agents.reports.stop()
    assert served.store.revision() == before


def test_drift_is_reported_and_so_is_its_end(served):
    delivery = served.cluster("a")
    served.bundle("web")
    served.look("web")
    delivery.modified.add("web")
    assert served.look("web") == DRIFT
    served.reaches("web", "Modified")
    delivery.modified.clear()
    served.look("web")
    served.reaches("web", "Ready")


def test_what_is_not_ready_yet_is_looked_at_soon(served):
    delivery = served.cluster("a")
    delivery.late.add("web")
    served.bundle("web")
    assert served.look("web") == SOON
    served.reaches("web", "NotReady")
    delivery.late.clear()
    assert served.look("web") == DRIFT
    served.reaches("web", "Ready")


@pytest.mark.parametrize("paused", ["bundle", "cluster"])
def test_a_pause_stops_deploying_and_looking_until_it_ends(served, paused):
    delivery = served.cluster("a")
    served.bundle("web")
    served.look("web")

    def pause(on):
        if paused == "bundle":
            served.change("web", paused=on)
        else:
            served.store.update(changed(served.found(), paused=on))
            served.rollouts.look("web")
        served.agents.sync_all()

    pause(True)
    assert served.look("web") is None
    assert delivery.did("observe") == []
    assert served.agents.reached() == {cluster_key("a")}
    assert served.agents.reached() == {cluster_key("a")}, "a cluster with nothing to do is still there"
    pause(False)
    assert served.look("web") == DRIFT
    assert delivery.did("observe") == ["web"]


def test_a_cluster_outside_of_its_schedule_is_left_as_it_is(served):
    delivery = served.cluster("a")
    served.bundle("web")
    served.look("web")
    found = served.found()
    served.store.update_status(Cluster(metadata=found.metadata, spec=found.spec, status=type(found.status)(namespace="x", scheduled=True)))
    served.agents.sync_all()
    assert served.look("web") is None
    assert delivery.did("observe") == []


def test_a_bundle_waits_for_what_it_depends_on_says_so_and_goes_on_when_that_is_ready(served):
    delivery = served.cluster("a")
    delivery.late.add("db")
    served.agents.queue.start()
    served.bundle("web", depends_on=(BundleRef(name="db"),))
    served.reaches("web", "Pending")
    assert served.message("web") == "waiting for bundle ws/db: not deployed to this cluster; accepted is Ready"
    served.bundle("db")
    wait_for(lambda: "it is NotReady" in served.message("web"))
    assert delivery.did("deploy") == ["db"]
    delivery.late.clear()
    served.reaches("web", "Ready")


@pytest.mark.parametrize(
    ("ref", "waits"),
    [
        (BundleRef(name="db"), True),
        (BundleRef(name="db", accepted_states=("Ready", "NotReady")), False),
        (BundleRef(selector=LabelSelector(match_labels={"tier": "data"})), True),
        (BundleRef(selector=LabelSelector(match_labels={"tier": "data"}), accepted_states=("NotReady",)), False),
        (BundleRef(name="db", selector=LabelSelector(match_labels={"tier": "other"})), True),
        (BundleRef(name="elsewhere"), True),
    ],
    ids=["name", "accepted state", "selector", "selector and state", "name but not selector", "not deployed"],
)
def test_which_dependencies_hold_a_bundle_back(served, ref, waits):
    delivery = served.cluster("a")
    delivery.late.add("db")
    served.bundle("db", labels={"tier": "data"})
    served.look("db")
    served.bundle("web", depends_on=(ref,))
    served.look("web")
    assert ("web" in delivery.did("deploy")) is not waits


def test_a_dependency_counts_on_the_same_cluster_only(served):
    a, b = served.cluster("a"), served.cluster("b")
    served.bundle("db", ONLY_A)
    served.look("db")
    served.bundle("web", depends_on=(BundleRef(name="db"),))
    served.look("web", "a")
    served.look("web", "b")
    assert (a.did("deploy"), b.did("deploy")) == (["db", "web"], [])


def test_a_deployed_bundle_is_not_held_back_when_its_dependency_fails_later(served):
    delivery = served.cluster("a")
    served.bundle("db")
    served.bundle("web", depends_on=(BundleRef(name="db"),))
    served.look("db")
    served.look("web")
    delivery.late.add("db")
    served.look("db")
    served.look("web")
    served.reaches("db", "NotReady")
    served.reaches("web", "Ready")
    served.commit("web", "two")
    served.look("web")
    assert delivery.did("deploy") == ["db", "web"], "but a new version waits"


def test_a_broken_selector_of_a_dependency_is_that_bundles_error(served):
    served.cluster("a")
    broken = LabelSelector(match_expressions=(Requirement("tier", "Roughly"),))
    served.bundle("web", depends_on=(BundleRef(selector=broken),))
    assert served.look("web") is not None
    served.reaches("web", "ErrApplied")
    assert "Roughly" in served.message("web")


def test_after_a_restart_what_is_deployed_is_looked_at_and_not_deployed_again(served):
    delivery = served.cluster("a")
    served.bundle("web")
    served.look("web")
    served.agents.stop()
    served.restarted().cluster_changed(cluster_key("a"))
    assert served.look("web") == DRIFT
    assert (delivery.did("deploy"), delivery.did("observe")) == (["web"], ["web"])
    served.agents.reports.start()


def test_work_for_what_is_gone_is_no_error(served):
    served.cluster("a")
    assert served.look("nobody") is None
    assert served.look("web", "nowhere") is None


def test_a_cluster_that_is_served_elsewhere_is_left_alone(served):
    served.fingerprints["far"] = ""
    served.cluster("far")
    served.bundle("web")
    assert served.look("web", "far") is None
    assert served.opened == []
    assert served.agents.reached() == set()


def test_a_deployment_gets_the_files_commit_and_options_of_its_bundle(served):
    served.cluster("a")
    served.bundle("web", labels={"fleet.cattle.io/commit": "c0ffee"}, default_namespace="shop")
    (item,) = served.store.assigned(cluster_key("a"))
    assert (item.commit, item.options.default_namespace, item.bundle) == ("c0ffee", "shop", bundle_key("web"))
    served.look("web")
    assert served.deliveries["a"].deployed["web"].namespace == "shop"


def test_a_forced_update_of_an_agent_of_this_process_makes_it_anew_and_ends(served):
    delivery = served.cluster("a")
    served.bundle("web")
    served.look("web")
    one = served.found()
    served.store.update(msgspec.structs.replace(one, spec=msgspec.structs.replace(one.spec, redeploy_agent_generation=3)))
    served.agents.cluster_changed(cluster_key("a"))
    assert (delivery.closed, served.opened) == (True, ["a", "a"])
    assert served.found().status.agent_deployed_generation == 3
    served.agents.cluster_changed(cluster_key("a"))
    assert served.opened == ["a", "a"]
