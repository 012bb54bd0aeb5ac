"""API tokens: shown once, given only by those who have what they give, good until revoked."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from api.services import Services
from tests.api.conftest import GITREPOS, Session

URL = "/v1/tokens"


def test_the_clear_token_is_in_the_answer_to_its_creation_and_never_again(admin: Session, app: Flask) -> None:
    made = admin.post(URL, json={"name": "ci", "roles": {"team-a": "member"}, "ttl": "720h"})
    assert made.status_code == 201
    token, secret = made.json["token"], made.json["token"].partition(":")[2]
    assert made.json["id"] == token.partition(":")[0]
    assert made.json["expires"]
    assert Session(app.test_client(), token).get(GITREPOS).status_code == 200
    for path in (URL, f"{URL}/{made.json['id']}"):
        assert secret not in admin.get(path).text
    assert made.headers["Location"] == f"http://localhost{URL}/{made.json['id']}"


def test_a_revoked_token_stops_at_once(admin: Session, app: Flask) -> None:
    made = admin.post(URL, json={"name": "ci", "roles": {"team-a": "member"}}).json
    session = Session(app.test_client(), made["token"])
    assert session.get(GITREPOS).status_code == 200
    assert admin.delete(f"{URL}/{made['id']}").status_code == 200
    assert session.get(GITREPOS).status_code == 401
    assert admin.get(f"{URL}/{made['id']}").status_code == 404


@pytest.mark.parametrize(
    ("roles", "given", "status"),
    [
        pytest.param({"team_a": "admin"}, {"team-a": "admin"}, 201, id="what one has"),
        pytest.param({"team_a": "admin"}, {"team-a": "member", "team-b": "read-only"}, 403, id="a workspace one has not"),
        pytest.param({"team_a": "admin"}, {"*": "read-only"}, 403, id="all workspaces"),
        pytest.param({"team_a": "admin"}, {"nowhere": "read-only"}, 403, id="a workspace that is not there"),
        pytest.param({"team_a": "member"}, {"team-a": "member"}, 403, id="a member gives nothing"),
        pytest.param({"all": "admin"}, {"*": "admin"}, 201, id="an administrator of all gives all"),
        pytest.param({"all": "admin"}, {"nowhere": "admin"}, 422, id="and is told of a workspace that is not there"),
    ],
)
def test_nobody_gives_what_they_do_not_have(
    login: Callable[..., Session], roles: dict[str, str], given: dict[str, str], status: int
) -> None:
    assert login(**roles).post(URL, json={"name": "x", "roles": given}).status_code == status


@pytest.mark.parametrize(
    ("body", "field"),
    [
        pytest.param({"roles": {"*": "admin"}}, "name", id="no name"),
        pytest.param({"name": " ", "roles": {"*": "admin"}}, "name", id="a blank name"),
        pytest.param({"name": "x", "roles": {}}, "roles", id="no role"),
        pytest.param({"name": "x", "roles": {"*": "owner"}}, "roles.*", id="a role nobody knows"),
        pytest.param({"name": "x", "roles": {"*": "admin"}, "ttl": "30d"}, "ttl", id="days are no Go unit"),
        pytest.param({"name": "x", "roles": {"*": "admin"}, "ttl": "0s"}, "ttl", id="no time at all"),
        pytest.param({"name": "x", "roles": {"*": "admin"}, "token": "mine"}, "token", id="a secret of one's own"),
    ],
)
def test_a_bad_request_is_refused_by_field(admin: Session, body: dict[str, Any], field: str) -> None:
    response = admin.post(URL, json=body)
    assert (response.status_code, response.json["fieldName"]) == (422, field)


def test_one_sees_the_tokens_one_could_have_given_and_ones_own(admin: Session, login: Callable[..., Session]) -> None:
    admin.post(URL, json={"name": "theirs", "roles": {"team-b": "read-only"}})
    admin.post(URL, json={"name": "ours", "roles": {"team-a": "read-only"}})
    mine, reader = login(team_a="admin"), login(team_a="read-only")
    names = {token["name"] for token in mine.get(URL).json["data"]}
    assert "ours" in names
    assert "theirs" not in names
    assert [token["id"] for token in reader.get(URL).json["data"]] == [reader.token.partition(":")[0]]


def test_a_list_tells_who_may_make_tokens_and_which_is_ones_own(admin: Session, login: Callable[..., Session]) -> None:
    callers = {"all": admin, "one": login(team_a="admin"), "member": login(team_a="member"), "reader": login(all="read-only")}
    listed = {name: session.get(URL).json for name, session in callers.items()}
    assert [name for name, body in listed.items() if "createTypes" in body] == ["all", "one"]
    for name, session in callers.items():
        own = [token["id"] for token in listed[name]["data"] if token.get("current")]
        assert own == [session.token.partition(":")[0]]


def test_one_can_give_up_ones_own_token(login: Callable[..., Session]) -> None:
    reader = login(team_a="read-only")
    assert reader.delete(f"{URL}/{reader.token.partition(':')[0]}").status_code == 200
    assert reader.get(URL).status_code == 401


def test_basic_is_as_good_as_bearer(app: Flask, services: Services) -> None:
    clear = services.tokens.create("x", {"*": "read-only"})
    basic = base64.b64encode(clear.encode()).decode()
    assert app.test_client().get(GITREPOS, headers={"Authorization": f"Basic {basic}"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"Authorization": "Bearer token-x:wrong"}, id="a token nobody has"),
        pytest.param({"Authorization": "Bearer"}, id="an empty token"),
        pytest.param({"Authorization": "Basic !!!"}, id="Basic that is no base64"),
        pytest.param({"Authorization": "Negotiate abc"}, id="another scheme"),
        pytest.param({"Cookie": "R_SESS=token-x:y"}, id="a cookie"),
        pytest.param({"X-Remote-User": "admin", "X-Remote-Group": "system:masters"}, id="headers of a proxy"),
        pytest.param({"Impersonate-User": "admin"}, id="impersonation"),
    ],
)
@pytest.mark.parametrize("path", [GITREPOS, "/v1", "/v1/schemas", "/v1/tokens", "/v1/events", "/v1/nothing"])
def test_without_a_valid_token_there_is_only_401(app: Flask, headers: dict[str, str], path: str) -> None:
    response = app.test_client().get(path, headers=headers)
    assert (response.status_code, response.json["code"]) == (401, "Unauthorized")
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
