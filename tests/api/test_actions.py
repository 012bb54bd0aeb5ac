"""Actions: Fleet's formulas, one object or many, and what an action on many never means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from api.app import create_app
from api.services import Services
from extension.objects.base import Key
from extension.objects.errors import Invalid, Unavailable
from extension.objects.moving import Move, Moved
from tests.api.conftest import CLUSTERS, GITREPOS, Session


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


def failing(store: Any, name: str, error: Exception) -> list[str]:
    """Makes each write of the object of that name fail; the names that were written, in order."""
    kept, tried = store.update, []

    def refuse(obj: Any, **kwargs: Any) -> Any:
        tried.append(obj.metadata.name)
        if obj.metadata.name == name:
            raise error
        return kept(obj, **kwargs)

    store.update = refuse
    return tried


@pytest.mark.usefixtures("repos")
def test_one_that_fails_does_not_stop_the_others(admin: Session, store: Any) -> None:
    failing(store, "two", Invalid("spec.repo: is no more", field="spec.repo"))
    result = admin.post(f"{GITREPOS}?action=pause&labelSelector=env").json
    assert [row["status"] for row in result["data"]] == [200, 422, 200]
    told = {"id": "team-a/two", "status": 422, "code": "InvalidFormat", "message": "spec.repo: is no more", "fieldName": "spec.repo"}
    assert (result["done"], result["failed"], result["data"][1]) == (2, 1, told)


@pytest.mark.usefixtures("repos")
def test_an_outage_ends_an_action_on_many_and_tells_how_many_were_done(admin: Session, store: Any) -> None:
    tried = failing(store, "two", Unavailable("the store is locked", where="/state/store.db", hint="nothing was written"))
    result = admin.post(f"{GITREPOS}?action=pause&labelSelector=env").json
    assert tried == ["one", "two"]
    assert (result["done"], result["failed"]) == (1, 2)
    assert [(row["id"], row["status"]) for row in result["data"]] == [("team-a/one", 200), ("team-a/two", 503), ("team-b/three", 503)]
    assert result["data"][1]["message"] == "the store is locked"
    assert result["data"][2]["message"] == "not tried: the store is locked"
    assert result["data"][2]["detail"] == "1 of 3 were done; repeat the action for those that failed"


@pytest.mark.usefixtures("repos")
def test_an_outage_before_anything_is_done_is_a_503(admin: Session, store: Any) -> None:
    tried = failing(store, "one", Unavailable("the store is locked"))
    response = admin.post(f"{GITREPOS}?action=pause&labelSelector=env")
    assert (response.status_code, response.json["message"], response.headers["Retry-After"]) == (503, "the store is locked", "5")
    assert response.json["detail"] == "0 of 3 were done"
    assert tried == ["one"]


def test_a_cluster_that_is_busy_stops_no_other_from_moving(services: Services) -> None:
    def move(cluster: Key, wanted: Move, _dry_run: bool) -> Moved:
        if cluster.name == "c1":
            raise Unavailable("the cluster is busy", where=str(cluster))
        return Moved(Key("Cluster", wanted.workspace, cluster.name))

    admin = Session(create_app(replace(services, move=move)).test_client(), services.tokens.create("someone", {"*": "admin"}))
    for name in ("c1", "c2"):
        admin.post(CLUSTERS, json={"metadata": {"name": name, "namespace": "team-a"}})
    result = admin.post(f"{CLUSTERS}/team-a?action=move", json={"workspace": "team-b"}).json
    assert [row["status"] for row in result["data"]] == [503, 200]


HIGHEST = 2**63 - 1


@pytest.mark.parametrize(
    ("plural", "spec", "field"),
    [
        ("fleet.cattle.io.gitrepos", {"repo": "https://git.example.org/web"}, "forceSyncGeneration"),
        ("fleet.cattle.io.helmops", {"helm": {"repo": "https://charts.example.org", "chart": "web"}}, "forceSyncGeneration"),
        ("fleet.cattle.io.clusters", {}, "redeployAgentGeneration"),
    ],
)
def test_a_generation_is_never_counted_beyond_what_kubernetes_can_hold(
    admin: Session, plural: str, spec: dict[str, Any], field: str
) -> None:
    body = {"metadata": {"name": "x", "namespace": "team-a"}, "spec": {**spec, field: HIGHEST - 1}}
    assert admin.post(f"/v1/{plural}", json=body).status_code == 201
    assert admin.post(f"/v1/{plural}/team-a/x?action=forceUpdate").json["spec"][field] == HIGHEST
    refused = admin.post(f"/v1/{plural}/team-a/x?action=forceUpdate")
    assert (refused.status_code, refused.json["code"], refused.json["fieldName"]) == (422, "MaxLimitExceeded", f"spec.{field}")
    assert "set it to another number" in refused.json["detail"]
    assert admin.get(f"/v1/{plural}/team-a/x").json["spec"][field] == HIGHEST


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
