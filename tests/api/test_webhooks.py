"""The webhook door: who is believed, what a delivery does, and all that it must not do."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest
import structlog

from api.webhooks import webhook
from extension.objects.kinds import GitRepo
from tests.api.conftest import Session
from tests.api.hooks import (
    BEFORE,
    COMMIT,
    EVERYBODYS,
    HOOKS,
    OTHER,
    SECRET,
    SYSTEM,
    Hook,
    add,
    bitbucket,
    github,
    secret,
    send,
    status,
    unsigned,
)


@pytest.fixture
def log() -> Iterator[Callable[[], str]]:
    """All that is logged from now on."""
    file = io.StringIO()
    handler = logging.StreamHandler(file)
    logging.getLogger().addHandler(handler)
    structlog.configure(processors=[structlog.processors.JSONRenderer()], logger_factory=structlog.PrintLoggerFactory(file))
    yield file.getvalue
    structlog.reset_defaults()
    logging.getLogger().removeHandler(handler)


@pytest.mark.parametrize("hook", HOOKS.values(), ids=HOOKS)
def test_a_proven_push_is_noted_and_nothing_else_changes(admin: Session, store: Any, hook: Hook) -> None:
    secret(admin, "team-a", "hook", **hook.keys)
    add(admin, hook.repo, webhookSecret="hook", pollingInterval="1m")
    before = store.get(GitRepo, "team-a", "web")
    response = send(admin, hook)
    assert (response.status_code, response.json["status"], response.json["triggered"]) == (200, "succeeded", 1)
    after = store.get(GitRepo, "team-a", "web")
    assert (after.status.webhook_commit, bool(after.status.last_webhook_time)) == (COMMIT, True)
    assert after.spec == before.spec
    assert msgspec.structs.replace(after.status, webhook_commit="", last_webhook_time="") == before.status


@pytest.mark.parametrize("hook", HOOKS.values(), ids=HOOKS)
def test_the_secret_of_the_service_serves_gitrepos_that_name_none(admin: Session, store: Any, hook: Hook) -> None:
    secret(admin, SYSTEM, EVERYBODYS, **hook.keys)
    add(admin, hook.repo)
    assert send(admin, hook).json["triggered"] == 1
    assert status(store).webhook_commit == COMMIT


def spoilt(hook: Hook) -> Hook:
    """The delivery under its signature, with another commit in it."""
    return replace(hook, sign=lambda secret, _: hook.sign(secret, hook.body), payload={**hook.payload, "after": BEFORE, "x": 1})


SIGNED = {name: hook for name, hook in HOOKS.items() if name not in ("GitLab", "Azure DevOps", "Bitbucket Cloud by its UUID")}
WRONG = [
    *((hook, OTHER, f"{name}, by another secret") for name, hook in HOOKS.items() if hook.sign is not unsigned),
    *((replace(hook, sign=unsigned), SECRET, f"{name}, without a proof") for name, hook in HOOKS.items() if hook.sign is not unsigned),
    *((spoilt(hook), SECRET, f"{name}, changed on its way") for name, hook in SIGNED.items()),
    (replace(bitbucket(), extra={"X-Hook-UUID": "another"}), SECRET, "Bitbucket Cloud, another UUID"),
    (replace(github(), sign=unsigned, extra={"X-Hub-Signature-256": "sha256=x"}), SECRET, "GitHub, no digest"),
    (replace(github(), sign=unsigned, extra={"X-Hub-Signature-256": "\xe4\xff"}), SECRET, "GitHub, no text"),
    (replace(HOOKS["Azure DevOps"], sign=unsigned, extra={"Authorization": "Basic %%"}), SECRET, "Azure, no base64"),
    (replace(HOOKS["Azure DevOps"], sign=unsigned, extra={"Authorization": f"Bearer {SECRET}"}), SECRET, "Azure, a bearer"),
]


@pytest.mark.parametrize(("hook", "signed_with"), [case[:2] for case in WRONG], ids=[case[2] for case in WRONG])
def test_what_is_not_proven_moves_nothing(admin: Session, store: Any, hook: Hook, signed_with: str) -> None:
    secret(admin, "team-a", "hook", **hook.keys)
    add(admin, hook.repo, webhookSecret="hook")
    before = store.get(GitRepo, "team-a", "web")
    response = send(admin, hook, signed_with)
    assert (response.status_code, response.json["type"], response.json["code"]) == (401, "error", "Unauthorized")
    assert "/v1/webhookdeliveries" in response.json["detail"]
    assert store.get(GitRepo, "team-a", "web") == before


def test_a_signature_of_sha1_alone_is_refused_and_the_answer_says_so(admin: Session) -> None:
    secret(admin, "team-a", "hook", github=SECRET)
    add(admin, github().repo, webhookSecret="hook")
    old = replace(github(), sign=lambda key, body: {"X-Hub-Signature": github().sign(key, body)["X-Hub-Signature"]})
    response = send(admin, old)
    assert response.status_code == 401
    assert "SHA-1" in response.json["message"]


@pytest.mark.parametrize("keys", [{}, {"github": ""}, {"gitlab": SECRET, "gogs": SECRET}], ids=["none", "empty", "of other providers"])
@pytest.mark.parametrize("place", [("team-a", "hook"), (SYSTEM, EVERYBODYS)], ids=["its own", "the service's"])
def test_a_secret_without_the_providers_key_is_no_secret(admin: Session, store: Any, keys: dict[str, str], place: tuple[str, str]) -> None:
    secret(admin, *place, **keys)
    add(admin, github().repo, webhookSecret="hook" if place[0] == "team-a" else "")
    response = send(admin, github(), "")
    assert (response.status_code, response.json["code"]) == (403, "PermissionDenied")
    assert "with the key github" in response.json["message"]
    assert status(store).webhook_commit == ""


@pytest.mark.parametrize("named", ["hook", ""], ids=["a named one", "the service's"])
def test_without_a_secret_a_webhook_is_refused_with_what_to_create(admin: Session, store: Any, named: str) -> None:
    add(admin, github().repo, webhookSecret=named)
    if named:  # somebody else's of that name, and the service's: a GitRepo that names its own is checked by nothing else
        secret(admin, "team-b", "hook", github=SECRET)
        secret(admin, SYSTEM, EVERYBODYS, github=SECRET)
    response = send(admin, github())
    assert response.status_code == 403
    assert all(word in response.json["message"] for word in (EVERYBODYS, SYSTEM, "spec.webhookSecret", "github"))
    assert "team-a" not in response.text
    assert status(store).webhook_commit == ""
    row = admin.get("/v1/webhookdeliveries").json["data"][0]
    assert ("team-a/hook" if named else EVERYBODYS) in row["reason"]


def test_one_tenants_secret_moves_no_other_tenants_gitrepo(admin: Session, store: Any) -> None:
    secret(admin, "team-a", "hook", github=SECRET)
    secret(admin, "team-b", "hook", github=OTHER)
    secret(admin, SYSTEM, EVERYBODYS, github="the-service's-own")
    add(admin, github().repo, "team-a", webhookSecret="hook")
    add(admin, github().repo, "team-b", webhookSecret="hook")
    add(admin, github().repo, "team-b", name="everybodys")
    response = send(admin, github())
    assert response.json == {"type": "webhookResult", "status": "succeeded", "event": "push", "matched": 1, "triggered": 1}
    assert status(store, "team-a").webhook_commit == COMMIT
    assert status(store, "team-b").webhook_commit == status(store, "team-b", "everybodys").webhook_commit == ""
    send(admin, github(commit=BEFORE), OTHER)
    assert (status(store, "team-a").webhook_commit, status(store, "team-b").webhook_commit) == (COMMIT, BEFORE)


def test_a_repository_nobody_has_is_accepted_and_matches_nothing(admin: Session, store: Any) -> None:
    secret(admin, SYSTEM, EVERYBODYS, github=SECRET)
    add(admin, "https://github.com/octo/web-too")
    response = send(admin, github())
    assert (response.status_code, response.json["matched"], response.json["triggered"]) == (200, 0, 0)
    assert status(store).webhook_commit == ""


@pytest.mark.parametrize("chunked", [False, True], ids=["of a length", "in chunks"])
def test_a_body_that_is_too_large_is_refused(admin: Session, chunked: bool) -> None:
    sent: dict[str, Any] = {**github().request(), "data": b" " * (webhook.MAX_BODY + 1)}
    if chunked:
        stream = io.BytesIO(sent.pop("data"))
        sent |= {"input_stream": stream, "environ_overrides": {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}}
    response = admin.client.post("/webhook", **sent)
    assert (response.status_code, response.json["code"]) == (413, "MaxLengthExceeded")
    assert str(webhook.MAX_BODY) in response.json["message"]
    assert admin.get("/v1/webhookdeliveries").json["count"] == 0


def test_a_body_in_chunks_is_read_as_any_other(admin: Session, store: Any) -> None:
    secret(admin, SYSTEM, EVERYBODYS, github=SECRET)
    add(admin, github().repo)
    sent = github().request()
    stream = io.BytesIO(sent.pop("data"))
    assert admin.client.post("/webhook", **sent, input_stream=stream, environ_overrides={"wsgi.input_terminated": True}).status_code == 200
    assert status(store).webhook_commit == COMMIT


BROKEN = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"text"',
    b"\xff\xfe",
    b'{"ref":1}',
    b'{"ref":"\xff"}',
    b'{"x":' + b"[" * 100_000,
    b'{"repository":[]}',
]


@pytest.mark.parametrize("body", BROKEN, ids=range(len(BROKEN)))
@pytest.mark.parametrize("event", [name for hook in ("GitHub", "Gogs") for name in HOOKS[hook].headers if name.endswith("Event")])
def test_what_is_no_payload_is_refused_without_repeating_it(admin: Session, event: str, body: bytes) -> None:
    response = admin.client.post("/webhook", data=body, headers={event: "push"}, content_type="application/json")
    assert (response.status_code, response.json["code"]) == (422, "InvalidBodyContent")


def test_a_form_of_many_fields_is_no_payload(admin: Session) -> None:
    form = {"data": b"&".join(b"a=1" for _ in range(100)), "content_type": "application/x-www-form-urlencoded"}
    assert admin.client.post("/webhook", headers={"X-GitHub-Event": "push"}, **form).status_code == 422


def test_without_a_providers_header_a_delivery_is_ignored(admin: Session) -> None:
    response = admin.client.post("/webhook", json={"ref": "refs/heads/main"})
    assert (response.status_code, response.json["status"]) == (200, "ignored")
    assert admin.get("/v1/webhookdeliveries").json["count"] == 0


def test_the_door_takes_posts_with_or_without_a_slash(admin: Session) -> None:
    assert admin.client.post("/webhook/", **github().request()).status_code == 200
    response = admin.client.get("/webhook")
    assert (response.status_code, response.json["code"], "POST" in response.headers["Allow"]) == (405, "MethodNotAllowed", True)
    assert admin.client.post("/webhook/elsewhere").status_code == 404


@pytest.mark.parametrize("signed_with", [SECRET, OTHER], ids=["proven", "refused"])
@pytest.mark.parametrize("hook", HOOKS.values(), ids=HOOKS)
def test_neither_secret_nor_payload_is_in_any_log_answer_or_row(
    admin: Session, log: Callable[[], str], hook: Hook, signed_with: str
) -> None:
    secret(admin, "team-a", "hook", **hook.keys)
    secret(admin, SYSTEM, EVERYBODYS, **hook.keys)
    add(admin, hook.repo, webhookSecret="hook")
    marked = hook.changed(note="payload-7d3a-not-for-logs")
    response = send(admin, marked, signed_with)
    told = log() + response.text + str(response.headers) + admin.get("/v1/webhookdeliveries").text
    secrets = [value for key, value in hook.keys.items() if key != "azure-username"]
    proofs = [value.removeprefix("sha256=") for value in marked.sign(signed_with, marked.body).values()]
    assert [hidden for hidden in (SECRET, OTHER, "payload-7d3a", *secrets, *proofs) if hidden in told] == []
    assert '"event": "webhook"' in log()


def test_a_login_in_a_payloads_url_is_kept_nowhere(admin: Session, log: Callable[[], str]) -> None:
    repository = {"html_url": "https://octo:hidden-41ab@github.com/octo/web", "ssh_url": "javascript:alert(1)"}
    assert send(admin, github().changed(repository=repository)).status_code == 200
    row = admin.get("/v1/webhookdeliveries").json["data"][0]
    assert row["repository"] == "https://github.com/octo/web"
    assert "hidden-41ab" not in log() + str(row)
    assert "javascript" not in str(row)


def test_the_secret_of_the_service_is_made_only_by_who_has_a_role_everywhere(login: Callable[..., Session]) -> None:
    body = {"metadata": {"name": EVERYBODYS, "namespace": SYSTEM}, "stringData": {"github": SECRET}}
    assert login(team_a="admin").post("/v1/secrets", json=body).status_code == 403
    assert login(all="member").post("/v1/secrets", json=body).status_code == 201
    assert login(team_a="admin").get(f"/v1/secrets/{SYSTEM}/{EVERYBODYS}").status_code == 404
