"""Deployments that fail, clusters that don't answer, and kubeconfigs that can't be used."""

from __future__ import annotations

import pytest

from extension.engine.queue import LONGEST_BACK_OFF
from extension.objects.errors import Invalid, NotFound
from tests.fakes.waiting import wait_for
from tests.unit.engine.samples import changed, cluster_key, conditions, marked, message
from tests.unit.engine.served import DRIFT


def test_a_failing_deployment_is_tried_again_later_and_later_up_to_a_limit(served):
    delivery = served.cluster("a")
    delivery.errors["web"] = Invalid("no such class")
    served.bundle("web")
    pauses = [served.look("web") for _ in range(9)]
    assert pauses[:4] == [1.0, 2.0, 4.0, 8.0]
    assert pauses[-1] == LONGEST_BACK_OFF
    served.reaches("web", "ErrApplied")
    assert "no such class" in served.message("web")


def test_a_deployment_that_works_again_starts_anew_with_its_patience(served):
    delivery = served.cluster("a")
    delivery.errors["web"] = Invalid("no such class")
    served.bundle("web")
    for _ in range(5):
        served.look("web")
    delivery.errors.clear()
    assert served.look("web") == DRIFT
    served.reaches("web", "Ready")
    delivery.errors["web"] = Invalid("no such class")
    served.commit("web", "two")
    assert served.look("web") == 1.0


def test_an_error_that_trying_again_does_not_mend_waits_for_a_new_version(served):
    delivery = served.cluster("a")
    delivery.errors["web"] = Invalid("YAML parse error on a.yaml")
    served.bundle("web")
    assert served.look("web") is None
    served.reaches("web", "NotReady")
    delivery.errors.clear()
    served.commit("web", "two")
    assert served.look("web") == DRIFT
    served.reaches("web", "Ready")
    assert delivery.did("deploy") == ["web", "web"]


def test_one_bundles_error_does_not_hold_up_the_others(served):
    delivery = served.cluster("a")
    delivery.errors["web"] = Invalid("no such class")
    served.agents.queue.start()
    served.bundle("web")
    served.bundle("db")
    served.reaches("db", "Ready")
    served.reaches("web", "ErrApplied")


def test_a_cluster_that_can_not_be_reached_says_why_keeps_its_states_and_the_others_go_on(served):
    away, _ = served.cluster("a"), served.cluster("b")
    served.agents.queue.start()
    served.bundle("web")
    served.reaches("web", "Ready", "a")
    away.down = "connection refused"
    served.commit("web", "two")
    served.reaches("web", "Ready", "b")
    wait_for(lambda: message(served.found(), "Imported") == "connection refused")
    assert conditions(served.found())["Imported"] == "False"
    assert served.state("web", "a") == "WaitApplied", "it never had the new version, and it did not fail"
    assert "Imported" not in conditions(served.found("b"))


def test_a_cluster_that_can_not_be_reached_is_left_alone_for_longer_and_longer(served):
    delivery = served.cluster("a")
    delivery.down = "connection refused"
    served.bundle("web")
    served.bundle("db")
    for expected in (1.0, 2.0, 4.0, 8.0):
        assert served.look("web") == expected
        assert served.look("db") > expected, "not tried meanwhile"
        served.clock.pass_(expected)
    assert delivery.did("deploy") == ["web"] * 4
    for _ in range(9):
        served.clock.pass_(served.look("web"))
    assert served.look("web") == LONGEST_BACK_OFF


def test_failures_of_many_bundles_at_the_same_time_are_one_failure_of_the_cluster(served):
    delivery = served.cluster("a")
    names = ["one", "two", "three", "four"]
    for name in names:
        served.bundle(name)
    delivery.gate.clear()
    served.agents.queue.start()
    wait_for(lambda: len(delivery.calls) == len(names))
    delivery.down = "connection refused"
    delivery.gate.set()
    wait_for(lambda: "Imported" in conditions(served.found()))
    wait_for(served.agents.queue.idle)
    served.clock.pass_(1.5)
    delivery.down = ""
    assert served.look("one") == DRIFT, "one failure is waited for"


