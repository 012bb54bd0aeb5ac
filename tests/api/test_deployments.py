"""BundleDeployments and what they put on clusters: by bundle, cluster or GitRepo, page by page, each in its own workspace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.conftest import GITREPOS, PLACES, Session

URL = "/v1/fleet.cattle.io.bundledeployments"


def ids(body: Any) -> list[str]:
    return [item["id"] for item in body["data"]]


@pytest.mark.usefixtures("deployed")
def test_deployments_are_listed_by_what_they_are_of(admin: Session) -> None:
    assert admin.get(URL).json["count"] == 4
    assert ids(admin.get(f"{URL}?cluster=team-a/c2").json) == [f"{PLACES['c2']}/web"]
    assert ids(admin.get(f"{URL}/{PLACES['c4']}").json) == [f"{PLACES['c4']}/web"]
    assert admin.get(f"{URL}?gitrepo=web").json["fieldName"] == "gitrepo"


@pytest.mark.usefixtures("deployed")
def test_deployments_of_other_workspaces_are_not_there(login: Callable[..., Session]) -> None:
    session = login(team_b="read-only")
    assert ids(session.get(URL).json) == [f"{PLACES['c4']}/web"]
    assert session.get(f"{URL}/{PLACES['c4']}/web").json["metadata"]["state"]["name"] == "waitapplied"
    assert session.get(f"{URL}/{PLACES['c1']}/web").status_code == 404
    assert session.get(f"{URL}/{PLACES['c1']}").json["data"] == []


@pytest.mark.usefixtures("deployed")
def test_deployments_can_not_be_written(admin: Session) -> None:
    assert admin.post(URL, json={}).status_code == 405
    assert admin.delete(f"{URL}/{PLACES['c1']}/web").status_code == 405
    assert admin.get(f"{URL}/{PLACES['c1']}/web").json["links"].keys() == {"self"}


@pytest.mark.usefixtures("deployed")
def test_each_object_has_the_state_its_agent_told(admin: Session) -> None:
    rows = admin.get(f"{GITREPOS}/team-a/web/resources").json["data"]
    told = {(row["cluster"], row["type"], row["id"]): row["state"] for row in rows}
    assert told == {
        ("team-a/c1", "apps.deployment", "web/web"): "Ready",
        ("team-a/c1", "configmap", "web/config"): "Ready",
        ("team-a/c2", "apps.deployment", "web/web"): "Ready",
        ("team-a/c2", "configmap", "web/config"): "Modified",
        ("team-a/c2", "service", "web/web"): "Missing",
        ("team-a/c3", "apps.deployment", "web/web"): "in-progress",
        ("team-a/c3", "configmap", "web/config"): "Unknown",
    }
    edited = 'data.key is "two", deployed "one", changed by kubectl-edit'
    assert [row["message"] for row in rows if "message" in row] == [edited, "1 of 3 are up"]


@pytest.mark.usefixtures("deployed")
def test_an_object_that_is_not_as_deployed_has_its_changes(admin: Session) -> None:
    rows = admin.get(f"{GITREPOS}/team-a/web/resources").json["data"]
    change = {"path": "/data/key", "wanted": '"one"', "found": '"two"', "manager": "kubectl-edit", "time": "2026-11-29T12:00:00Z"}
    assert [row["changes"] for row in rows if "changes" in row] == [[change]]


@pytest.mark.usefixtures("deployed")
def test_resources_are_paged_by_deployments(admin: Session) -> None:
    first = admin.get(f"{GITREPOS}/team-a/web/resources?limit=1").json
    assert (first["count"], {row["cluster"] for row in first["data"]}) == (3, {"team-a/c1"})
    second = admin.get(first["pagination"]["next"]).json
    assert {row["cluster"] for row in second["data"]} == {"team-a/c2"}


@pytest.mark.parametrize(
    ("state", "clusters"),
    [("active", ["c1"]), ("modified", ["c2"]), ("notready", ["c3"]), ("waitapplied", ["c4"])],
    ids=["active", "modified", "notready", "waitapplied"],
)
@pytest.mark.usefixtures("deployed")
def test_deployments_are_found_by_the_state_they_show(admin: Session, state: str, clusters: list[str]) -> None:
    found = admin.get(f"{URL}?filter=metadata.state.name={state}").json["data"]
    assert [item["metadata"]["labels"]["fleet.cattle.io/cluster"] for item in found] == clusters
    assert {item["metadata"]["state"]["name"] for item in found} == {state}


@pytest.mark.parametrize(
    ("place", "clusters"),
    [("fleet.cattle.io.bundles/team-a/web", {"c1", "c2", "c3"}), ("fleet.cattle.io.clusters/team-b/c4", set())],
    ids=["a bundle", "a cluster that told nothing yet"],
)
@pytest.mark.usefixtures("deployed")
def test_bundles_and_clusters_have_resources_too(admin: Session, place: str, clusters: set[str]) -> None:
    body = admin.get(f"/v1/{place}/resources").json
    assert {row["cluster"].partition("/")[2] for row in body["data"]} == clusters


@pytest.mark.usefixtures("deployed")
def test_the_resources_of_an_object_one_may_not_see_are_not_there(login: Callable[..., Session]) -> None:
    assert login(team_b="admin").get(f"{GITREPOS}/team-a/web/resources").status_code == 404


@pytest.mark.parametrize("field", ["id", "spec.deploymentID", "metadata.uid", "status.display.deployed"])
@pytest.mark.parametrize("query", ["filter={}=x", "sort=-{}"], ids=["filter", "sort"])
def test_deployments_are_not_listed_by_what_is_made_when_they_are_read(admin: Session, query: str, field: str) -> None:
    response = admin.get(f"{URL}?{query.format(field)}")
    assert (response.status_code, response.json["fieldName"]) == (422, query.partition("=")[0])


@pytest.mark.usefixtures("deployed")
def test_bundles_and_clusters_are_found_by_state(admin: Session) -> None:
    admin.post("/v1/fleet.cattle.io.bundles", json={"metadata": {"name": "idle", "namespace": "team-a"}})

    def found(plural: str, state: str) -> list[str]:
        return ids(admin.get(f"/v1/fleet.cattle.io.{plural}?filter=metadata.state.name={state}").json)

    assert found("bundles", "modified") == ["team-a/web"]
    assert found("bundles", "active") == ["team-a/idle"]
    assert found("clusters", "notready") == ["team-a/c3"]
    assert found("clusters", "modified,metadata.state.name=waitcheckin") == ["fleet-local/local", "team-a/c2", "team-b/c4"]
    shown = {row["id"]: row["metadata"]["state"]["name"] for row in admin.get("/v1/fleet.cattle.io.clusters").json["data"]}
    assert shown["team-b/c4"] == "waitcheckin"
    by_state = ids(admin.get("/v1/fleet.cattle.io.clusters?sort=-metadata.state.name,metadata.name").json)
    assert [shown[place] for place in by_state] == sorted(shown.values(), reverse=True)
