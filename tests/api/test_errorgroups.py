"""What is wrong, once for all clusters that say it: counted, bounded by workspaces, and the way from a group to what is in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from extension.objects.base import Condition, Key
from extension.objects.kinds import BundleDeploymentStatus, Cluster
from extension.store.protocol import Query, Report
from tests.api.conftest import CLUSTERS, Session

URL = "/v1/errorgroups"
DEPLOYMENTS = "/v1/fleet.cattle.io.bundledeployments"
SAID = {
    ("team-a", "c1"): "pull of web:1.2 on c1 denied for 10.0.0.1",
    ("team-a", "c2"): "pull of web:1.3 on c2 denied for 10.9.9.9",
    ("team-a", "c3"): "no quota left",
    ("team-b", "c4"): "pull of web:1.2 on c4 denied for 10.0.0.7",
}


@pytest.fixture
def failing(app: Flask, deployed: None) -> None:
    """Every deployment says that it could not be deployed."""
    store = app.extensions["continuous-delivery"].store
    for (workspace, name), message in SAID.items():
        failed = Condition(type="Deployed", status="False", reason="Error", message=message)
        bundle, cluster = store.object_id(Key("Bundle", workspace, "web")), store.object_id(Key("Cluster", workspace, name))
        store.report([Report(bundle, cluster, BundleDeploymentStatus(conditions=(failed,)))])


def told(body: Any) -> list[tuple[str, str, int]]:
    return [(row["metadata"]["namespace"], row["message"], row["clusters"]) for row in body["data"]]


PULL = "pull of web:<n> on c<n> denied for <ip>"


@pytest.mark.usefixtures("failing")
def test_clusters_that_say_the_same_are_one_group_and_the_largest_is_first(admin: Session) -> None:
    body = admin.get(URL).json
    assert told(body) == [("team-a", PULL, 2), *sorted([("team-a", "no quota left", 1), ("team-b", PULL, 1)], key=lambda row: row[0])]
    first = body["data"][0]
    assert first["example"] in SAID.values()
    assert first["clusterNames"] == ["team-a/c1", "team-a/c2"]
    assert first["bundles"] == ["web"]
    assert first["metadata"]["state"] == {"name": "errapplied", "error": True, "transitioning": False, "message": PULL}
    assert admin.get(first["links"]["self"]).json == first


@pytest.mark.usefixtures("failing")
def test_a_group_leads_to_its_deployments_and_clusters(admin: Session) -> None:
    first = admin.get(URL).json["data"][0]
    found = admin.get(first["links"]["bundledeployments"]).json
    assert found["count"] == 2
    assert {row["metadata"]["labels"]["fleet.cattle.io/cluster"] for row in found["data"]} == {"c1", "c2"}
    assert [row["id"] for row in admin.get(first["links"]["clusters"]).json["data"]] == ["team-a/c1", "team-a/c2", "team-b/c4"]
    assert admin.get(f"{CLUSTERS}/team-a?filter=status.shape=0123456789abcdef").json["data"] == []


@pytest.mark.usefixtures("failing")
def test_groups_of_other_workspaces_are_not_there(login: Callable[..., Session], admin: Session) -> None:
    session = login(team_b="read-only")
    hidden = admin.get(f"{URL}/team-a").json["data"][0]["id"]
    assert told(session.get(URL).json) == [("team-b", PULL, 1)]
    assert session.get(f"{URL}/team-a").json["data"] == []
    assert session.get(f"{URL}/team-a?bundle=team-a/web").json["data"] == []
    assert session.get(f"{URL}/{hidden}").status_code == 404
    assert session.get(f"{DEPLOYMENTS}?filter=status.shape={session.get(URL).json['data'][0]['shape']}").json["count"] == 1


@pytest.mark.usefixtures("failing")
def test_a_group_is_tried_again_on_its_own_clusters_and_by_who_may(login: Callable[..., Session], app: Flask, admin: Session) -> None:
    store = app.extensions["continuous-delivery"].store

    def generations() -> dict[str, int]:
        return {one.metadata.name: one.spec.redeploy_agent_generation for one in store.list(Cluster, Query()).items}

    first = admin.get(f"{URL}/team-a").json["data"][0]
    retry = first["actions"]["retry"]
    reader = login(team_a="read-only")
    assert reader.get(first["links"]["self"]).json["actions"] == {}
    assert {item["state"] for item in reader.post(retry).json["items"]} == {"failed"}
    assert [item["id"] for item in admin.post(f"{retry}&dryRun=All").json["items"]] == ["team-a/c1", "team-a/c2"]
    assert set(generations().values()) == {0}
    made = admin.post(retry)
    assert (made.status_code, made.json["kind"], made.json["total"]) == (201, "forceUpdate", 2)
    assert {name for name, generation in generations().items() if generation} == {"c1", "c2"}


@pytest.mark.usefixtures("failing")
@pytest.mark.parametrize(
    ("asked", "count"),
    [("bundle=team-a/web", 2), ("bundle=team-a/none", 0), ("gitrepo=team-a/web", 2), ("state=ErrApplied", 3), ("state=notready", 0)],
)
def test_groups_are_those_of_what_is_asked_for(admin: Session, asked: str, count: int) -> None:
    assert admin.get(f"{URL}?{asked}").json["count"] == count


@pytest.mark.usefixtures("failing")
def test_groups_are_paged_by_place(admin: Session) -> None:
    first = admin.get(f"{URL}?limit=2").json
    rest = admin.get(first["pagination"]["next"]).json
    assert told(first) + told(rest) == told(admin.get(URL).json)
    assert "continue" not in rest
    assert admin.get(f"{URL}?limit=2&state=errapplied&continue={first['continue']}").json["fieldName"] == "continue"


@pytest.mark.parametrize(
    ("path", "field"),
    [
        (f"{URL}?state=active", "state"),
        (f"{URL}?state=broken", "state"),
        (f"{URL}?gitrepo=a/b&helmop=a/b", "helmop"),
        (f"{URL}?limit=0", "limit"),
        (f"{URL}?continue=x", "continue"),
        (f"{URL}?labelSelector=a", "labelSelector"),
        (f"{CLUSTERS}?sort=status.shape", "sort"),
        (f"{CLUSTERS}?filter=status.shape~ab", "filter"),
        (f"{CLUSTERS}?filter=status.shape=ab,metadata.name=c1", "filter"),
        (f"{DEPLOYMENTS}?sort=status.shape", "sort"),
        (f"{DEPLOYMENTS}?filter=!status.shape", "filter"),
        ("/v1/fleet.cattle.io.bundles?filter=status.shape=ab", "filter"),
    ],
)
def test_what_can_not_be_asked_for_is_refused_by_name(admin: Session, path: str, field: str) -> None:
    answer = admin.get(path)
    assert (answer.status_code, answer.json["fieldName"]) == (422, field)


def test_a_group_that_is_not_there_is_not_found(admin: Session) -> None:
    for name in ("0123456789abcdef-errapplied", "x", "x-active"):
        assert admin.get(f"{URL}/team-a/{name}").status_code == 404
