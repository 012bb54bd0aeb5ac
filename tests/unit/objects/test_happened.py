"""What is told of a change, and what is not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from extension.objects.base import Condition, Key, ObjectMeta
from extension.objects.happened import (
    COMMIT,
    CUT,
    LONGEST,
    RECORDED,
    Happening,
    happened,
    of_deployment,
    readiness,
    troubles,
    turn,
)
from extension.objects.kinds import (
    Bundle,
    BundleDeployment,
    BundleDeploymentStatus,
    BundleSpec,
    BundleStatus,
    Cluster,
    ClusterGroup,
    ClusterSpec,
    ClusterStatus,
    FleetWorkspace,
    GitRepo,
    GitRepoSpec,
    GitRepoStatus,
    HelmOp,
    HelmOpSpec,
    HelmOpStatus,
    Secret,
)
from extension.objects.options import HelmOptions
from extension.objects.states import State


def said(type_: str, status: str, message: str = "", reason: str = "") -> Condition:
    return Condition(type=type_, status=status, message=message, reason=reason)


def conditions(*found: Condition) -> dict[str, Any]:
    return {"conditions": found}


def refused(message: str) -> dict[str, Any]:
    return conditions(said("Ready", "False", message, "TargetingError"))


LABELLED = (ObjectMeta(labels={"env": "dev", "tier": "one"}), ObjectMeta(labels={"env": "prod", "zone": "a"}))
HELM = (HelmOptions(version="1", values={"password": "a"}), HelmOptions(version="2", values={"password": "b"}))
A, B = "a" * 40, "b" * 40
NORMAL, WARNING = "Normal", "Warning"

CHANGES: list[tuple[str, Any, Any, list[tuple[str, str, str]]]] = [
    ("nothing", GitRepo(spec=GitRepoSpec(repo="x")), GitRepo(spec=GitRepoSpec(repo="x")), []),
    (
        "fields of a spec, not what they hold",
        GitRepo(spec=GitRepoSpec(repo="a", client_secret_name="one")),
        GitRepo(spec=GitRepoSpec(repo="b", client_secret_name="two", paths=("x",))),
        [(NORMAL, "Changed", "repo, clientSecretName, paths")],
    ),
    (
        "fields within fields, and not Helm's values",
        HelmOp(spec=HelmOpSpec(helm=HELM[0])),
        HelmOp(spec=HelmOpSpec(helm=HELM[1])),
        [(NORMAL, "Changed", "helm.version, helm.values")],
    ),
    ("a field that was not there", HelmOp(), HelmOp(spec=HelmOpSpec(helm=HELM[1])), [(NORMAL, "Changed", "helm")]),
    ("a pause", GitRepo(), GitRepo(spec=GitRepoSpec(paused=True)), [(NORMAL, "Paused", "")]),
    ("the end of a pause", Cluster(spec=ClusterSpec(paused=True)), Cluster(), [(NORMAL, "Unpaused", "")]),
    ("a forced update", HelmOp(), HelmOp(spec=HelmOpSpec(force_sync_generation=2)), [(NORMAL, "ForceUpdated", "")]),
    (
        "a forced update of an agent",
        Cluster(),
        Cluster(spec=ClusterSpec(redeploy_agent_generation=1)),
        [(NORMAL, "ForceUpdated", "the agent")],
    ),
    (
        "a new commit",
        GitRepo(status=GitRepoStatus(polling_commit=A)),
        GitRepo(status=GitRepoStatus(polling_commit=B)),
        [(NORMAL, "GotNewCommit", B)],
    ),
    ("a new version", HelmOp(), HelmOp(status=HelmOpStatus(version="1.2.3")), [(NORMAL, "GotNewChartVersion", "1.2.3")]),
    (
        "other resources of a Bundle",
        Bundle(metadata=ObjectMeta(labels={COMMIT: A}), status=BundleStatus(resources_sha256_sum="1")),
        Bundle(metadata=ObjectMeta(labels={COMMIT: B}), status=BundleStatus(resources_sha256_sum="2")),
        [(NORMAL, "Changed", f"resources, by commit {B}")],
    ),
    (
        "other resources of a Bundle made by hand",
        Bundle(status=BundleStatus(resources_sha256_sum="1")),
        Bundle(status=BundleStatus(resources_sha256_sum="2")),
        [(NORMAL, "Changed", "resources")],
    ),
    (
        "a commit that changes no resource",
        Bundle(metadata=ObjectMeta(labels={COMMIT: A})),
        Bundle(metadata=ObjectMeta(labels={COMMIT: B})),
        [],
    ),
    (
        "labels of a cluster",
        Cluster(metadata=LABELLED[0]),
        Cluster(metadata=LABELLED[1]),
        [(NORMAL, "LabelsChanged", "env=prod, zone=a, without tier")],
    ),
    ("labels of a group", ClusterGroup(metadata=LABELLED[0]), ClusterGroup(metadata=LABELLED[1]), []),
    ("annotations", GitRepo(), GitRepo(metadata=ObjectMeta(annotations={"a": "b"}, finalizers=("x",))), []),
    ("a deletion", Bundle(), Bundle(metadata=ObjectMeta(deletion_timestamp="2026-01-01T00:00:00Z")), [(NORMAL, "Deleting", "")]),
    (
        "a server that is not there",
        GitRepo(status=GitRepoStatus(**conditions(said("GitPolling", "True")))),
        GitRepo(status=GitRepoStatus(**conditions(said("GitPolling", "False", "no route"), said("Stalled", "True", "no route")))),
        [(WARNING, "FailedToCheckCommit", "no route")],
    ),
    (
        "another error of the same condition",
        GitRepo(status=GitRepoStatus(**conditions(said("Accepted", "False", "a")))),
        GitRepo(status=GitRepoStatus(**conditions(said("Accepted", "False", "b")))),
        [(WARNING, "Stalled", "b")],
    ),
    (
        "the same message of two conditions",
        HelmOp(),
        HelmOp(status=HelmOpStatus(**conditions(said("Accepted", "False", "no"), said("Ready", "False", "no", "Stalled")))),
        [(WARNING, "Stalled", "no")],
    ),
    (
        "a version that can't be found",
        HelmOp(),
        HelmOp(status=HelmOpStatus(**conditions(said("Polled", "False", "no index")))),
        [(WARNING, "FailedToGetNewChartVersion", "no index")],
    ),
    (
        "the end of an error",
        HelmOp(status=HelmOpStatus(**conditions(said("Polled", "False", "no index")))),
        HelmOp(status=HelmOpStatus(**conditions(said("Polled", "True")))),
        [(NORMAL, "Resolved", "Polled")],
    ),
    (
        "the end of one error of two",
        GitRepo(status=GitRepoStatus(**conditions(said("GitPolling", "False", "a"), said("Accepted", "False", "b")))),
        GitRepo(status=GitRepoStatus(**conditions(said("GitPolling", "True"), said("Accepted", "False", "b")))),
        [],
    ),
    ("a Bundle that is refused", Bundle(), Bundle(status=BundleStatus(**refused("no value"))), [(WARNING, "TargetingError", "no value")]),
    ("a Ready that was counted", Bundle(), Bundle(status=BundleStatus(**conditions(said("Ready", "False", "WaitApplied(1)")))), []),
    (
        "a Bundle for nobody",
        Bundle(),
        Bundle(status=BundleStatus(**conditions(said("Targeted", "False", "no cluster", "NoClusters")))),
        [(WARNING, "NoClusters", "no cluster")],
    ),
    (
        "a cluster that can't be reached",
        Cluster(status=ClusterStatus(**conditions(said("Imported", "True")))),
        Cluster(status=ClusterStatus(**conditions(said("Imported", "False", "no route")))),
        [(WARNING, "FailedToImport", "no route")],
    ),
    ("counters and times", GitRepo(), GitRepo(status=GitRepoStatus(ready_clusters=3, last_polling_triggered="2026-01-01T00:00:00Z")), []),
    ("an object of a kind that is not recorded", Secret(data={"a": b"1"}), Secret(data={"a": b"2"}), []),
]


@pytest.mark.parametrize(("before", "after", "expected"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES])
def test_what_is_told_of_a_change(before: Any, after: Any, expected: list[tuple[str, str, str]]) -> None:
    assert [(told.type, told.reason, told.message) for told in happened(before, after)] == expected


@pytest.mark.parametrize("cls", RECORDED)
def test_what_is_made_is_told_of_once(cls: Any) -> None:
    assert happened(None, cls()) == (Happening("Normal", "Created"),)
    assert happened(cls(), cls()) == ()
    assert happened(None, FleetWorkspace()) == ()


def test_what_a_gitrepo_is_told_of_its_bundle_names_the_bundle() -> None:
    told = troubles(Bundle(), Bundle(status=BundleStatus(**refused("no value"))), "bundle web: ")
    assert told == (Happening("Warning", "TargetingError", "bundle web: no value"),)


def test_a_message_is_as_long_as_kubernetes_lets_it_be() -> None:
    long = "x" * (LONGEST + 1)
    (told,) = happened(Bundle(), Bundle(status=BundleStatus(**refused(long))))
    assert len(told.message) == LONGEST and told.message.endswith(f"x{CUT}")
    (told,) = happened(Bundle(), Bundle(status=BundleStatus(**refused(long[:LONGEST]))))
    assert told.message == long[:LONGEST]


TEXTS = st.text(alphabet="qjxzk", min_size=6, max_size=9)
"""Letters that no field's name has six of."""


