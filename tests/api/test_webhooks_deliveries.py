"""The log of deliveries: who reads what, how much is kept, and doing one again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from api.webhooks.allowance import MOST, RATE, Allowance
from api.webhooks.webhook import ALLOWANCE
from extension.objects.base import ObjectMeta
from extension.objects.kinds import FleetWorkspace
from extension.store.deliveries import KEPT, Delivery
from tests.api.conftest import GITREPOS, Session
from tests.api.hooks import BEFORE, COMMIT, EVERYBODYS, OTHER, SECRET, SYSTEM, add, github, secret, send, status, unsigned
from tests.fakes.clock import Clock

DELIVERIES = "/v1/webhookdeliveries"


def rows(session: Session, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = session.get(DELIVERIES + query).json["data"]
    return found


@pytest.fixture
def shared(admin: Session) -> None:
    """A repository that both teams deploy from, team-b without its secret; and one nobody does."""
    secret(admin, "team-a", "hook", github=SECRET)
    add(admin, github().repo, "team-a", webhookSecret="hook")
    add(admin, github().repo, "team-a", name="next", branch="next", webhookSecret="hook")
    add(admin, github().repo, "team-b", webhookSecret="hook")
    send(admin, github())
    send(admin, github(name="unknown"))


@pytest.mark.usefixtures("shared")
def test_a_row_says_what_came_from_whom_and_what_it_did(admin: Session) -> None:
    row = rows(admin, "?workspace=team-a")[0]
    told = {name: row[name] for name in ("provider", "event", "repository", "ref", "commit", "verified", "guid", "workspace", "type")}
    assert told == {
        "provider": "github",
        "event": "push",
        "repository": "https://github.com/octo/web",
        "ref": "refs/heads/main",
        "commit": COMMIT,
        "verified": True,
        "guid": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "workspace": "team-a",
        "type": "webhookdelivery",
    }
    assert [(found["gitrepo"], found["result"]) for found in row["gitrepos"]] == [("next", "skipped"), ("web", "triggered")]
    assert "follows branch next" in row["gitrepos"][0]["message"]
    assert admin.get(row["links"]["self"]).json == row
    assert row["time"] and row["request"]


@pytest.mark.usefixtures("shared")
def test_a_refused_row_says_why_and_not_what_was_pushed(admin: Session) -> None:
    row = rows(admin, "?workspace=team-b")[0]
    assert (row["verified"], row["gitrepos"][0]["result"]) == (False, "refused")
    assert row["reason"] == row["gitrepos"][0]["message"]
    assert "Secret team-b/hook, named in spec.webhookSecret, does not exist: create it with github" in row["reason"]
    assert not {"ref", "commit"} & set(row)


@pytest.mark.usefixtures("shared")
def test_who_reads_a_workspace_reads_its_rows_and_no_others(admin: Session, login: Callable[..., Session]) -> None:
    everything = rows(admin)
    assert [row.get("workspace", "") for row in everything] == ["", "team-b", "team-a"]
    for roles, workspaces in (
        ({"team_a": "read-only"}, ["team-a"]),
        ({"team_a": "member", "team_b": "read-only"}, ["team-b", "team-a"]),
        ({"all": "read-only"}, ["team-b", "team-a"]),
        ({"all": "member"}, ["team-b", "team-a"]),
        ({"fleet_local": "admin"}, []),
    ):
        session = login(**roles)
        assert [row["workspace"] for row in rows(session)] == workspaces
        for row in everything:
            seen = row.get("workspace") in workspaces
            response = session.get(f"{DELIVERIES}/{row['id']}")
            assert response.status_code == (200 if seen else 404)
            assert seen or response.json["message"] == f"webhook delivery {row['id']} not found"
        assert rows(session, "?workspace=team-b") == [row for row in rows(session) if row["workspace"] == "team-b"]


@pytest.mark.parametrize("name", ["999", "x", "0", "-1", "\u0661", "9" * 40, "1.0"])
@pytest.mark.usefixtures("shared")
def test_a_row_that_is_not_there_is_not_found(admin: Session, name: str) -> None:
    response = admin.get(f"{DELIVERIES}/{name}")
    assert (response.status_code, response.json["code"]) == (404, "NotFound")


def test_without_a_token_nobody_reads_the_log(admin: Session) -> None:
    assert admin.client.get(DELIVERIES).status_code == 401


@pytest.mark.usefixtures("shared")
def test_a_list_is_the_newest_first_by_pages_and_by_gitrepo(admin: Session) -> None:
    for number in range(4):
        send(admin, github(commit=f"{number + 1:040x}"))
    everything = rows(admin, "?workspace=team-a")
    assert [row["commit"][-1] for row in everything[:4]] == ["4", "3", "2", "1"]
    first = admin.get(f"{DELIVERIES}?workspace=team-a&limit=3").json
    second = admin.get(f"{DELIVERIES}?workspace=team-a&limit=3&continue={first['continue']}").json
    assert first["data"] + second["data"] == everything
    assert "continue" not in second
    assert rows(admin, "?gitrepo=next") == everything
    assert rows(admin, "?gitrepo=nex") == rows(admin, "?gitrepo=%25") == []


@pytest.mark.parametrize("query", ["?limit=0", "?limit=101", "?continue=x", "?workspaces=team-a", "?workspace="])
def test_a_query_that_is_not_understood_is_refused(admin: Session, query: str) -> None:
    assert admin.get(DELIVERIES + query).status_code == 422


def test_a_flood_of_refused_deliveries_pushes_no_proven_one_out(app: Any, admin: Session, store: Any) -> None:
    secret(admin, SYSTEM, EVERYBODYS, github=SECRET)
    add(admin, github().repo)
    send(admin, github())
    for _ in range(KEPT + 5):
        app.extensions[ALLOWANCE] = Allowance()
        assert send(admin, github(), OTHER).status_code == 401
    kept = [row["verified"] for row in rows(admin)] + [row["verified"] for row in rows(admin, f"?continue={rows(admin)[-1]['id']}")]
    assert (kept.count(False), kept.count(True)) == (KEPT, 1)


def test_of_a_flood_only_a_part_is_written_and_all_are_answered(app: Any, admin: Session) -> None:
    clock = Clock()
    app.extensions[ALLOWANCE] = Allowance(clock)
    for _ in range(int(MOST) + 10):
        assert send(admin, github(name="unknown")).status_code == 200
    assert len(rows(admin)) == MOST
    clock.pass_(1)
    for _ in range(int(MOST)):
        send(admin, github(name="unknown"))
    assert len(rows(admin)) == MOST + RATE


def test_proven_deliveries_are_always_written(app: Any, admin: Session) -> None:
    secret(admin, SYSTEM, EVERYBODYS, github=SECRET)
    add(admin, github().repo)
    app.extensions[ALLOWANCE] = Allowance(Clock())
    for number in range(int(MOST) + 10):
        send(admin, github(commit=f"{number + 1:040x}"))
    assert len(rows(admin)) == MOST + 10


def test_a_workspace_that_goes_takes_its_rows_along(admin: Session, store: Any) -> None:
    store.create(FleetWorkspace(metadata=ObjectMeta(name="passing")))
    store.deliveries.add([Delivery(workspace="passing"), Delivery(workspace="team-a")])
    assert admin.delete("/v1/management.cattle.io.fleetworkspaces/passing").status_code == 200
    assert [row["workspace"] for row in rows(admin)] == ["team-a"]


def replay(session: Session, row: dict[str, Any]) -> Any:
    return session.post(f"{DELIVERIES}/{row['id']}?action=replay")


@pytest.mark.usefixtures("shared")
def test_a_replay_does_again_what_the_delivery_asked_for(admin: Session, login: Callable[..., Session], store: Any) -> None:
    admin.patch(f"{GITREPOS}/team-a/next", json={"spec": {"branch": "main"}})
    member = login(team_a="member")
    row = rows(member)[0]
    assert row["actions"] == {"replay": f"http://localhost{DELIVERIES}/{row['id']}?action=replay"}
    made = replay(member, row).json["data"]
    assert [(found["gitrepo"], found["result"]) for found in made[0]["gitrepos"]] == [("next", "triggered"), ("web", "unchanged")]
    assert (made[0]["replayOf"], made[0]["replayedBy"], made[0]["commit"]) == (row["id"], "someone", COMMIT)
    assert status(store, name="next").webhook_commit == COMMIT
    assert rows(member) == [*made, row]


@pytest.mark.usefixtures("shared")
def test_a_replay_moves_only_gitrepos_of_the_rows_workspace(admin: Session, login: Callable[..., Session], store: Any) -> None:
    secret(admin, "team-b", "hook", github=OTHER)
    send(admin, github(commit=BEFORE))
    replay(login(team_a="member"), rows(admin, "?workspace=team-a")[0])
    assert status(store, "team-b").webhook_commit == ""


@pytest.mark.usefixtures("shared")
def test_a_refused_delivery_can_be_replayed_and_stays_unproven(login: Callable[..., Session], store: Any) -> None:
    member = login(team_b="member")
    made = replay(member, rows(member)[0]).json["data"][0]
    assert (made["verified"], made["gitrepos"][0]["result"]) == (False, "triggered")
    assert not {"ref", "commit"} & set(made)
    assert status(store, "team-b").webhook_commit == COMMIT


@pytest.mark.usefixtures("shared")
def test_what_matched_nothing_is_replayed_by_who_administers_all_once_there_is_a_gitrepo(
    admin: Session, login: Callable[..., Session], store: Any
) -> None:
    unmatched = rows(admin)[0]
    add(admin, github(name="unknown").repo, "team-b", name="late")
    assert replay(login(all="member"), unmatched).status_code == 404
    assert [row["workspace"] for row in replay(admin, unmatched).json["data"]] == ["team-b"]
    assert status(store, "team-b", "late").webhook_commit == COMMIT


@pytest.mark.usefixtures("shared")
def test_who_may_only_read_does_not_replay(admin: Session, login: Callable[..., Session]) -> None:
    row = rows(admin, "?workspace=team-a")[0]
    reader = login(team_a="read-only", team_b="member")
    assert "actions" not in rows(reader, "?workspace=team-a")[0]
    response = replay(reader, row)
    assert (response.status_code, response.json["code"]) == (403, "PermissionDenied")
    assert "member in workspace team-a" in response.json["detail"]
    assert reader.post(f"{DELIVERIES}/{row['id']}?action=forget").status_code == 422
    assert reader.post(f"{DELIVERIES}/{row['id']}").status_code == 422
    assert len(rows(admin, "?workspace=team-a")) == 1


def test_an_event_of_another_kind_is_in_the_log_too(admin: Session) -> None:
    secret(admin, SYSTEM, EVERYBODYS, github=SECRET)
    add(admin, github().repo)
    send(admin, replace(github(), headers={"X-GitHub-Event": "issues"}))
    row = rows(admin)[0]
    assert (row["event"], row["verified"], row["reason"]) == ("issues", True, "the event issues is no push")


def test_names_from_outside_are_kept_only_if_they_are_harmless(admin: Session) -> None:
    hook = replace(github(), sign=unsigned, headers={"X-GitHub-Event": "push", "X-GitHub-Delivery": "<script>"})
    assert send(admin, hook).status_code == 200
    assert "guid" not in rows(admin)[0]
    send(admin, replace(hook, headers={"X-GitHub-Event": "<b>" + "x" * 300}))
    assert "event" not in rows(admin)[0]
