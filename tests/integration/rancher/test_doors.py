"""Role x verb x kind x workspace x door: one answer by every door, and it is Kubernetes'."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.api.test_permissions import BODIES
from tests.integration.rancher.conftest import DOORS, UNVERIFIED, USERS, Inside

pytestmark = [UNVERIFIED, pytest.mark.xdist_group("rancher")]
GITREPOS = "fleet.cattle.io.gitrepos"
READ, WRITES = ("get", "list"), ("create", "update", "patch", "delete")
ALL = (*READ, *WRITES)


def fleets(*plurals: str) -> tuple[str, ...]:
    return tuple(f"fleet.cattle.io.{plural}" for plural in plurals)


DEPLOYED = fleets("gitrepos", "bundles")
RANCHERS = (*DEPLOYED, *fleets("clusters", "clustergroups", "clusterregistrationtokens", "gitreporestrictions"))
"""Kinds that Rancher's roles for workspaces name."""
FORGOTTEN = fleets("helmops", "imagescans", "bundlenamespacemappings", "policies", "schedules")
SCANNED = FORGOTTEN[:2]
MAY: dict[str, dict[str, tuple[str, ...]]] = {
    "administrator": dict.fromkeys(BODIES, ALL),
    "workspace admin": dict.fromkeys(RANCHERS, ALL),
    "member": dict.fromkeys(RANCHERS, READ) | dict.fromkeys(DEPLOYED, ALL),
    "read-only": dict.fromkeys(RANCHERS, READ),
    "stranger": {},
    "disabled": {},
    "full admin": dict.fromkeys((*FORGOTTEN, "secrets", "configmaps"), ALL),
    "full member": dict.fromkeys(FORGOTTEN, READ) | dict.fromkeys(SCANNED, ALL) | {"secrets": ("create",), "configmaps": (*READ, "create")},
    "full read-only": dict.fromkeys((*FORGOTTEN, "configmaps"), READ),
}
"""Of each user the verbs by kind, in team-a; the administrator's are in all workspaces. A full one has what the chart's roles add."""
WORKSPACES = ("team-a", "team-b")


@pytest.fixture(scope="module", autouse=True)
def filled(inside: Inside) -> None:
    for workspace in WORKSPACES:
        for plural in BODIES:
            make(inside, plural, workspace)


ADMIN_DOOR = "direct, token"


NUMBERS = itertools.count()


def make(inside: Inside, plural: str, workspace: str, name: str = "there") -> None:
    body = {**BODIES[plural], **named(name, workspace)}
    made = inside.call(ADMIN_DOOR, "administrator", "POST", f"/v1/{plural}", json=body)
    assert made.status_code == 201, made.text


def named(name: str, namespace: str = "") -> dict[str, Any]:
    return {"metadata": {"name": name, **({"namespace": namespace} if namespace else {})}}


def may(user: str, verb: str, plural: str, workspace: str) -> bool:
    return (workspace == "team-a" or user == "administrator") and verb in MAY[user].get(plural, ())


def do(inside: Inside, door: str, user: str, verb: str, plural: str, workspace: str) -> Any:
    """Kubernetes' service proxy takes no dryRun: what is done through it is done, and what is deleted is made for that."""
    url, one = f"/v1/{plural}", f"/v1/{plural}/{workspace}/there"
    dry = "" if "proxy" in door else "?dryRun=All"
    body = {**BODIES[plural], **named("there", workspace)}
    match verb:
        case "get":
            return inside.call(door, user, "GET", one)
        case "list":
            return inside.call(door, user, "GET", f"{url}/{workspace}")
        case "create":
            return inside.call(door, user, "POST", f"{url}{dry}", json={**body, **named(f"new-{next(NUMBERS)}", workspace)})
        case "update":
            return inside.call(door, user, "PUT", f"{one}{dry}", json=body, headers={"If-Match": "*"})
        case "patch":
            return inside.call(door, user, "PATCH", f"{one}{dry}", json={"metadata": {"labels": {"a": "b"}}})
        case _:
            if not dry:
                make(inside, plural, workspace, victim := f"victim-{next(NUMBERS)}")
                one = f"{url}/{workspace}/{victim}"
            return inside.call(door, user, "DELETE", f"{one}{dry}")


