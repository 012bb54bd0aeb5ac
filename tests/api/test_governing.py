"""Schedules, GitRepoRestrictions and Policies: what is refused, and what is shown of them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from extension.objects.base import Condition
from extension.objects.kinds import Schedule
from tests.api.conftest import Session

SCHEDULES = "fleet.cattle.io.schedules"
RESTRICTIONS = "fleet.cattle.io.gitreporestrictions"
POLICIES = "fleet.cattle.io.policies"
NIGHTS = {"schedule": "0 0 22 * * *", "duration": "2h"}
NEAR = {"matchExpressions": [{"key": "env", "operator": "Near"}]}


@pytest.mark.parametrize(
    ("plural", "body", "field"),
    [
        pytest.param(SCHEDULES, {"spec": {**NIGHTS, "schedule": "0 22 * * *"}}, "spec.schedule", id="five fields"),
        pytest.param(SCHEDULES, {"spec": {**NIGHTS, "schedule": "0 0 25 * * *"}}, "spec.schedule", id="an hour that is none"),
        pytest.param(SCHEDULES, {"spec": {"duration": "2h"}}, "spec.schedule", id="no expression"),
        pytest.param(SCHEDULES, {"spec": {**NIGHTS, "duration": ""}}, "spec.duration", id="no duration"),
        pytest.param(SCHEDULES, {"spec": {**NIGHTS, "duration": "0"}}, "spec.duration", id="nothing of a window"),
        pytest.param(SCHEDULES, {"spec": {**NIGHTS, "duration": "2 hours"}}, "spec.duration", id="a duration that is none"),
        pytest.param(SCHEDULES, {"spec": {**NIGHTS, "duration": "24h"}}, "spec.duration", id="windows that overlap"),
        pytest.param(SCHEDULES, {"spec": {**NIGHTS, "location": "Atlantis"}}, "spec.location", id="a place that is none"),
        pytest.param(
            SCHEDULES,
            {"spec": {**NIGHTS, "targets": {"clusters": [{"clusterSelector": NEAR}]}}},
            "spec.targets.clusters[0].clusterSelector.matchExpressions.operator",
            id="a selector of clusters",
        ),
        pytest.param(RESTRICTIONS, {"allowedRepoPatterns": ["a", "("]}, "allowedRepoPatterns[1]", id="a restriction's pattern"),
        pytest.param(RESTRICTIONS, {"allowedRepoPatterns": ["(?=a)"]}, "allowedRepoPatterns[0]", id="what Go does not know"),
        pytest.param(
            RESTRICTIONS,
            {"allowedTargetNamespaceSelector": NEAR},
            "allowedTargetNamespaceSelector.matchExpressions.operator",
            id="a selector of namespaces",
        ),
        pytest.param(RESTRICTIONS, {"allowedRepoPatterns": "a"}, "allowedRepoPatterns", id="a text for a list"),
        pytest.param(POLICIES, {"gitRepo": {"allowedRepoPatterns": ["["]}}, "gitRepo.allowedRepoPatterns[0]", id="a policy's pattern"),
        pytest.param(POLICIES, {"helmOp": {"allowedHelmRepoPatterns": ["+"]}}, "helmOp.allowedHelmRepoPatterns[0]", id="of repositories"),
        pytest.param(POLICIES, {"helmOp": {"allowedChartPatterns": ["*"]}}, "helmOp.allowedChartPatterns[0]", id="of charts"),
        pytest.param(POLICIES, {"spec": {"requireServiceAccount": True}}, "spec", id="a spec, which a policy has not"),
    ],
)
def test_what_can_not_be_obeyed_is_refused_by_field(admin: Session, plural: str, body: dict[str, Any], field: str) -> None:
    refused = admin.post(f"/v1/{plural}", json={"metadata": {"name": "x", "namespace": "team-a"}, **body})
    assert (refused.status_code, refused.json["fieldName"]) == (422, field)
    assert refused.json["message"].startswith(field.partition(".matchExpressions")[0])


def test_a_schedule_that_is_stored_is_not_judged_by_the_day_again(admin: Session, store: Any) -> None:
    admin.post(f"/v1/{SCHEDULES}", json={"metadata": {"name": "x", "namespace": "team-a"}, "spec": NIGHTS})
    stored = store.get(Schedule, "team-a", "x")
    store.update(msgspec.structs.replace(stored, spec=msgspec.structs.replace(stored.spec, duration="48h")))
    url = f"/v1/{SCHEDULES}/team-a/x"
    assert admin.patch(url, json={"metadata": {"labels": {"a": "b"}}}).status_code == 200
    assert admin.patch(url, json={"spec": {"duration": "47h"}}).status_code == 422


@pytest.mark.parametrize(
    ("status", "message", "state"),
    [("True", "", ("active", False)), ("False", "the windows overlap", ("error", True))],
)
def test_a_schedule_that_can_not_be_used_is_an_error(
    admin: Session, store: Any, status: str, message: str, state: tuple[str, bool]
) -> None:
    admin.post(f"/v1/{SCHEDULES}", json={"metadata": {"name": "x", "namespace": "team-a"}, "spec": NIGHTS})
    stored = store.get(Schedule, "team-a", "x")
    told = msgspec.structs.replace(stored.status, conditions=(Condition(type="Ready", status=status, message=message),), active=True)
    store.update_status(msgspec.structs.replace(stored, status=told))
    shown = admin.get(f"/v1/{SCHEDULES}/team-a/x").json
    found = shown["metadata"]["state"]
    assert ((found["name"], found["error"]), found["message"], shown["status"]["active"]) == (state, message, True)
    assert [item["id"] for item in admin.get(f"/v1/{SCHEDULES}?filter=status.active=true").json["data"]] == ["team-a/x"]


def test_a_verbatim_text_is_a_pattern_with_its_operators_quoted(admin: Session) -> None:
    def tried(pattern: str) -> Any:
        body = {"metadata": {"name": "x", "namespace": "team-a"}, "allowedRepoPatterns": [pattern]}
        return admin.post(f"/v1/{RESTRICTIONS}?dryRun=All", json=body)

    refused = tried("https://git.example.org/c++")
    assert (refused.status_code, refused.json["fieldName"]) == (422, "allowedRepoPatterns[0]")
    assert r"\+" in refused.json["detail"]
    assert tried(r"https://git.example.org/c\+\+").status_code == 201
