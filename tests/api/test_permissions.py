"""Roles: one table of who may do what, and what a caller without a role in a workspace gets to know of it: nothing."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from api.registry import NOUNS
from tests.api.conftest import GITREPOS, Session, gitrepo

BODIES: dict[str, dict[str, Any]] = {
    "fleet.cattle.io.gitrepos": {"spec": {"repo": "https://git.example.org/x"}},
    "fleet.cattle.io.helmops": {"spec": {"helm": {"repo": "https://charts.example.org", "chart": "web"}}},
    "fleet.cattle.io.bundles": {},
    "fleet.cattle.io.clustergroups": {},
    "fleet.cattle.io.imagescans": {"spec": {"image": "org/app", "tagName": "app"}},
    "secrets": {"data": {"k": "dg=="}},
    "configmaps": {"data": {"k": "v"}},
    "fleet.cattle.io.clusters": {},
    "fleet.cattle.io.clusterregistrationtokens": {},
    "fleet.cattle.io.schedules": {"spec": {"schedule": "0 0 22 * * *", "duration": "2h"}},
    "fleet.cattle.io.gitreporestrictions": {},
    "fleet.cattle.io.policies": {},
    "fleet.cattle.io.bundlenamespacemappings": {},
}
MEMBERS = (
    "fleet.cattle.io.gitrepos",
    "fleet.cattle.io.helmops",
    "fleet.cattle.io.bundles",
    "fleet.cattle.io.clustergroups",
    "fleet.cattle.io.imagescans",
    "secrets",
    "configmaps",
)
ADMINS = (
    "fleet.cattle.io.clusters",
    "fleet.cattle.io.clusterregistrationtokens",
    "fleet.cattle.io.schedules",
    "fleet.cattle.io.gitreporestrictions",
    "fleet.cattle.io.policies",
)
WORKSPACES = "management.cattle.io.fleetworkspaces"
"""Written by administrators of all, each also by its own; see below."""
CALLERS: dict[str, dict[str, str]] = {
    "stranger": {"team_b": "admin"},
    "reader": {"team_a": "read-only"},
    "member": {"team_a": "member"},
    "admin": {"team_a": "admin"},
    "reader of all": {"all": "read-only"},
    "admin of all": {"all": "admin"},
}
VERBS = ("get", "list", "create", "update", "patch", "delete")


def may(caller: str, verb: str, plural: str) -> bool:
    if caller == "stranger":
        return False
    if verb in ("get", "list") or caller == "admin of all":
        return True
    return (plural in MEMBERS and caller in ("member", "admin")) or (plural in ADMINS and caller == "admin")


def do(session: Session, verb: str, plural: str) -> Any:
    url, body = f"/v1/{plural}", {**BODIES[plural], "metadata": {"name": "x", "namespace": "team-a"}}
    match verb:
        case "get":
            return session.get(f"{url}/team-a/x")
        case "list":
            return session.get(f"{url}/team-a")
        case "create":
            return session.post(url, json={**body, "metadata": {"name": "new", "namespace": "team-a"}})
        case "update":
            return session.put(f"{url}/team-a/x", json=body, headers={"If-Match": "*"})
        case "patch":
            return session.patch(f"{url}/team-a/x", json={"metadata": {"labels": {"a": "b"}}})
        case _:
            return session.delete(f"{url}/team-a/x")


def test_every_kind_that_can_be_written_has_a_row() -> None:
    assert {noun.plural for noun in NOUNS if noun.writable} == {*BODIES, WORKSPACES}


@pytest.mark.parametrize(("caller", "plural"), list(itertools.product(CALLERS, BODIES)))
def test_every_verb_on_every_kind_by_every_role(admin: Session, login: Callable[..., Session], caller: str, plural: str) -> None:
    assert admin.post(f"/v1/{plural}", json={**BODIES[plural], "metadata": {"name": "x", "namespace": "team-a"}}).status_code == 201
    session = login(**CALLERS[caller])
    for verb in VERBS:
        response = do(session, verb, plural)
        if verb == "list":
            assert response.status_code == 200
            assert [item["id"] for item in response.json["data"]] == (["team-a/x"] if may(caller, verb, plural) else []), verb
        elif may(caller, verb, plural):
            assert response.status_code in (200, 201), (verb, response.json)
        else:
            unseen = caller == "stranger" and verb != "create"
            assert response.status_code == (404 if unseen else 403), (verb, response.json)


def test_a_forbidden_object_and_a_missing_one_look_the_same(admin: Session, login: Callable[..., Session]) -> None:
    admin.post(GITREPOS, json=gitrepo("there", "team-a"))
    stranger = login(team_b="admin")
    for verb in ("get", "delete"):
        there, missing = (stranger.call(verb.upper(), f"{GITREPOS}/team-a/{name}") for name in ("there", "missing"))
        assert (there.status_code, missing.status_code) == (404, 404)
        assert there.text.replace("there", "missing") == missing.text


def test_lists_hold_only_permitted_workspaces_in_data_and_count(admin: Session, login: Callable[..., Session]) -> None:
    for namespace in ("team-a", "team-b", "fleet-default"):
        admin.post(GITREPOS, json=gitrepo("web", namespace))
    listed = login(team_a="read-only", fleet_default="member").get(GITREPOS).json
    assert [item["id"] for item in listed["data"]] == ["fleet-default/web", "team-a/web"]
    assert listed["count"] == 2


def test_links_and_actions_are_those_the_caller_may_use(admin: Session, login: Callable[..., Session]) -> None:
    admin.post(GITREPOS, json=gitrepo("web", "team-a"))
    body = login(team_a="read-only").get(f"{GITREPOS}/team-a/web").json
    assert sorted(body["links"]) == ["events", "resources", "self"]
    assert "actions" not in body
    links = login(team_a="member").get(f"{GITREPOS}/team-a/web").json["links"]
    assert sorted(links) == ["events", "patch", "remove", "resources", "self", "update"]


def test_schemas_offer_what_the_caller_may_do(login: Callable[..., Session]) -> None:
    def methods(session: Session, schema: str) -> tuple[Any, Any]:
        body = session.get(f"/v1/schemas/{schema}").json
        return body["collectionMethods"], body["resourceMethods"]

    reader, member = login(team_a="read-only"), login(team_a="member")
    assert methods(reader, "fleet.cattle.io.gitrepo") == (["GET"], ["GET"])
    assert methods(member, "fleet.cattle.io.gitrepo") == (["GET", "POST"], ["GET", "PUT", "PATCH", "DELETE"])
    assert methods(member, "fleet.cattle.io.cluster") == (["GET"], ["GET"])
    assert methods(login(all="admin"), "fleet.cattle.io.bundledeployment") == (["GET"], ["GET"])


def test_workspaces_are_listed_by_role_and_made_by_administrators_of_all(login: Callable[..., Session]) -> None:
    url = f"/v1/{WORKSPACES}"
    own = login(team_a="admin")
    assert [item["id"] for item in own.get(url).json["data"]] == ["team-a"]
    assert own.get(f"{url}/team-b").status_code == 404
    assert own.post(url, json={"metadata": {"name": "team-c"}}).status_code == 403
    assert own.patch(f"{url}/team-a", json={"metadata": {"labels": {"a": "b"}}}).status_code == 200
    assert own.delete(f"{url}/team-a").status_code == 403
    assert login(all="admin").post(url, json={"metadata": {"name": "team-c"}}).status_code == 201


def test_a_mapping_reaches_other_workspaces_and_needs_all(login: Callable[..., Session]) -> None:
    body = {"metadata": {"name": "m", "namespace": "team-a"}, "namespaceSelector": {}}
    refused = login(team_a="admin").post("/v1/fleet.cattle.io.bundlenamespacemappings", json=body)
    assert refused.status_code == 403
    assert "all workspaces" in refused.json["detail"]
