"""What the conditions of an object mean, by Fleet's tables, and in which words."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from extension.delivery.readiness import compute

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
READY, LATE, ERROR = (False, False), (False, True), (True, False)

ACHIEVED = {
    "Active": "activating", "AddonDeploy": "provisioning", "AgentDeployed": "provisioning", "BackingNamespaceCreated": "configuring",
    "Built": "building", "CertsGenerated": "provisioning", "ConfigOK": "configuring", "Created": "creating",
    "CreatorMadeOwner": "configuring", "DefaultNamespaceAssigned": "configuring", "DefaultNetworkPolicyCreated": "configuring",
    "DefaultProjectCreated": "configuring", "DockerProvisioned": "provisioning", "Deployed": "deploying", "Drained": "draining",
    "Downloaded": "downloading", "etcd": "provisioning", "Inactive": "deactivating", "Initialized": "initializing",
    "Installed": "installing", "NodesCreated": "provisioning", "Pending": "pending", "PodScheduled": "scheduling",
    "Provisioned": "provisioning", "Reconciled": "reconciling", "Refreshed": "refreshed", "Registered": "registering",
    "Removed": "removing", "Saved": "saving", "Updated": "updating", "Updating": "updating", "Upgraded": "upgrading",
    "Waiting": "waiting", "InitialRolesPopulated": "activating", "ScalingActive": "pending", "AbleToScale": "pending",
    "RunCompleted": "running", "Processed": "processed",
}  # fmt: skip
BECOMING = {
    "Completed": "activating", "Ready": "unavailable", "Available": "updating", "BootstrapReady": "why", "InfrastructureReady": "why",
    "NodeHealthy": "why",
}  # fmt: skip


def cond(type_, status="True", **more):
    return {"type": type_, "status": status, **more}


def summary(*conditions, kind="example.org/v1 Widget", **status):
    api_version, _, name = kind.rpartition(" ")
    one = {"apiVersion": api_version or "v1", "kind": name, "metadata": {"name": "x"}}
    return compute({**one, "status": {"conditions": list(conditions), **status}}, NOW)


def marks(found):
    return found.error, found.transitioning


@pytest.mark.parametrize(("type_", "state"), ACHIEVED.items(), ids=list(ACHIEVED))
def test_what_is_not_achieved_is_an_error_and_unknown_is_on_its_way(type_, state):
    assert marks(summary(cond(type_))) == READY
    for status, wanted in (("False", ERROR), ("Unknown", LATE)):
        found = summary(cond(type_, status, message="because"))
        assert (marks(found), found.state, found.message) == (wanted, state, ("because",))


@pytest.mark.parametrize(("type_", "state"), BECOMING.items(), ids=list(BECOMING))
def test_what_has_not_become_so_is_on_its_way_and_unknown_is_an_error(type_, state):
    assert marks(summary(cond(type_, reason="why"))) == READY
    found = summary(cond(type_, "False", reason="why", message="because"))
    assert (marks(found), found.state, found.message) == (LATE, state, ("because",))
    for message in ("because", ""):
        found = summary(cond(type_, "Unknown", reason="why", message=message))
        assert (found.error, found.state, found.message) == (True, state, ("because" if message else "why",))


TABLES = [
    ("nothing said", [], READY, "active", ()),
    ("ready", [cond("Ready")], READY, "active", ()),
    ("reconciling", [cond("Reconciling", message="soon"), cond("Ready")], LATE, "reconciling", ("soon",)),
    ("reconciled", [cond("Reconciling", "False"), cond("Ready")], READY, "active", ()),
    ("stalled", [cond("Stalled", message="no such chart")], ERROR, "error", ("no such chart",)),
    ("not stalled", [cond("Stalled", "False"), cond("Ready")], READY, "active", ()),
    ("failed", [cond("Failed", message="no")], ERROR, "error", ("no",)),
    ("not failed", [cond("Failed", "False")], READY, "active", ()),
    ("an error as reason", [cond("Synced", "False", reason="Error", message="no")], ERROR, "error", ("no",)),
    ("an error as reason whatever it says", [cond("Synced", reason="Error", message="no")], ERROR, "error", ("no",)),
    ("an error without a message", [cond("Failed", reason="Broken")], ERROR, "error", ("Broken",)),
    ("nothing known", [cond("Frobnicated", "False"), cond("Other", "Unknown")], READY, "active", ()),
    ("every error is told", [cond("Built", "False", message="a"), cond("Saved", "False", message="b")], ERROR, "saving", ("a", "b")),
    ("the same words are told once", [cond("Built", "False", message="a"), cond("Saved", "False", message=" a ")], ERROR, "saving", ("a",)),
    ("and once within a message", [cond("Ready", "False", message="a; b; a")], LATE, "unavailable", ("a; b",)),
    (
        "an error hides what is only on its way",
        [cond("Installed", "Unknown", message="soon"), cond("Built", "False", message="no"), cond("Saved", "Unknown", message="later")],
        (True, True),
        "building",
        ("soon", "no"),
    ),
    (
        "readiness is told last",
        [cond("Ready", "False", message="late"), cond("Available", "False", message="few")],
        LATE,
        "updating",
        ("few", "late"),
    ),
]


@pytest.mark.parametrize(("conditions", "flags", "state", "words"), [row[1:] for row in TABLES], ids=[row[0] for row in TABLES])
def test_a_kind_nobody_knows_is_judged_by_its_conditions(conditions, flags, state, words):
    found = summary(*conditions)
    assert (marks(found), found.state, found.message) == (flags, state, words)


@pytest.mark.parametrize(
    ("kind", "type_", "wanted"),
    [
        ("helm.cattle.io/v1 HelmChart", "Failed", True),
        ("helm.cattle.io/v1 HelmChart", "JobFailed", False),
        ("Node", "OutOfDisk", True),
        ("Node", "NetworkUnavailable", True),
        ("Node", "Failed", False),
        ("example.org/v1 Node", "OutOfDisk", False),
        ("apps/v1 ReplicaSet", "ReplicaFailure", True),
        ("example.org/v1 Widget", "ReplicaFailure", False),
    ],
)
def test_a_kind_with_errors_of_its_own_has_no_others(kind, type_, wanted):
    assert summary(cond(type_), kind=kind).error is wanted


@pytest.mark.parametrize(
    ("conditions", "wanted"),
    [
        ([cond("ScalingActive"), cond("AbleToScale")], READY),
        ([cond("ScalingActive", "False", message="no metrics"), cond("AbleToScale")], ERROR),
        ([cond("ScalingActive", "Unknown")], LATE),
        ([cond("ScalingLimited", "False")], READY),
    ],
)
def test_an_autoscaler_that_can_not_scale_is_an_error(conditions, wanted):
    assert marks(summary(*conditions, kind="autoscaling/v2 HorizontalPodAutoscaler")) == wanted


@pytest.mark.parametrize(
    ("phase", "conditions", "wanted"),
    [
        ("Succeeded", [cond("Installed", "Unknown")], READY),
        ("Bound", [cond("Available", "False")], READY),
        ("Succeeded", [cond("Installed", "False")], ERROR),
        ("Pending", [], READY),
        ("Running", [cond("Installed", "Unknown")], LATE),
    ],
)
def test_a_phase_that_ends_all_ends_waiting_and_no_error(phase, conditions, wanted):
    assert marks(summary(*conditions, phase=phase)) == wanted


@pytest.mark.parametrize("field", ["display", "summary"])
@pytest.mark.parametrize(
    ("shown", "flags", "state"),
    [
        ({"state": "Ready"}, READY, "active"),
        ({"state": "NotReady", "error": True, "message": "no"}, ERROR, "notready"),
        ({"state": "WaitApplied", "transitioning": True, "message": "no"}, LATE, "waitapplied"),
        ({"transitioning": "true", "message": "no"}, LATE, "in-progress"),
        ({"ready": 1, "desiredReady": 2}, READY, "active"),
    ],
)
def test_a_state_that_an_object_shows_itself_counts(field, shown, flags, state):
    found = summary(**{field: shown})
    assert (marks(found), found.state, found.message) == (flags, state, ("no",) if "message" in shown else ())


def test_what_is_displayed_comes_before_a_summary():
    assert marks(summary(display={"state": "x"}, summary={"error": True})) == READY
