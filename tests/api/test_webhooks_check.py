"""`testWebhook`: what a webhook lacks, in words, before anybody sends one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.conftest import GITREPOS, Session
from tests.api.hooks import EVERYBODYS, OTHER, SECRET, SYSTEM, add, github, secret, send


def check(session: Session, **body: Any) -> Any:
    return session.post(f"{GITREPOS}/team-a/web?action=testWebhook", **({"json": body} if body else {}))


def said(session: Session, name: str, **body: Any) -> tuple[bool, str]:
    """What one of the checks found; the first that is not well if there are several."""
    found = [one for one in check(session, **body).json["checks"] if one["check"] == name]
    worst = min(found, key=lambda one: one["ok"])
    return worst["ok"], worst["message"]


def test_a_gitrepo_that_lacks_nothing_is_ready_and_told_where_to_send(admin: Session) -> None:
    secret(admin, "team-a", "hook", github=SECRET)
    add(admin, github().repo, webhookSecret="hook")
    found = check(admin).json
    assert (found["ready"], found["provider"], found["endpoint"], found["id"]) == (True, "github", "http://localhost/webhook", "team-a/web")
    assert found["checks"] == [
        {"check": "secret", "ok": True, "message": "Secret team-a/hook has github"},
        {
            "check": "repository",
            "ok": True,
            "message": "deliveries that name github.com/octo/web are for this GitRepo, by https or ssh, with .git or without",
        },
        {"check": "branch", "ok": True, "message": "pushes to branch main let the GitRepo look"},
        {"check": "deliveries", "ok": True, "message": "no delivery has come yet: send one from the Git server"},
    ]


@pytest.mark.parametrize(
    ("keys", "named", "message"),
    [
        pytest.param(
            None, "hook", "Secret team-a/hook, named in spec.webhookSecret, does not exist: create it with github", id="no secret"
        ),
        pytest.param({"gitlab": SECRET}, "hook", "Secret team-a/hook has no github: add it", id="another provider's key"),
        pytest.param({"github": ""}, "hook", "Secret team-a/hook has no github: add it", id="an empty key"),
        pytest.param(
            {"github": f"{SECRET}\n"},
            "hook",
            "github of Secret team-a/hook begins or ends with white space, which is part of the secret",
            id="a line end in the key",
        ),
        pytest.param(
            None,
            "",
            "there is no secret to check it with: create the Secret gitjob-webhook in cattle-fleet-system with github, "
            "or one in the workspace and name it in spec.webhookSecret",
            id="none anywhere",
        ),
    ],
)
def test_a_secret_that_will_not_do_is_told(admin: Session, keys: dict[str, str] | None, named: str, message: str) -> None:
    if keys is not None:
        secret(admin, "team-a", "hook", **keys)
    add(admin, github().repo, webhookSecret=named)
    assert said(admin, "secret") == (False, message)
    assert check(admin).json["ready"] is False


def test_of_a_server_nobody_knows_the_provider_is_asked_for(admin: Session) -> None:
    add(admin, "https://git.example.org/octo/web")
    assert said(admin, "secret") == (
        False,
        "Secret cattle-fleet-system/gitjob-webhook does not exist; name the provider to have its own key checked",
    )
    secret(admin, SYSTEM, EVERYBODYS, gogs=SECRET, **{"azure-username": "u"})
    assert said(admin, "secret")[1].startswith(f"Secret {SYSTEM}/{EVERYBODYS} has what gogs need")
    assert said(admin, "secret", provider="gogs") == (True, f"Secret {SYSTEM}/{EVERYBODYS} has gogs")
    assert said(admin, "secret", provider="azure") == (False, f"Secret {SYSTEM}/{EVERYBODYS} has no azure-password: add it")


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("git@github.com:Octo/Web.git", (True, "both name github.com/octo/web")),
        ("https://github.com/octo/other", (False, "url names github.com/octo/other, and spec.repo github.com/octo/web")),
        ("web", (False, "url is no URL of a repository")),
    ],
    ids=["the same", "another", "none"],
)
def test_a_url_is_held_against_that_of_the_gitrepo(admin: Session, url: str, found: tuple[bool, str]) -> None:
    add(admin, github().repo)
    assert said(admin, "repository", url=url) == found


@pytest.mark.parametrize(
    ("spec", "ref", "found"),
    [
        ({}, "refs/heads/main", (True, "pushes to branch main let the GitRepo look")),
        ({}, "refs/heads/next", (False, "the GitRepo follows branch main, and something else was pushed")),
        ({"branch": ""}, "refs/tags/v1", (True, "the GitRepo names no branch: every push lets it look")),
        ({"revision": "v1"}, "", (False, "the GitRepo is bound to revision v1: webhooks do not concern it")),
    ],
    ids=["its branch", "another", "any", "a revision"],
)
def test_a_ref_is_held_against_what_the_gitrepo_follows(admin: Session, spec: dict[str, str], ref: str, found: tuple[bool, str]) -> None:
    add(admin, github().repo, **spec)
    assert said(admin, "branch", **({"ref": ref} if ref else {})) == found


def test_the_last_delivery_is_told(admin: Session) -> None:
    secret(admin, "team-a", "hook", github=SECRET)
    add(admin, github().repo, webhookSecret="hook")
    send(admin, github())
    ok, message = said(admin, "deliveries")
    assert ok and "from github and was triggered" in message
    send(admin, github(), OTHER)
    ok, message = said(admin, "deliveries")
    assert not ok and "was refused: the signature in X-Hub-Signature-256 does not fit" in message


@pytest.mark.parametrize(("body", "field"), [({"provider": "svn"}, "provider"), ({"branch": "main"}, "branch"), ({"ref": 1}, "ref")])
def test_a_question_that_is_not_understood_is_refused(admin: Session, body: dict[str, Any], field: str) -> None:
    add(admin, github().repo)
    response = check(admin, **body)
    assert (response.status_code, response.json["code"], response.json["fieldName"]) == (422, "InvalidBodyContent", field)


def test_a_check_changes_nothing_shows_no_secret_and_needs_a_member(admin: Session, login: Callable[..., Session], store: Any) -> None:
    secret(admin, "team-a", "hook", github=SECRET)
    add(admin, github().repo, webhookSecret="hook")
    before = store.revision()
    assert SECRET not in check(login(team_a="member")).text
    assert store.revision() == before
    assert check(login(team_a="read-only")).status_code == 403
    assert check(login(team_b="admin")).status_code == 404
    assert "testWebhook" in admin.get(f"{GITREPOS}/team-a/web").json["actions"]


def test_all_gitrepos_of_a_workspace_are_checked_at_once(admin: Session) -> None:
    secret(admin, "team-a", "hook", github=SECRET)
    add(admin, github().repo, webhookSecret="hook")
    add(admin, github().repo, name="bare")
    rows = admin.post(f"{GITREPOS}/team-a?action=testWebhook").json["data"]
    assert [(row["id"], row["result"]["ready"]) for row in rows] == [("team-a/bare", False), ("team-a/web", True)]