def test_a_cluster_that_answers_again_says_so_once(served):
    delivery = served.cluster("a")
    delivery.down = "connection refused"
    served.bundle("web")
    served.clock.pass_(served.look("web"))
    delivery.down = ""
    served.look("web")
    assert conditions(served.found())["Imported"] == "True"
    assert message(served.found(), "Imported") == ""


def test_a_cluster_that_was_down_before_a_restart_and_answers_now_says_so(served):
    delivery = served.cluster("a")
    delivery.down = "connection refused"
    served.bundle("web")
    served.look("web")
    served.agents.stop()
    delivery.down = ""
    served.restarted().cluster_changed(cluster_key("a"))
    served.agents.reports.start()
    served.look("web")
    assert conditions(served.found())["Imported"] == "True"


def test_only_clusters_that_answered_were_reached(served):
    away, _ = served.cluster("a"), served.cluster("b")
    away.down = "connection refused"
    served.bundle("web")
    served.look("web", "a")
    served.look("web", "b")
    assert served.agents.reached() == {cluster_key("b")}
    assert served.agents.reached() == set()


REFUSED = NotFound("Secret ws/kube with key value is missing")


def test_a_cluster_that_can_not_be_opened_says_why_and_is_opened_once_it_can(served):
    served.refused["a"] = REFUSED
    served.cluster("a")
    served.bundle("web")
    assert message(served.found(), "Imported") == str(REFUSED)
    before = served.store.revision()
    served.agents.cluster_changed(cluster_key("a"))
    assert served.store.revision() == before, "said once"
    served.refused.clear()
    served.agents.queue.start()
    served.agents.cluster_changed(cluster_key("a"))
    served.reaches("web", "Ready")
    wait_for(lambda: conditions(served.found())["Imported"] == "True")


def test_a_cluster_without_bundles_too_loses_the_error_that_is_over(served):
    served.refused["a"] = REFUSED
    served.cluster("a")
    served.refused.clear()
    served.agents.queue.start()
    served.agents.cluster_changed(cluster_key("a"))
    wait_for(lambda: conditions(served.found())["Imported"] == "True")


@pytest.mark.parametrize("error", [Invalid("this is no kubeconfig"), Invalid("the certificate is none")])
def test_a_kubeconfig_that_can_not_be_used_is_its_own_clusters_trouble(served, error):
    served.broken["a"] = error
    served.cluster("a")
    assert message(served.found(), "Imported") == str(error)
    served.cluster("b")
    served.bundle("web")
    assert served.look("web", "b") == DRIFT
    assert served.look("web", "a") is None


def test_another_way_to_a_cluster_closes_the_old_one_and_opens_the_new(served):
    delivery = served.cluster("a")
    served.bundle("web")
    served.look("web")
    served.agents.cluster_changed(cluster_key("a"))
    assert served.opened == ["a"]
    served.fingerprints["a"] = "another"
    served.agents.cluster_changed(cluster_key("a"))
    assert (served.opened, delivery.closed) == (["a", "a"], True)
    assert served.look("web") == DRIFT


def test_a_change_of_a_clusters_labels_does_not_open_it_anew(served):
    served.cluster("a")
    served.store.update(marked(served.found(), labels={"env": "test"}))
    served.agents.cluster_changed(cluster_key("a"))
    assert served.opened == ["a"]


def test_what_failed_for_good_is_tried_again_when_its_cluster_is_forced_to_update(served):
    delivery = served.cluster("a")
    delivery.errors["web"] = Invalid("timed out waiting for the condition")
    served.agents.queue.start()
    for name in ("web", "db"):
        served.bundle(name)
    served.reaches("web", "NotReady")
    served.reaches("db", "Ready")
    wait_for(served.agents.queue.idle)
    del delivery.errors["web"]
    served.store.update(changed(served.found(), redeploy_agent_generation=1))
    served.agents.cluster_changed(cluster_key("a"))
    served.reaches("web", "Ready")
    assert delivery.did("deploy").count("db") == 1
