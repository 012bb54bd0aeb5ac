"""What a proven delivery does to the GitRepos of its repository, and to which of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from api.webhooks.noting import INTERVAL
from api.webhooks.payloads import MAX_CHANGES
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
    ZERO,
    Hook,
    add,
    bitbucket,
    bitbucket_server,
    github,
    github_ping,
    gitlab,
    secret,
    send,
    status,
)

FOLLOWED = [
    ({"branch": "main"}, "refs/heads/main", True, "its branch"),
    ({"branch": "main"}, "refs/heads/next", False, "another branch"),
    ({"branch": "main"}, "refs/heads/team/main", False, "a branch that ends like it"),
    ({"branch": "team/main"}, "refs/heads/team/main", True, "a branch with a slash"),
    ({"branch": "main"}, "refs/heads/Main", False, "a branch of another case"),
    ({"branch": "v1"}, "refs/tags/v1", False, "a tag of its branch's name"),
    ({"branch": ""}, "refs/heads/next", True, "any branch without one"),
    ({"branch": ""}, "refs/tags/v1", True, "any tag without one"),
    ({"branch": "", "revision": "v1"}, "refs/tags/v1", False, "its revision"),
    ({"branch": "main", "revision": "v1"}, "refs/heads/main", False, "its branch, bound to a revision"),
]


@pytest.mark.parametrize(("spec", "ref", "triggers"), [case[:3] for case in FOLLOWED], ids=[case[3] for case in FOLLOWED])
@pytest.mark.parametrize("make", [github, gitlab], ids=["GitHub", "GitLab"])
def test_a_push_is_for_those_that_follow_what_was_pushed(
    admin: Session, store: Any, make: Callable[..., Hook], spec: dict[str, str], ref: str, triggers: bool
) -> None:
    hook = make(ref=ref)
    secret(admin, SYSTEM, EVERYBODYS, **hook.keys)
    add(admin, hook.repo, **spec)
    response = send(admin, hook)
    assert (response.status_code, response.json["matched"], response.json["triggered"]) == (200, 1, int(triggers))
    assert status(store).webhook_commit == (COMMIT if triggers else "")


def deleted_in_the_cloud() -> Hook:
    hook = bitbucket()
    change = hook.payload["push"]["changes"][0]
    return hook.changed(push={"changes": [{**change, "new": None, "closed": True}]})


def deleted_on_the_server() -> Hook:
    hook = bitbucket_server()
    return hook.changed(changes=[{**hook.payload["changes"][0], "toHash": ZERO, "type": "DELETE"}])


def server_ping() -> Hook:
    return replace(bitbucket_server(), headers={"X-Event-Key": "diagnostics:ping"}, payload={"test": True})


IDLE = [
    (github(commit=ZERO), "GitHub, a deleted branch"),
    (gitlab(commit=None), "GitLab, a deleted branch"),
    (deleted_in_the_cloud(), "Bitbucket Cloud, a deleted branch"),
    (deleted_on_the_server(), "Bitbucket Server, a deleted branch"),
    (replace(github(), headers={"X-GitHub-Event": "issues"}), "GitHub, an issue"),
    (replace(github(), headers={"X-GitHub-Event": "workflow_job"}, payload={"ref": 7}), "GitHub, another shape"),
    (replace(gitlab(), headers={"X-Gitlab-Event": "Merge Request Hook"}), "GitLab, a merge request"),
    (HOOKS["Azure DevOps"].changed(eventType="git.pullrequest.created"), "Azure, a pull request"),
    (github_ping(), "GitHub, a ping"),
    (server_ping(), "Bitbucket Server, a ping"),
    (github().changed(after="not a commit"), "GitHub, no commit"),
]


@pytest.mark.parametrize("hook", [case[0] for case in IDLE], ids=[case[1] for case in IDLE])
def test_what_asks_for_nothing_is_accepted_and_moves_nothing(admin: Session, store: Any, hook: Hook) -> None:
    secret(admin, SYSTEM, EVERYBODYS, **hook.keys)
    add(admin, hook.repo, branch="")
    response = send(admin, hook)
    assert (response.status_code, response.json["status"], response.json["triggered"]) == (200, "ignored", 0)
    assert response.json["message"]
    assert status(store).webhook_commit == ""


def test_a_ping_tells_whether_the_secret_is_right(admin: Session) -> None:
    secret(admin, SYSTEM, EVERYBODYS, github=SECRET)
    add(admin, github().repo)
    right, wrong = send(admin, github_ping()), send(admin, github_ping(), OTHER)
    assert (right.status_code, right.json["matched"]) == (200, 1)
    assert (wrong.status_code, wrong.json["matched"]) == (200, 0)
    assert "does not fit" in wrong.json["message"]


def test_of_a_push_of_several_branches_each_is_looked_at(admin: Session, store: Any) -> None:
    hook = bitbucket_server()
    other = {**hook.payload["changes"][0], "refId": "refs/heads/next", "toHash": BEFORE}
    secret(admin, SYSTEM, EVERYBODYS, **hook.keys)
    for name, branch in (("web", "main"), ("next", "next")):
        add(admin, hook.repo, name=name, branch=branch)
    assert send(admin, hook.changed(changes=[other, *hook.payload["changes"]])).json["triggered"] == 2
    assert (status(store).webhook_commit, status(store, name="next").webhook_commit) == (COMMIT, BEFORE)


def test_a_tag_in_bitbuckets_cloud_is_no_branch_of_its_name(admin: Session, store: Any) -> None:
    hook = bitbucket()
    secret(admin, SYSTEM, EVERYBODYS, **hook.keys)
    for name, branch in (("web", "v1"), ("any", "")):
        add(admin, hook.repo, name=name, branch=branch)
    tag = {"type": "tag", "name": "v1", "target": {"type": "commit", "hash": COMMIT}}
    assert send(admin, hook.changed(push={"changes": [{"new": tag, "old": None}]})).json["triggered"] == 1
    assert (status(store).webhook_commit, status(store, name="any").webhook_commit) == ("", COMMIT)


def test_of_a_push_of_very_many_branches_the_first_are_looked_at(admin: Session, store: Any) -> None:
    hook = bitbucket_server()
    secret(admin, SYSTEM, EVERYBODYS, **hook.keys)
    add(admin, hook.repo)
    others = [{**hook.payload["changes"][0], "refId": f"refs/heads/b{number}"} for number in range(MAX_CHANGES)]
    assert send(admin, hook.changed(changes=[*others, *hook.payload["changes"]])).json["triggered"] == 0
    assert admin.get("/v1/webhookdeliveries").json["count"] == MAX_CHANGES


def test_the_same_commit_is_noted_once(admin: Session, store: Any) -> None:
    secret(admin, SYSTEM, EVERYBODYS, github=SECRET)
    add(admin, github().repo, pollingInterval="1m")
    send(admin, github())
    before = store.revision()
    assert send(admin, github()).json["triggered"] == 0
    assert store.revision() == before


@pytest.mark.parametrize(("given", "then"), [(None, INTERVAL), ("15s", "15s"), ("0s", "0s")], ids=["none", "its own", "zero"])
def test_who_hears_of_pushes_is_polled_hourly_unless_it_says_otherwise(admin: Session, store: Any, given: str | None, then: str) -> None:
    secret(admin, SYSTEM, EVERYBODYS, github=SECRET)
    add(admin, github().repo, **({"pollingInterval": given} if given else {}))
    send(admin, github())
    assert store.get(GitRepo, "team-a", "web").spec.polling_interval == then
