"""Every noun that people write in a workspace is walked through: each verb, versions, dry runs, lists by every means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from api.registry import NOUNS
from tests.api.conftest import Session
from tests.api.test_permissions import WORKSPACES


class Walked(NamedTuple):
    """What a noun is made of: `body`; `patch` changes the field at the path `field` to `value`."""

    body: dict[str, Any]
    patch: dict[str, Any]
    field: str
    value: Any


CHART = {"repo": "https://charts.example.org", "chart": "web", "version": "^1"}
WALKS: dict[str, Walked] = {
    "fleet.cattle.io.gitrepos": Walked(
        {"spec": {"repo": "https://git.example.org/x"}}, {"spec": {"branch": "next"}}, "spec.branch", "next"
    ),
    "fleet.cattle.io.helmops": Walked({"spec": {"helm": CHART}}, {"spec": {"helm": {"version": "1.2.3"}}}, "spec.helm.version", "1.2.3"),
    "fleet.cattle.io.bundles": Walked({"spec": {"defaultNamespace": "x"}}, {"spec": {"namespace": "web"}}, "spec.namespace", "web"),
    "fleet.cattle.io.clusters": Walked({}, {"spec": {"paused": True}}, "spec.paused", True),
    "fleet.cattle.io.clustergroups": Walked(
        {"spec": {"selector": {}}}, {"spec": {"selector": {"matchLabels": {"a": "b"}}}}, "spec.selector.matchLabels.a", "b"
    ),
    "fleet.cattle.io.clusterregistrationtokens": Walked({"spec": {"ttl": "1h"}}, {"spec": {"ttl": "2h"}}, "spec.ttl", "2h"),
    "fleet.cattle.io.bundlenamespacemappings": Walked(
        {"bundleSelector": {}, "namespaceSelector": {}},
        {"bundleSelector": {"matchLabels": {"a": "b"}}},
        "bundleSelector.matchLabels.a",
        "b",
    ),
    "fleet.cattle.io.imagescans": Walked(
        {"spec": {"image": "org/app", "tagName": "app"}}, {"spec": {"suspend": True}}, "spec.suspend", True
    ),
    "fleet.cattle.io.schedules": Walked(
        {"spec": {"schedule": "0 0 22 * * *", "duration": "2h"}}, {"spec": {"duration": "3h"}}, "spec.duration", "3h"
    ),
    "fleet.cattle.io.gitreporestrictions": Walked(
        {"allowedRepoPatterns": ["https://git.example.org/.*"]}, {"defaultServiceAccount": "web"}, "defaultServiceAccount", "web"
    ),
    "fleet.cattle.io.policies": Walked(
        {"requireServiceAccount": True}, {"gitRepo": {"defaultServiceAccount": "web"}}, "gitRepo.defaultServiceAccount", "web"
    ),
    "configmaps": Walked({"data": {"k": "v"}}, {"data": {"k": "w"}}, "data.k", "w"),
}
walked = pytest.mark.parametrize("plural", WALKS)


def at(body: Any, path: str) -> Any:
    for step in path.split("."):
        body = body.get(step) if isinstance(body, dict) else None
    return body


def make(session: Session, plural: str, name: str = "x", namespace: str = "team-a", **labels: str) -> Any:
    body = {**WALKS[plural].body, "metadata": {"name": name, "namespace": namespace, "labels": labels}}
    response = session.post(f"/v1/{plural}", json=body)
    assert response.status_code == 201, response.json
    return response


def test_no_noun_is_left_out() -> None:
    elsewhere = {"secrets", WORKSPACES}
    assert {noun.plural for noun in NOUNS if noun.writable} - elsewhere == WALKS.keys()


@walked
def test_an_object_is_made_read_changed_replaced_and_deleted(admin: Session, plural: str) -> None:
    url, walk = f"/v1/{plural}/team-a/x", WALKS[plural]
    made = make(admin, plural)
    assert made.headers["Location"].endswith(url)
    noun = next(noun for noun in NOUNS if noun.plural == plural)
    assert (made.json["id"], made.json["type"], made.json["kind"]) == ("team-a/x", noun.id, noun.cls.KIND)
    assert admin.get(url).json == made.json
    changed = admin.patch(url, json=walk.patch)
    assert (changed.status_code, at(changed.json, walk.field)) == (200, walk.value)
    again = admin.put(url, json={**walk.body, "metadata": {"name": "x"}}, headers={"If-Match": changed.headers["ETag"]})
    assert (again.status_code, at(again.json, walk.field)) == (200, at(made.json, walk.field))
    assert admin.delete(url).status_code == 200
    assert admin.get(url).status_code == 404


@walked
def test_a_dry_run_answers_and_stores_nothing(admin: Session, plural: str) -> None:
    url, walk = f"/v1/{plural}/team-a/x", WALKS[plural]
    tried = admin.post(f"/v1/{plural}?dryRun=All", json={**walk.body, "metadata": {"name": "x", "namespace": "team-a"}})
    assert (tried.status_code, admin.get(url).status_code) == (201, 404)
    before = make(admin, plural).json
    assert at(admin.patch(f"{url}?dryRun=All", json=walk.patch).json, walk.field) == walk.value
    assert (
        admin.put(f"{url}?dryRun=All", json={**before, **walk.body, "metadata": {**before["metadata"], "labels": {"a": "b"}}}).status_code
        == 200
    )
    assert admin.delete(f"{url}?dryRun=All").status_code == 200
    assert admin.delete(f"{url}?dry-run=All").status_code == 200
    assert admin.get(url).json == before


@walked
def test_a_write_of_what_somebody_else_changed_is_refused(admin: Session, plural: str) -> None:
    url, walk = f"/v1/{plural}/team-a/x", WALKS[plural]
    made = make(admin, plural)
    assert admin.get(url, headers={"If-None-Match": made.headers["ETag"]}).status_code == 304
    assert admin.put(url, json=walk.body).status_code == 428
    changed = admin.patch(url, json=walk.patch, headers={"If-Match": made.headers["ETag"]}).json
    old = {"If-Match": made.headers["ETag"]}
    assert admin.put(url, json=walk.body, headers=old).status_code == 412
    assert admin.patch(url, json=walk.patch, headers=old).status_code == 412
    assert admin.delete(url, headers=old).status_code == 412
    assert admin.put(url, json=made.json).status_code == 409
    assert admin.get(url).json == changed


@walked
def test_a_list_is_chosen_sorted_and_paged(admin: Session, plural: str) -> None:
    for name, namespace, env in (("one", "team-a", "prod"), ("two", "team-b", "prod"), ("three", "team-a", "dev")):
        make(admin, plural, name, namespace, env=env)

    def ids(query: str, place: str = "") -> list[str]:
        answered = admin.get(f"/v1/{plural}{place}?{query}")
        assert answered.status_code == 200, answered.json
        return [item["id"] for item in answered.json["data"] if item["id"] != "fleet-local/local"]

    assert ids("") == ["team-a/one", "team-a/three", "team-b/two"]
    assert ids("", "/team-a") == ["team-a/one", "team-a/three"]
    assert ids("labelSelector=env=prod") == ["team-a/one", "team-b/two"]
    assert ids("filter=metadata.name~t") == ["team-a/three", "team-b/two"]
    assert ids("filter=metadata.labels[env]=dev,metadata.name=two") == ["team-a/three", "team-b/two"]
    assert ids("sort=-metadata.name&labelSelector=env") == ["team-b/two", "team-a/three", "team-a/one"]
    page = admin.get(f"/v1/{plural}?limit=2&labelSelector=env").json
    rest = admin.get(page["pagination"]["next"]).json
    assert [[item["id"] for item in one["data"]] for one in (page, rest)] == [["team-a/one", "team-a/three"], ["team-b/two"]]


@walked
def test_a_field_of_its_own_is_asked_for_or_refused_with_those_that_can_be(admin: Session, plural: str) -> None:
    url, walk = f"/v1/{plural}", WALKS[plural]
    make(admin, plural, "other")
    make(admin, plural)
    admin.patch(f"{url}/team-a/x", json=walk.patch)
    answered = admin.get(url, query_string={"filter": f"{walk.field}='{str(walk.value).lower() if walk.value is True else walk.value}'"})
    if answered.status_code == 422:
        assert answered.json["fieldName"] == "filter" and answered.json["detail"].startswith("use fields of metadata")
        assert "spec" not in answered.json["detail"] or "spec" in (noun := _struct_fields(plural)), noun
    else:
        assert [item["id"] for item in answered.json["data"]] == ["team-a/x"]


def _struct_fields(plural: str) -> tuple[str, ...]:
    return next(noun.cls.__struct_fields__ for noun in NOUNS if noun.plural == plural)


@walked
def test_what_the_server_says_is_not_taken_from_a_body(admin: Session, plural: str) -> None:
    made = make(admin, plural).json
    forged = {**made["metadata"], "uid": "mine", "generation": 99, "creationTimestamp": "2000-01-01T00:00:00Z", "finalizers": ["mine"]}
    body = {**made, "metadata": forged} | ({"status": {"conditions": [{"type": "Ready", "status": "False"}]}} if "status" in made else {})
    after = admin.put(f"/v1/{plural}/team-a/x", json=body)
    assert after.status_code == 200, after.json
    kept = ("uid", "creationTimestamp", "finalizers")
    assert {key: after.json["metadata"].get(key) for key in kept} == {key: made["metadata"].get(key) for key in kept}
    assert after.json.get("status") == made.get("status")


@walked
def test_a_field_nobody_knows_is_refused_by_name(admin: Session, plural: str) -> None:
    body = {**WALKS[plural].body, "metadata": {"name": "x", "namespace": "team-a"}, "nonsense": 1}
    refused = admin.post(f"/v1/{plural}", json=body)
    assert (refused.status_code, refused.json["fieldName"]) == (422, "nonsense")


@walked
def test_who_may_only_read_is_offered_nothing_else(admin: Session, login: Callable[..., Session], plural: str) -> None:
    make(admin, plural)
    reader = login(team_a="read-only")
    shown = reader.get(f"/v1/{plural}/team-a/x").json
    noun = next(noun for noun in NOUNS if noun.plural == plural)
    assert shown["links"].keys() == {"self", *noun.links} and "actions" not in shown
    listed = reader.get(f"/v1/{plural}").json
    assert "createTypes" not in listed and "actions" not in listed
    assert reader.get(f"/v1/schemas/{noun.id}").json["attributes"]["verbs"] == ["get", "list", "watch"]
    for name in noun.actions:
        assert reader.post(f"/v1/{plural}/team-a/x?action={name}", json={}).status_code == 403
