"""Deliveries as the providers send them: headers, payload and signature, cut down to what is near the fields that are read; and
what a test does with them."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from extension.objects.kinds import GitRepo
from tests.api.conftest import GITREPOS, Session, gitrepo

SYSTEM = "cattle-fleet-system"
EVERYBODYS = "gitjob-webhook"
COMMIT = "6dcb09b5b57875f334f61aebed695e2e4193db5e"
BEFORE = "0d1a26e67d8f5eaf1f6ba5c57fc3c7d91ac0fd1c"
ZERO = "0" * 40
SECRET = "canary-5f1d-never-shown"
OTHER = "another-secret-9c2e"
USER = "azure-hook"
UUID = "3b1f0e5c-6c2c-4a7e-9a0f-6b8f2f2c1d11"


def digest(secret: str, body: bytes, algorithm: str = "sha256") -> str:
    return hmac.new(secret.encode(), body, algorithm).hexdigest()


@dataclass(frozen=True)
class Hook:
    """A delivery of `provider`. `keys` is the Secret that checks it, `sign` makes the headers that prove it with a secret."""

    provider: str
    headers: dict[str, str]
    payload: dict[str, Any]
    repo: str
    keys: dict[str, str]
    sign: Callable[[str, bytes], dict[str, str]]
    form: bool = False
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        raw = json.dumps(self.payload)
        return urlencode({"payload": raw}).encode() if self.form else raw.encode()

    def request(self, secret: str = SECRET) -> dict[str, Any]:
        """Arguments for a test client's `post`."""
        kind = "application/x-www-form-urlencoded" if self.form else "application/json"
        return {"data": self.body, "content_type": kind, "headers": {**self.headers, **self.sign(secret, self.body), **self.extra}}

    def changed(self, **payload: Any) -> Hook:
        return replace(self, payload={**self.payload, **payload})


def unsigned(_secret: str, _body: bytes) -> dict[str, str]:
    return {}


def _hub(secret: str, body: bytes) -> dict[str, str]:
    return {"X-Hub-Signature": f"sha1={digest(secret, body, 'sha1')}", "X-Hub-Signature-256": f"sha256={digest(secret, body)}"}


def _gogs(secret: str, body: bytes) -> dict[str, str]:
    return {"X-Gogs-Signature": digest(secret, body)}


def _gitea(secret: str, body: bytes) -> dict[str, str]:
    return {**_hub(secret, body), **_gogs(secret, body), "X-Gitea-Signature": digest(secret, body)}


def _bitbucket(secret: str, body: bytes) -> dict[str, str]:
    return {"X-Hub-Signature": f"sha256={digest(secret, body)}"}


def _azure(secret: str, _body: bytes) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{USER}:{secret}'.encode()).decode()}"}


def github(owner: str = "octo", name: str = "web", ref: str = "refs/heads/main", commit: str = COMMIT) -> Hook:
    payload = {
        "ref": ref,
        "before": BEFORE,
        "after": commit,
        "created": False,
        "deleted": commit == ZERO,
        "repository": {
            "id": 186853002,
            "name": name,
            "full_name": f"{owner}/{name}",
            "owner": {"name": owner, "login": owner},
            "html_url": f"https://github.com/{owner}/{name}",
            "url": f"https://github.com/{owner}/{name}",
            "git_url": f"git://github.com/{owner}/{name}.git",
            "ssh_url": f"git@github.com:{owner}/{name}.git",
            "clone_url": f"https://github.com/{owner}/{name}.git",
            "default_branch": "main",
        },
        "pusher": {"name": owner, "email": f"{owner}@users.noreply.github.com"},
        "commits": [{"id": commit, "message": "Greet", "added": [], "removed": [], "modified": ["web/a.yaml"]}],
        "head_commit": None if commit == ZERO else {"id": commit, "message": "Greet"},
    }
    headers = {
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "User-Agent": "GitHub-Hookshot/044aadd",
    }
    return Hook("github", headers, payload, f"https://github.com/{owner}/{name}", {"github": SECRET}, _hub)


def github_ping() -> Hook:
    push = github()
    payload = {"zen": "Design for failure.", "hook_id": 30, "hook": {"type": "Repository"}, "repository": push.payload["repository"]}
    return replace(push, headers={**push.headers, "X-GitHub-Event": "ping"}, payload=payload)


def gitlab(ref: str = "refs/heads/main", commit: str | None = COMMIT) -> Hook:
    tag = ref.startswith("refs/tags/")
    payload = {
        "object_kind": "tag_push" if tag else "push",
        "event_name": "tag_push" if tag else "push",
        "before": BEFORE,
        "after": commit or ZERO,
        "ref": ref,
        "checkout_sha": commit,
        "project_id": 15,
        "project": {
            "name": "Web",
            "web_url": "https://gitlab.example.org/octo/web",
            "git_ssh_url": "git@gitlab.example.org:octo/web.git",
            "git_http_url": "https://gitlab.example.org/octo/web.git",
            "path_with_namespace": "octo/web",
        },
        "commits": [{"id": COMMIT, "message": "Greet", "modified": ["web/a.yaml"]}],
    }
    headers = {"X-Gitlab-Event": "Tag Push Hook" if tag else "Push Hook", "X-Gitlab-Event-UUID": "13792a34-cac6-4fda-95a8-c58e00a3954e"}
    return Hook(
        "gitlab",
        headers,
        payload,
        "git@gitlab.example.org:octo/web.git",
        {"gitlab": SECRET},
        lambda secret, _: {"X-Gitlab-Token": secret},
    )