@pytest.mark.parametrize(("door", "user"), list(itertools.product(DOORS, USERS)))
def test_every_verb_on_every_kind_in_every_workspace_by_every_door(inside: Inside, door: str, user: str) -> None:
    if user == "disabled" and "kubectl" in door:
        pytest.skip("Kubernetes does not know Rancher's users, and so not that one is disabled")
    for verb, plural, workspace in itertools.product(ALL, BODIES, WORKSPACES):
        answer = do(inside, door, user, verb, plural, workspace)
        where = (verb, plural, workspace, answer.status_code, answer.text[:300])
        if user == "disabled":
            assert answer.status_code == 401, where
        elif verb == "list":
            assert answer.status_code == 200, where
            ids = [item["id"] for item in answer.json()["data"]]
            assert (f"{workspace}/there" in ids) == may(user, verb, plural, workspace), where
        elif may(user, verb, plural, workspace):
            assert answer.status_code in (200, 201), where
        else:
            unseen = verb != "create" and not may(user, "get", plural, workspace)
            assert answer.status_code == (404 if unseen else 403), where


@pytest.mark.parametrize("door", DOORS)
def test_a_list_of_all_workspaces_holds_those_the_caller_may_read(inside: Inside, door: str) -> None:
    for user, expected in {"administrator": ["team-a/there", "team-b/there"], "read-only": ["team-a/there"], "stranger": []}.items():
        answer = inside.call(door, user, "GET", f"/v1/{GITREPOS}?filter=metadata.name=there").json()
        assert ([item["id"] for item in answer["data"]], answer["count"]) == (expected, len(expected)), user


@pytest.mark.parametrize("door", DOORS)
def test_what_a_user_may_not_do_is_missing_from_links_actions_and_schemas(inside: Inside, door: str) -> None:
    def shown(user: str) -> tuple[list[str], bool, list[str]]:
        item = inside.call(door, user, "GET", f"/v1/{GITREPOS}/team-a?filter=metadata.name=there").json()["data"][0]
        schema = inside.call(door, user, "GET", "/v1/schemas/fleet.cattle.io.gitrepo").json()
        return sorted(item["links"]), "actions" in item, schema["resourceMethods"]

    assert shown("read-only") == (["events", "resources", "self"], False, ["GET"])
    assert shown("member") == (["events", "patch", "remove", "resources", "self", "update"], True, ["GET", "PUT", "PATCH", "DELETE"])
    kinds = {schema["id"] for schema in inside.call(door, "member", "GET", "/v1/schemas").json()["data"]}
    assert "fleet.cattle.io.gitrepo" in kinds and not {"fleet.cattle.io.helmop", "secret"} & kinds


@pytest.mark.parametrize("door", DOORS)
def test_a_right_on_one_workspace_by_its_name_is_enough_for_it(inside: Inside, door: str) -> None:
    url = "/v1/management.cattle.io.fleetworkspaces"
    assert [item["id"] for item in inside.call(door, "workspace admin", "GET", url).json()["data"]] == ["team-a"]
    assert inside.call(door, "workspace admin", "PATCH", f"{url}/team-a", json={"metadata": {"labels": {"a": "b"}}}).ok
    assert inside.call(door, "workspace admin", "GET", f"{url}/team-b").status_code == 404


@pytest.mark.parametrize("door", DOORS)
def test_links_lead_back_by_the_door_through_which_the_request_came(inside: Inside, door: str) -> None:
    base = DOORS[door](inside, "member")[0]
    link = inside.call(door, "member", "GET", f"/v1/{GITREPOS}/team-a/there").json()["links"]["self"]
    path = base.removeprefix(inside.rancher.url).removeprefix(inside.kubernetes.server).removeprefix("/k8s/clusters/local")
    assert link == f"{path}/v1/{GITREPOS}/team-a/there"


def test_a_cluster_moves_only_where_the_caller_may_let_it_in(inside: Inside) -> None:
    """The administrator of team-a may not put clusters into team-b; `fleetaddcluster` decides."""
    make(inside, "fleet.cattle.io.clusters", "team-a", "mover")
    url = "/v1/fleet.cattle.io.clusters/team-a/mover?action=move&dryRun=All"
    answer = inside.call(ADMIN_DOOR, "workspace admin", "POST", url, json={"workspace": "team-b"})
    assert answer.status_code == 403 and "fleetaddcluster on fleetworkspaces.management.cattle.io for team-b" in answer.text
    assert inside.call(ADMIN_DOOR, "administrator", "POST", url, json={"workspace": "team-b"}).status_code == 200