@given(TEXTS, TEXTS, TEXTS)
def test_no_value_of_a_spec_is_ever_told(old: str, new: str, key: str) -> None:
    before = HelmOp(spec=HelmOpSpec(helm=HelmOptions(values={key: old}, repo=old), helm_secret_name=old, default_namespace=old))
    after = HelmOp(spec=HelmOpSpec(helm=HelmOptions(values={key: new}, repo=new), helm_secret_name=new, default_namespace=new))
    told = [one.message for one in happened(before, after)]
    assert len(told) == (old != new)
    assert not [message for message in told if old in message or new in message or key in message]
    bundles = [Bundle(spec=BundleSpec(default_namespace=one, helm=HelmOptions(values={key: one}))) for one in (old, new)]
    assert [one.message for one in happened(*bundles)] == ["defaultNamespace, helm.values"] * (old != new)


FIELDS = st.builds(
    GitRepoSpec, repo=TEXTS, branch=st.sampled_from(["", "main"]), paused=st.booleans(), force_sync_generation=st.integers(0, 3)
)


@given(FIELDS, FIELDS)
def test_there_is_something_to_tell_exactly_when_a_spec_changed(old: GitRepoSpec, new: GitRepoSpec) -> None:
    told = happened(GitRepo(spec=old), GitRepo(spec=new))
    # A generation of 0 is what a spec without one has: nobody asked for an update by it.
    counted_down = old.force_sync_generation and not new.force_sync_generation
    assert bool(told) == (old != (replace(new, force_sync_generation=old.force_sync_generation) if counted_down else new))
    assert happened(GitRepo(spec=new), GitRepo(spec=new)) == ()


