"""Actions: Fleet's formulas, one object or many, and what an action on many never means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.conftest import CLUSTERS, GITREPOS, Session, gitrepo


@pytest.fixture
def repos(admin: Session) -> None:
    for name, namespace, env in (("one", "team-a", "prod"), ("two", "team-a", "dev"), ("three", "team-b", "prod")):
        body = gitrepo(name, namespace)
        body["metadata"]["labels"] = {"env": env}
        admin.post(GITREPOS, json=body)


@pytest.mark.usefixtures("repos")
def test_force_update_counts_as_the_dashboard_does(admin: Session) -> None:
    seen = [admin.post(f"{GITREPOS}/team-a/one?action=forceUpdate").json["spec"]["forceSyncGeneration"] for _ in range(3)]
    assert seen == [2, 3, 4]


def test_force_update_of_a_cluster_redeploys_its_agent(admin: Session) -> None:
    admin.post(CLUSTERS, json={"metadata": {"name": "c1", "namespace": "team-a"}})
    seen = [admin.post(f"{CLUSTERS}/team-a/c1?action=forceUpdate").json["spec"]["redeployAgentGeneration"] for _ in range(2)]
    assert seen == [2, 3]


@pytest.mark.parametrize(
    ("action", "field", "value"),
    [
        ("pause", "paused", True),
        ("unpause", "paused", None),
        ("disablePolling", "disablePolling", True),
        ("enablePolling", "disablePolling", None),
    ],
    ids=["pause", "unpause", "disablePolling", "enablePolling"],
)
@pytest.mark.usefixtures("repos")
def test_an_action_sets_its_field_and_nothing_else(admin: Session, action: str, field: str, value: Any) -> None:
    before = admin.get(f"{GITREPOS}/team-a/one").json["spec"]
    after = admin.post(f"{GITREPOS}/team-a/one?action={action}").json["spec"]
    assert after.get(field) == value
    assert {k: v for k, v in after.items() if k != field} == {k: v for k, v in before.items() if k != field}


@pytest.mark.usefixtures("repos")
def test_a_paused_object_says_so_and_offers_only_to_go_on(admin: Session) -> None:
    body = admin.post(f"{GITREPOS}/team-a/one?action=pause").json
    assert body["metadata"]["state"]["name"] == "paused"
    assert "unpause" in body["actions"]
    assert "pause" not in body["actions"]


@pytest.mark.usefixtures("repos")
def test_many_are_chosen_by_label_where_the_caller_may(admin: Session, login: Callable[..., Session]) -> None:
    response = login(team_a="member", team_b="read-only").post(f"{GITREPOS}?action=pause&labelSelector=env%3Dprod")
    assert [row["id"] for row in response.json["data"]] == ["team-a/one"]
    paused = {item["id"] for item in admin.get(GITREPOS).json["data"] if item["spec"].get("paused")}
    assert paused == {"team-a/one"}


@pytest.mark.usefixtures("repos")
def test_the_rest_of_many_comes_with_the_continue(admin: Session) -> None:
    first = admin.post(f"{GITREPOS}?action=pause&labelSelector=env&limit=2").json
    assert (first["count"], len(first["data"])) == (3, 2)
    second = admin.post(f"{GITREPOS}?action=pause&labelSelector=env&limit=2&continue={first['continue']}").json
    assert [row["id"] for row in first["data"] + second["data"]] == ["team-a/one", "team-a/two", "team-b/three"]
    assert "continue" not in second


@pytest.mark.usefixtures("repos")
def test_one_that_fails_does_not_stop_the_others(admin: Session, store: Any) -> None:
    kept = store.update

    def refuse_two(obj: Any, **kwargs: Any) -> Any:
        from extension.objects.errors import Unavailable

        if obj.metadata.name == "two":
            raise Unavailable("the disk is full")
        return kept(obj, **kwargs)

    store.update = refuse_two
    result = admin.post(f"{GITREPOS}?action=pause&labelSelector=env").json
    assert [row["status"] for row in result["data"]] == [200, 503, 200]
    told = {"id": "team-a/two", "status": 503, "code": "ClusterUnavailable", "message": "the disk is full"}
    assert (result["failed"], result["data"][1]) == (1, told)


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        pytest.param("action=pause", 422, "labelSelector", id="everything is not meant by nothing"),
        pytest.param("action=pause&labelselector=env", 422, "labelselector", id="a misspelt selector"),
        pytest.param("action=explode&labelSelector=env", 422, "action", id="an action nobody knows"),
    ],
)
@pytest.mark.usefixtures("repos")
def test_an_action_that_is_not_meant_is_refused(admin: Session, query: str, status: int, field: str) -> None:
    response = admin.post(f"{GITREPOS}?{query}")
    assert (response.status_code, response.json["fieldName"]) == (status, field)
    assert not any(item["spec"].get("paused") for item in admin.get(GITREPOS).json["data"])


@pytest.mark.usefixtures("repos")
def test_a_dry_run_of_an_action_stores_nothing(admin: Session) -> None:
    assert admin.post(f"{GITREPOS}/team-a/one?action=pause&dryRun=All").json["spec"]["paused"] is True
    assert "paused" not in admin.get(f"{GITREPOS}/team-a/one").json["spec"]
