"""What happened to an object: `/events` below it, for who may read the object."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace
from pyroaring import FrozenBitMap

from extension.objects.base import Condition, Key
from extension.objects.kinds import BundleDeploymentStatus, Cluster
from extension.objects.plan import Assignment, Plan, Step, Variant
from extension.store.protocol import Report
from tests.api.conftest import CLUSTERS, GITREPOS, OPTIONS, WELL, Session, gitrepo

WEB = f"{GITREPOS}/team-a/web"


def reasons(body: Any) -> list[str]:
    return [event["reason"] for event in body["data"]]


def test_what_was_done_to_an_object_is_read_below_it_the_newest_first(admin: Session) -> None:
    made = admin.post(GITREPOS, json=gitrepo()).json
    admin.patch(WEB, json={"spec": {"branch": "main", "clientSecretName": "hidden"}})
    admin.post(f"{WEB}?action=pause")
    body = admin.get(made["links"]["events"]).json
    assert (body["type"], body["resourceType"], body["count"]) == ("collection", "event", 3)
    assert reasons(body) == ["Paused", "Changed", "Created"]
    changed = body["data"][1]
    assert (changed["type"], changed["kind"], changed["_type"], changed["count"]) == ("event", "Event", "Normal", 1)
    assert changed["message"] == "branch, clientSecretName"
    assert changed["involvedObject"] == {"kind": "GitRepo", "namespace": "team-a", "name": "web", "uid": made["metadata"]["uid"]}
    assert changed["firstTimestamp"] <= changed["lastTimestamp"]


def test_a_history_has_pages_that_together_are_all_of_it(admin: Session) -> None:
    admin.post(GITREPOS, json=gitrepo())
    for action in ("pause", "unpause", "pause", "forceUpdate"):
        admin.post(f"{WEB}?action={action}")
    whole = admin.get(f"{WEB}/events").json
    page = admin.get(f"{WEB}/events?limit=2").json
    assert page["count"] == 5 and page["pagination"]["limit"] == 2
    found = list(page["data"])
    while page.get("continue"):
        page = admin.get(page["pagination"]["next"]).json
        found += page["data"]
    assert found == whole["data"] and len({event["id"] for event in found}) == 5


@pytest.mark.usefixtures("deployed")
def test_a_page_goes_on_where_the_last_ended_also_when_more_happened_since(admin: Session) -> None:
    for action in ("pause", "unpause", "pause"):
        admin.post(f"{WEB}?action={action}")
    whole = admin.get(f"{WEB}/events").json["data"]
    first = admin.get(f"{WEB}/events?limit=2").json
    admin.post(f"{WEB}?action=unpause")
    assert admin.get(first["pagination"]["next"]).json["data"] == whole[2:4]


def test_a_page_of_another_history_is_none_of_this_one(admin: Session) -> None:
    for name in ("web", "other"):
        admin.post(GITREPOS, json=gitrepo(name))
        admin.post(f"{GITREPOS}/team-a/{name}?action=pause")
    token = admin.get(f"{WEB}/events?limit=1").json["continue"]
    response = admin.get(f"{GITREPOS}/team-a/other/events", query_string={"limit": 1, "continue": token})
    assert (response.status_code, response.json["fieldName"]) == (422, "continue")


@pytest.mark.usefixtures("deployed")
def test_who_may_read_an_object_reads_what_happened_to_it_and_nobody_else(login: Callable[..., Session]) -> None:
    assert login(team_a="read-only").get(f"{WEB}/events").status_code == 200
    refused = login(team_b="admin").get(f"{WEB}/events")
    assert (refused.status_code, refused.json["message"]) == (404, "GitRepo team-a/web not found")


@pytest.mark.parametrize("place", ["helmops", "bundles", "clusters", "clustergroups"])
@pytest.mark.usefixtures("filled")
def test_each_kind_that_is_deployed_or_deployed_to_has_a_history(admin: Session, place: str) -> None:
    (first, *_) = admin.get(f"/v1/fleet.cattle.io.{place}?limit=1&filter=metadata.namespace=team-a").json["data"]
    assert "Created" in reasons(admin.get(first["links"]["events"]).json)


@pytest.mark.usefixtures("filled")
def test_other_kinds_have_none(admin: Session) -> None:
    assert admin.get("/v1/secrets/team-a/one/events").status_code == 404
    assert "events" not in admin.get("/v1/secrets/team-a/one").json["links"]


def said(store: Any, cluster: str, *conditions: Condition) -> None:
    status: BundleDeploymentStatus = replace(WELL, conditions=conditions)
    cluster_id = store.object_id(Key(Cluster.KIND, "team-a", cluster))
    store.report([Report(store.object_id(Key("Bundle", "team-a", "web")), cluster_id, status)])


@pytest.mark.usefixtures("deployed")
def test_a_cluster_s_history_has_what_its_deployments_say_happened(admin: Session, store: Any) -> None:
    early, late = "2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"
    failed = Condition(type="Ready", status="False", message="no memory", last_transition_time=late)
    said(store, "c1", Condition(type="Deployed", status="True", last_transition_time=early), failed)
    body = admin.get(f"{CLUSTERS}/team-a/c1/events").json
    assert [(one["_type"], one["reason"], one.get("message", "")) for one in body["data"]] == [
        ("Warning", "NotReady", "Bundle team-a/web: no memory"),
        ("Normal", "Created", ""),
        ("Normal", "Deployed", "Bundle team-a/web"),
    ]
    assert body["data"][0]["involvedObject"]["kind"] == "BundleDeployment"


@pytest.mark.usefixtures("deployed")
def test_deployments_of_bundles_one_may_not_see_are_left_out_of_a_cluster_s_history(login: Callable[..., Session], store: Any) -> None:
    """A Bundle of another workspace may be deployed to it."""
    foreign, number = Key("Bundle", "team-b", "web"), store.object_id(Key("Cluster", "team-a", "c1"))
    here = FrozenBitMap([number])
    store.apply(Plan(foreign, "s-1", (Assignment(Variant("d1", OPTIONS), here),)), Step(create=here, promote=here))
    deployed = Condition(type="Deployed", status="True", last_transition_time="2020-01-01T00:00:00Z")
    for workspace in ("team-a", "team-b"):
        bundle = store.object_id(Key("Bundle", workspace, "web"))
        store.report([Report(bundle, number, replace(WELL, conditions=(deployed,)))])

    def told(**roles: str) -> set[str]:
        return {one.get("message", "") for one in login(**roles).get(f"{CLUSTERS}/team-a/c1/events").json["data"]}

    assert told(team_a="read-only") == {"", "Bundle team-a/web"}
    assert told(all="read-only") == {"", "Bundle team-a/web", "Bundle team-b/web"}


@pytest.mark.parametrize("query", ["limit=0", "sort=reason", "continue=nonsense"])
@pytest.mark.usefixtures("deployed")
def test_what_a_history_can_not_be_asked_for_is_refused(admin: Session, query: str) -> None:
    response = admin.get(f"{WEB}/events?{query}")
    assert (response.status_code, response.json["fieldName"]) == (422, query.partition("=")[0])
