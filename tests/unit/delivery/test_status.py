"""From what an agent saw to what it says."""

from __future__ import annotations

import pytest

from extension.delivery.status import LISTED, Observation, failed, is_failed, is_recorded, is_to_correct, observed, waiting
from extension.objects.errors import Invalid
from extension.objects.kinds import BundleDeploymentStatus
from extension.objects.options import BundleDeploymentOptions, CorrectDrift
from extension.objects.states import STOPPED_HINT, State, deployment_message, deployment_state
from extension.objects.status import Correction, FieldChange, ModifiedStatus, NonReadyStatus, ResourceCounts, ResourceKey, ResourceSummary

THEN, NOW = "2026-11-23T11:00:00Z", "2026-11-23T12:00:00Z"
EMPTY = BundleDeploymentStatus()
LATE = ResourceSummary("in-progress", transitioning=True, message=("soon",))


def key(name):
    return ResourceKey("ConfigMap", "v1", "web", name)


def modified(name, **what):
    return ModifiedStatus("ConfigMap", "v1", "web", name, **(what or {"patch": '{"a":1}'}))


def late(name, uid=""):
    return NonReadyStatus(uid or name, "ConfigMap", "v1", "web", name, LATE)


def seen(names="abc", modified=(), non_ready=()):
    return observed(EMPTY, "id:1", Observation("web/r:1", tuple(map(key, names)), tuple(modified), tuple(non_ready)), NOW)


def conditions(status):
    return {c.type: c.status for c in status.conditions}


def message(status, type_):
    return next(c.message for c in status.conditions if c.type == type_)


def test_a_deployment_without_a_fault_is_applied_ready_and_not_modified():
    status = seen()
    assert (status.applied_deployment_id, status.release, status.ready, status.non_modified) == ("id:1", "web/r:1", True, True)
    assert conditions(status) == {"Deployed": "True", "Installed": "True", "Monitored": "True", "Ready": "True"}


MISSING, EXTRA = {"missing": True}, {"delete": True}
COUNTS = [
    ("all ready", (), (), ResourceCounts(ready=3, desired_ready=3)),
    ("one modified", (modified("a"),), (), ResourceCounts(ready=2, desired_ready=3, modified=1)),
    ("one not ready", (), (late("a"),), ResourceCounts(ready=2, desired_ready=3, not_ready=1)),
    ("modified and not ready is modified", (modified("a"),), (late("a"),), ResourceCounts(ready=2, desired_ready=3, modified=1)),
    ("one missing", (modified("d", **MISSING),), (), ResourceCounts(ready=3, desired_ready=4, missing=1)),
    ("one too many", (modified("d", **EXTRA),), (), ResourceCounts(ready=3, desired_ready=3, orphaned=1)),
]


@pytest.mark.parametrize(("differing", "non_ready", "counts"), [row[1:] for row in COUNTS], ids=[row[0] for row in COUNTS])
def test_each_resource_counts_once(differing, non_ready, counts):
    status = seen(modified=differing, non_ready=non_ready)
    assert status.resource_counts == counts
    assert (status.ready, status.non_modified) == (not non_ready, not differing)


WORDS = [
    ("modified", (modified("a"),), (), 'configmap.v1 web/a modified {"a":1}'),
    ("missing", (modified("a", **MISSING),), (), "configmap.v1 web/a missing"),
    ("somebody else's", (modified("a", missing=True, exist=True),), (), "configmap.v1 web/a is not owned by us"),
    ("too many", (modified("a", **EXTRA),), (), "configmap.v1 web/a extra"),
    ("not ready", (), (late("a"),), "configmap.v1 web/a [progressing] soon"),
    ("not ready comes first", (modified("a"),), (late("b"),), "configmap.v1 web/b [progressing] soon"),
]


@pytest.mark.parametrize(("differing", "non_ready", "words"), [row[1:] for row in WORDS], ids=[row[0] for row in WORDS])
def test_the_ready_condition_tells_the_first_fault_in_fleets_words(differing, non_ready, words):
    status = seen(modified=differing, non_ready=non_ready)
    assert (conditions(status)["Ready"], message(status, "Ready")) == ("False", words)


def test_lists_are_sorted_and_cut_and_the_counts_are_whole():
    names = [f"n{number:02}" for number in range(30)]
    faults = [modified(name) for name in reversed(names)]
    status = seen(names, modified=faults, non_ready=[late(name, uid=f"{100 - int(name[1:])}") for name in names])
    assert [m.name for m in status.modified_status] == names[:LISTED]
    assert [n.name for n in status.non_ready_status] == ["n00", *names[:20:-1]][:LISTED]
    assert (status.incomplete_state, status.resource_counts.modified) == (True, 30)
    assert not seen(names, modified=faults[:LISTED]).incomplete_state


def test_looking_again_at_the_same_changes_nothing():
    first = observed(EMPTY, "id:1", Observation("web/r:1", (key("a"),), (modified("a"),)), THEN)
    assert observed(first, "id:1", Observation("web/r:1", (key("a"),), (modified("a"),)), NOW) == first


