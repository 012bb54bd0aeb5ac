"""States, their ranking and the sentences made of them (fleet-semantics.md 1.5)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extension.objects import states
from extension.objects.base import Condition
from extension.objects.states import State
from extension.objects.status import BundleSummary, FieldChange, ModifiedStatus, NonReadyResource, NonReadyStatus, ResourceSummary

FACTS: dict[str, Any] = {"desired": "v1", "staged": "v1", "applied": "v1", "deployed_failed": False, "ready": True, "non_modified": True}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param({}, State.Ready, id="all is well"),
        pytest.param({"applied": ""}, State.WaitApplied, id="not applied yet"),
        pytest.param({"applied": "", "deployed_failed": True}, State.ErrApplied, id="could not be applied"),
        pytest.param({"applied": "", "ready": False, "staged": "v2", "non_modified": False}, State.WaitApplied, id="that comes first"),
        pytest.param({"deployed_failed": True}, State.Ready, id="an old failure does not count once applied"),
        pytest.param({"ready": False}, State.NotReady, id="not ready"),
        pytest.param({"ready": False, "staged": "v2", "non_modified": False}, State.NotReady, id="before what is staged"),
        pytest.param({"staged": "v2"}, State.OutOfSync, id="something else is staged"),
        pytest.param({"staged": "v2", "non_modified": False}, State.OutOfSync, id="before what is modified"),
        pytest.param({"non_modified": False}, State.Modified, id="modified"),
    ],
)
def test_the_first_rule_that_matches_gives_the_state(facts: dict[str, Any], expected: State) -> None:
    assert states.deployment_state(**{**FACTS, **facts}) is expected


def test_states_rank_as_in_fleet() -> None:
    assert [state.name for state in sorted(State, reverse=True)] == [
        *("ErrApplied", "WaitApplied", "Modified", "OutOfSync", "Pending", "NotReady", "Ready")
    ]


@pytest.mark.parametrize(
    ("conditions", "applied", "expected"),
    [
        pytest.param({"Deployed": "d", "Installed": "i", "Monitored": "m"}, True, "d", id="deployed first"),
        pytest.param({"Installed": "i", "Monitored": "m"}, True, "i", id="then installed"),
        pytest.param({"Installed": "i", "Monitored": "m"}, False, "m", id="installed only once applied"),
        pytest.param({"Ready": "r"}, True, "", id="no other"),
    ],
)
def test_the_message_of_a_deployment(conditions: dict[str, str], applied: bool, expected: str) -> None:
    given_ = [Condition(type=type_, message=message) for type_, message in conditions.items()]
    assert states.deployment_message(given_, applied) == expected


def _resource(name: str, state: str, message: str = "", **more: Any) -> NonReadyResource:
    return NonReadyResource(name=name, bundle_state=state, message=message, **more)


def _modified(count: int) -> tuple[ModifiedStatus, ...]:
    return tuple(ModifiedStatus(kind="Service", api_version="v1", namespace="n", name=f"s{i}", patch="{}") for i in range(count))


def _non_ready(count: int) -> tuple[NonReadyStatus, ...]:
    summary = ResourceSummary(state="in-progress")
    return tuple(NonReadyStatus(kind="Pod", api_version="v1", name=f"p{i}", summary=summary) for i in range(count))


@pytest.mark.parametrize(
    ("summary", "expected"),
    [
        pytest.param(BundleSummary(ready=3), "", id="ready"),
        pytest.param(BundleSummary(not_ready=2), "", id="no resource is named"),
        pytest.param(
            BundleSummary(not_ready=2, non_ready_resources=(_resource("a", "NotReady", "slow"), _resource("b", "NotReady"))),
            "NotReady(2) [Cluster a: slow]",
            id="the first of its state, with the count of all",
        ),
        pytest.param(
            BundleSummary(
                wait_applied=1, err_applied=1, non_ready_resources=(_resource("a", "WaitApplied"), _resource("b", "ErrApplied", "no"))
            ),
            "ErrApplied(1) [Cluster b: no]; WaitApplied(1) [Cluster a]",
            id="sorted by their text",
        ),
        pytest.param(
            BundleSummary(modified=1, non_ready_resources=(_resource("a", "Modified", "", modified_status=_modified(6)),)),
            "Modified(1) [Cluster a]; service.v1 n/s0 modified {}; service.v1 n/s1 modified {}; service.v1 n/s2 modified {}; "
            "service.v1 n/s3 modified {}",
            id="four modified objects at most",
        ),
        pytest.param(
            BundleSummary(not_ready=1, non_ready_resources=(_resource("a", "NotReady", "", non_ready_status=_non_ready(5)),)),
            "NotReady(1) [Cluster a]; pod.v1 p0 in-progress; pod.v1 p1 in-progress; pod.v1 p2 in-progress; pod.v1 p3 in-progress",
            id="four objects that are not ready",
        ),
        pytest.param(BundleSummary(pending=1, non_ready_resources=(_resource("a", "NotReady"),)), "", id="another state is not taken"),
    ],
)
def test_the_ready_message(summary: BundleSummary, expected: str) -> None:
    assert states.ready_message(summary, "Cluster") == expected
    assert states.ready_condition(summary, "Cluster", "now").status == ("False" if expected else "True")


SCALED = FieldChange("/spec/replicas", "2", "5", "kubectl-edit", "2026-11-29T12:00:00Z")
KEY = FieldChange("/data/key", '"one"')
WORDS = [
    ("changed", SCALED, "spec.replicas is 5, deployed 2, changed by kubectl-edit"),
    ("gone", KEY, 'data.key is gone, deployed "one"'),
    ("added", FieldChange("/data/key", "", "1"), "data.key is 1, not deployed"),
    ("in a list", FieldChange("/spec/ports/0/port", "1", "2"), "spec.ports[0].port is 2, deployed 1"),
    ("an odd name", FieldChange("/metadata/labels/a.io~1b~0", "1", "2"), "metadata.labels[a.io/b~] is 2, deployed 1"),
]


@pytest.mark.parametrize(("change", "expected"), [row[1:] for row in WORDS], ids=[row[0] for row in WORDS])
def test_a_change_in_words(change: FieldChange, expected: str) -> None:
    assert states.change_text(change) == expected


CHANGES = [
    ("two", (SCALED, KEY), 0, f"{WORDS[0][2]} and {WORDS[1][2]}"),
    ("more than are told", (KEY,) * 5, 7, f"{' and '.join([WORDS[1][2]] * 3)} and 9 more"),
    ("none", (), 0, ""),
]


@pytest.mark.parametrize(("changes", "more", "expected"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES])
def test_changes_in_a_sentence(changes: tuple[FieldChange, ...], more: int, expected: str) -> None:
    assert states.changes_text(ModifiedStatus(changes=changes, more_changes=more)) == expected
    stopped = states.changes_text(ModifiedStatus(changes=changes, more_changes=more, repairs=5))
    assert stopped == f"{expected} (correction stopped after 5 repairs)".strip()


def test_a_modified_object_in_lines_has_every_change_with_its_time() -> None:
    status = ModifiedStatus(kind="Deployment", api_version="apps/v1", name="x", changes=(SCALED, KEY, KEY, KEY), more_changes=2)
    assert list(states.modified_lines(status)) == [
        "deployment.apps x modified:",
        f"  {WORDS[0][2]} at 2026-11-29T12:00:00Z",
        *[f"  {WORDS[1][2]}"] * 3,
        "  and 2 more",
    ]
    taken = ModifiedStatus(kind="Secret", api_version="v1", name="x", missing=True, exist=True, changes=(KEY,))
    assert list(states.modified_lines(taken)) == ["secret.v1 x is not owned by us:", f"  {WORDS[1][2]}"]
    stopped = ModifiedStatus(kind="Secret", api_version="v1", name="x", changes=(KEY,), repairs=5)
    assert list(states.modified_lines(stopped))[-1] == f"  correction stopped after 5 repairs: {states.STOPPED_HINT}"
    assert list(states.modified_lines(ModifiedStatus(kind="Secret", api_version="v1", name="x", missing=True))) == ["secret.v1 x missing"]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"missing": True}, "deployment.apps n/x missing"),
        ({"missing": True, "exist": True}, "deployment.apps n/x is not owned by us"),
        ({"delete": True}, "deployment.apps n/x extra"),
        ({"patch": '{"a":1}'}, 'deployment.apps n/x modified {"a":1}'),
        ({"patch": "{}", "changes": (SCALED,)}, "deployment.apps n/x modified: spec.replicas is 5, deployed 2, changed by kubectl-edit"),
        (
            {"missing": True, "exist": True, "changes": (FieldChange("/metadata/labels/a", "1", "2"),)},
            "deployment.apps n/x is not owned by us: metadata.labels.a is 2, deployed 1",
        ),
        ({"missing": True, "repairs": 5}, "deployment.apps n/x missing (correction stopped after 5 repairs)"),
    ],
)
def test_a_modified_object_in_words(status: dict[str, Any], expected: str) -> None:
    assert states.modified_text(ModifiedStatus(kind="Deployment", api_version="apps/v1", namespace="n", name="x", **status)) == expected


@pytest.mark.parametrize(
    ("summary", "expected"),
    [
        ({"state": "in-progress"}, "configmap.v1 x in-progress"),
        ({"transitioning": True, "message": ("a", "b")}, "configmap.v1 x [progressing] a, b"),
        ({"error": True}, "configmap.v1 x [error]"),
        ({"error": True, "transitioning": True, "message": ("a",)}, "configmap.v1 x [progressing,error] a"),
    ],
)
def test_an_object_that_is_not_ready_in_words(summary: dict[str, Any], expected: str) -> None:
    assert (
        states.non_ready_text(NonReadyStatus(kind="ConfigMap", api_version="v1", name="x", summary=ResourceSummary(**summary))) == expected
    )


STATES = st.lists(st.sampled_from(list(State)), max_size=30)


def _counted(found: list[State]) -> BundleSummary:
    counts = {state: found.count(state) for state in State}
    return states.summarise(counts, (_resource(f"c{n}", state.name) for n, state in enumerate(found) if state is not State.Ready))


@given(STATES)
def test_a_summary_counts_all_and_names_ten(found: list[State]) -> None:
    summary = _counted(found)
    assert summary.desired_ready == len(found)
    assert summary.ready == found.count(State.Ready)
    assert states.counts_of(summary) == {state: found.count(state) for state in State if state in found}
    assert len(summary.non_ready_resources) == min(10, len(found) - summary.ready)


@given(STATES, STATES)
def test_two_summaries_add_up_and_the_second_list_is_taken_whole_or_not_at_all(one: list[State], other: list[State]) -> None:
    left, right = _counted(one), _counted(other)
    both = states.add(left, right)
    assert states.counts_of(both) == states.counts_of(_counted(one + other))
    taken = len(left.non_ready_resources) < 10
    assert both.non_ready_resources == left.non_ready_resources + (right.non_ready_resources if taken else ())


@given(STATES)
def test_the_state_shown_is_the_worst_of_those_that_are_named(found: list[State]) -> None:
    named = [state for state in found if state is not State.Ready][:10]
    assert states.display_state(_counted(found)) == (max(named).name if named else "")


def test_a_condition_keeps_its_times_until_it_changes() -> None:
    first = states.condition("Ready", "False", "t1", (), message="a")
    assert states.condition("Ready", "False", "t2", (first,), message="a") is first
    worded = states.condition("Ready", "False", "t3", (first,), message="b")
    assert (worded.last_update_time, worded.last_transition_time) == ("t3", "t1")
    turned = states.condition("Ready", "True", "t4", (worded,))
    assert (turned.last_update_time, turned.last_transition_time) == ("t4", "t4")


def test_conditions_are_replaced_in_place() -> None:
    old = tuple(Condition(type=type_) for type_ in ("A", "B"))
    new = (Condition(type="B", status="True"), Condition(type="C"))
    assert [(c.type, c.status) for c in states.with_conditions(old, *new)] == [("A", "Unknown"), ("B", "True"), ("C", "Unknown")]
    assert [c.type for c in states.without_condition(old, "A")] == ["B"]