def gogs() -> Hook:
    payload = {
        "ref": "refs/heads/main",
        "before": BEFORE,
        "after": COMMIT,
        "repository": {
            "id": 140,
            "full_name": "octo/web",
            "html_url": "http://gogs.example.org:3000/octo/web",
            "ssh_url": "git@gogs.example.org:octo/web.git",
            "clone_url": "http://gogs.example.org:3000/octo/web.git",
        },
        "pusher": {"username": "octo"},
    }
    headers = {"X-Gogs-Event": "push", "X-Gogs-Delivery": "f6266f16-1bf3-46a5-9ea4-602e06ead473"}
    return Hook("gogs", headers, payload, "ssh://git@gogs.example.org:2222/octo/web.git", {"gogs": SECRET}, _gogs)


def gitea() -> Hook:
    """Gitea sends the headers of all three."""
    hook = gogs()
    names = {f"X-{who}-Event": "push" for who in ("Gitea", "Gogs", "GitHub")}
    return replace(hook, headers={**names, "X-Gitea-Delivery": "f6266f16-1bf3-46a5-9ea4-602e06ead473"}, sign=_gitea)


def bitbucket() -> Hook:
    payload = {
        "push": {
            "changes": [
                {
                    "new": {"type": "branch", "name": "main", "target": {"type": "commit", "hash": COMMIT}},
                    "old": {"type": "branch", "name": "main", "target": {"type": "commit", "hash": BEFORE}},
                    "created": False,
                    "closed": False,
                }
            ]
        },
        "repository": {
            "type": "repository",
            "full_name": "octo/web",
            "links": {
                "html": {"href": "https://bitbucket.org/octo/web"},
                "self": {"href": "https://api.bitbucket.org/2.0/repositories/octo/web"},
            },
        },
        "actor": {"display_name": "Octo"},
    }
    headers = {"X-Event-Key": "repo:push", "X-Request-UUID": "13a7e8c1-8c11-4b7c-b3dd-2a3e8b2e8f0c", "X-Hook-UUID": UUID}
    return Hook("bitbucket", headers, payload, "git@bitbucket.org:octo/web.git", {"bitbucket": UUID}, unsigned)


def bitbucket_signed() -> Hook:
    """A webhook of Bitbucket Cloud that has a secret."""
    return replace(bitbucket(), keys={"bitbucket": SECRET}, sign=_bitbucket)


def bitbucket_server() -> Hook:
    payload = {
        "eventKey": "repo:refs_changed",
        "date": "2026-11-23T12:00:00+0000",
        "actor": {"name": "octo"},
        "repository": {
            "slug": "web",
            "project": {"key": "OCTO"},
            "links": {
                "clone": [
                    {"href": "ssh://git@bitbucket.example.org:7999/octo/web.git", "name": "ssh"},
                    {"href": "https://bitbucket.example.org/scm/octo/web.git", "name": "http"},
                ],
                "self": [{"href": "https://bitbucket.example.org/projects/OCTO/repos/web/browse"}],
            },
        },
        "changes": [
            {
                "ref": {"id": "refs/heads/main", "displayId": "main", "type": "BRANCH"},
                "refId": "refs/heads/main",
                "fromHash": BEFORE,
                "toHash": COMMIT,
                "type": "UPDATE",
            }
        ],
    }
    headers = {"X-Event-Key": "repo:refs_changed", "X-Request-Id": "76fd5ecb-ff9a-4d25-b5cf-fc0a8d9aeb91"}
    repo = "https://bitbucket.example.org/scm/OCTO/web.git"
    return Hook("bitbucket-server", headers, payload, repo, {"bitbucket-server": SECRET}, _bitbucket)


def azure() -> Hook:
    payload = {
        "subscriptionId": "00000000-0000-0000-0000-000000000001",
        "id": "03c164c2-8912-4d5e-8009-3707d5f83734",
        "eventType": "git.push",
        "publisherId": "tfs",
        "resource": {
            "commits": [{"commitId": COMMIT, "comment": "Greet"}],
            "refUpdates": [{"name": "refs/heads/main", "oldObjectId": BEFORE, "newObjectId": COMMIT}],
            "repository": {
                "id": "278d5cd2-584d-4b63-824a-2ba458937249",
                "name": "web",
                "remoteUrl": "https://octo.visualstudio.com/Shop%20Front/_git/web",
            },
            "pushId": 14,
        },
    }
    headers = {"X-Vss-Activityid": "4a1b", "X-Vss-Subscriptionid": "00000000-0000-0000-0000-000000000001"}
    keys = {"azure-username": USER, "azure-password": SECRET}
    return Hook("azure", headers, payload, "git@ssh.dev.azure.com:v3/octo/Shop%20Front/web", keys, _azure)


HOOKS: dict[str, Hook] = {
    "GitHub": github(),
    "GitHub as a form": replace(github(), form=True),
    "GitLab": gitlab(),
    "Gogs": gogs(),
    "Gitea": gitea(),
    "Bitbucket Cloud by its UUID": bitbucket(),
    "Bitbucket Cloud with a secret": bitbucket_signed(),
    "Bitbucket Server": bitbucket_server(),
    "Azure DevOps": azure(),
}


def secret(session: Session, namespace: str, name: str, **keys: str) -> None:
    body = {"metadata": {"name": name, "namespace": namespace}, "stringData": keys}
    assert session.post("/v1/secrets", json=body).status_code == 201


def add(session: Session, repo: str, namespace: str = "team-a", name: str = "web", **spec: Any) -> None:
    body = gitrepo(name, namespace, **{"repo": repo, "branch": "main", **spec})
    assert session.post(GITREPOS, json=body).status_code == 201


def send(session: Session, hook: Hook, signed_with: str = SECRET) -> Any:
    """The delivery, by somebody without a token."""
    return session.client.post("/webhook", **hook.request(signed_with))


def status(store: Any, namespace: str = "team-a", name: str = "web") -> Any:
    return store.get(GitRepo, namespace, name).status