def test_what_is_corrected_no_more_says_so_and_what_to_do_and_the_account_is_kept():
    corrections = (Correction("ConfigMap", "v1", "web", "a", ("",), 5, THEN),)
    status = observed(EMPTY, "id:1", Observation("web/r:6", (key("a"),), (modified("a"),)), NOW, corrections=corrections)
    assert (status.modified_status[0].repairs, status.corrections) == (5, corrections)
    assert message(status, "Ready") == f'configmap.v1 web/a modified {{"a":1}} (correction stopped after 5 repairs): {STOPPED_HINT}'


CORRECTING = BundleDeploymentOptions(correct_drift=CorrectDrift(enabled=True))


@pytest.mark.parametrize(
    ("faults", "wanted"),
    [((), False), ((modified("a"),), True), ((modified("a", repairs=5),), False), ((modified("a", repairs=5), modified("b")), True)],
    ids=["nothing", "drift", "what is undone again and again", "and something else"],
)
def test_drift_is_corrected_where_it_is_not_undone_again_and_again(faults, wanted):
    assert is_to_correct(CORRECTING, faults) is wanted
    assert not is_to_correct(BundleDeploymentOptions(), faults)


def edited(time, found="2", manager="x"):
    return modified("a", changes=(FieldChange("/a", "1", found, manager, time),))


@pytest.mark.parametrize(
    ("now", "told"),
    [(edited(NOW), THEN), (edited(NOW, found="3"), NOW), (edited(NOW, manager="y"), NOW), (edited(""), THEN)],
    ids=["wrote again", "another value", "another manager", "no time"],
)
def test_a_change_keeps_the_time_when_it_was_seen_first(now, told):
    before = seen(modified=[edited(THEN), modified("b")])
    status = observed(before, "id:1", Observation("web/r:1", (key("a"),), (now,)), NOW)
    assert status.modified_status[0].changes[0].time == told


RECORDED = [
    "release x failed, and has been rolled back due to atomic being set: y",
    "release x failed, and has been rolled back due to rollback-on-failure being set: y",
    "timed out waiting for the condition",
    "error validating data: x",
    "chart requires kubeVersion: >=1.99",
    "annotation validation error: key x must equal y",
    "YAML parse error on x/templates/a.yaml",
    "a.yaml: yaml: line 2: did not find expected node content",
    'unknown field "spec.replica"',
    "Forbidden: updates to statefulset spec for fields other than 'replicas' are forbidden",
    "spec.selector: field is immutable",
]


@pytest.mark.parametrize("words", RECORDED)
def test_an_error_that_trying_again_does_not_mend_is_written_down(words):
    status = failed(seen(), "id:2", Invalid(words), NOW)
    assert (status.applied_deployment_id, status.release, status.ready) == ("id:2", "", False)
    assert (conditions(status)["Deployed"], conditions(status)["Installed"], conditions(status)["Ready"]) == ("True", "False", "False")
    assert is_recorded(status, "id:2") and not is_recorded(status, "id:3") and not is_failed(status)
    assert deployment_message(status.conditions, applied_is_desired=True) == words


def test_a_deployment_that_fails_takes_over_no_account_of_the_corrections_before():
    before = observed(EMPTY, "id:1", Observation("web/r:6"), NOW, corrections=(Correction("ConfigMap", repairs=5, time=NOW),))
    assert before.corrections and failed(before, "id:2", Invalid(RECORDED[0]), NOW).corrections == ()


@pytest.mark.parametrize("words", ["no such class", "namespaces is forbidden", "connection reset"])
def test_any_other_error_is_to_be_tried_again_and_leaves_what_is_applied(words):
    status = failed(seen(), "id:2", Invalid(words), NOW)
    assert (status.applied_deployment_id, status.release, conditions(status)["Deployed"]) == ("id:1", "web/r:1", "False")
    assert is_failed(status) and not is_recorded(status, "id:2")
    assert deployment_message(status.conditions, applied_is_desired=False) == words


@pytest.mark.parametrize("words", ["no such class", RECORDED[0]])
def test_success_clears_the_error(words):
    status = observed(failed(EMPTY, "id:1", Invalid(words), THEN), "id:1", Observation("web/r:1"), NOW)
    assert set(conditions(status).values()) == {"True"}
    assert {c.message for c in status.conditions} == {""}
    assert not is_failed(status) and not is_recorded(status, "id:1")


def test_waiting_is_no_failure_and_keeps_what_is_applied():
    status = waiting(seen(), "waiting for db", NOW)
    assert (conditions(status)["Deployed"], message(status, "Deployed")) == ("Unknown", "waiting for db")
    assert not is_failed(status) and status.applied_deployment_id == "id:1"
    assert set(conditions(observed(status, "id:2", Observation("web/r:2"), NOW)).values()) == {"True"}


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        (EMPTY, State.WaitApplied),
        (failed(EMPTY, "id:1", Invalid("no such class"), NOW), State.ErrApplied),
        (failed(EMPTY, "id:1", Invalid(RECORDED[0]), NOW), State.NotReady),
        (seen(), State.Ready),
        (seen(modified=(modified("a"),)), State.Modified),
        (seen(modified=(modified("a"),), non_ready=(late("b"),)), State.NotReady),
    ],
)
def test_a_status_makes_the_state_of_its_deployment(status, wanted):
    found = deployment_state(
        desired="id:1",
        staged="id:1",
        applied=status.applied_deployment_id,
        deployed_failed=is_failed(status),
        ready=status.ready,
        non_modified=status.non_modified,
    )
    assert found is wanted