READINESS = [
    ("nothing is deployed", set(), None),
    ("all are ready", {State.Ready}, State.Ready),
    ("some are still to come", {State.Ready, State.WaitApplied, State.OutOfSync}, State.NotReady),
    ("some are not ready", {State.NotReady}, State.NotReady),
    ("somebody changed one", {State.Ready, State.Modified, State.WaitApplied}, State.Modified),
    ("one failed, one is changed", {State.ErrApplied, State.Modified}, State.ErrApplied),
]


@pytest.mark.parametrize(("states", "expected"), [row[1:] for row in READINESS], ids=[row[0] for row in READINESS])
def test_what_all_states_come_to(states: set[State], expected: State | None) -> None:
    assert readiness(states) is expected


TURNS = [
    (None, State.NotReady, None),
    (None, State.ErrApplied, ("Warning", "ErrApplied", "m")),
    (State.Ready, State.Ready, None),
    (State.Ready, None, None),
    (State.Ready, State.NotReady, ("Normal", "NotReady", "m")),
    (State.NotReady, State.Ready, ("Normal", "Ready", "")),
    (State.NotReady, State.Modified, ("Warning", "Modified", "m")),
    (State.ErrApplied, State.NotReady, None),
    (State.ErrApplied, State.Ready, ("Normal", "Ready", "")),
]


@pytest.mark.parametrize(("before", "after", "expected"), TURNS, ids=[f"{a and a.name} to {b and b.name}" for a, b, _ in TURNS])
def test_what_is_told_of_a_turn(before: State | None, after: State | None, expected: tuple[str, str, str] | None) -> None:
    told = turn(before, after, lambda: "m")
    assert (told and (told.type, told.reason, told.message)) == expected


@given(st.sampled_from([None, *State]), st.sampled_from([None, *State]))
def test_a_message_is_made_only_where_it_is_told(before: State | None, after: State | None) -> None:
    made = []
    told = turn(readiness({before} if before else ()), readiness({after} if after else ()), lambda: made.append(1) or "m")
    assert bool(made) == bool(told is not None and told.message)


def test_a_deployment_tells_by_its_conditions_what_happened_to_it() -> None:
    since = {"last_transition_time": "2026-01-01T00:00:00Z", "last_update_time": "2026-02-02T00:00:00Z"}
    deployed = Condition(type="Deployed", status="True", **since)
    late = Condition(type="Ready", status="False", message="pod is not there", last_update_time="2026-03-03T00:00:00Z")
    unsaid = Condition(type="Installed", status="True", **since)
    timeless = Condition(type="Monitored", status="False", message="changed")
    status = BundleDeploymentStatus(conditions=(deployed, late, unsaid, timeless))
    deployment = BundleDeployment(metadata=ObjectMeta(name="web", namespace="cluster-ns", uid="u"), status=status)
    told = list(of_deployment(deployment, Key("Bundle", "team-a", "web")))
    assert [(one.type, one.reason, one.message, one.last_timestamp) for one in told] == [
        ("Warning", "NotReady", "Bundle team-a/web: pod is not there", "2026-03-03T00:00:00Z"),
        ("Normal", "Deployed", "Bundle team-a/web", "2026-01-01T00:00:00Z"),
    ]
    assert len({one.id for one in told}) == 2
    assert {one.involved_object.kind for one in told} == {"BundleDeployment"}
