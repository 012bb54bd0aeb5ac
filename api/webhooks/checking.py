"""`testWebhook`: what would become of a delivery for a GitRepo, in words, before anybody sends one.

Nothing is sent and nothing changes. Each check says what it found, or what is missing and where to put it. Whether the
Git server reaches this service can't be seen from here; that a delivery of it came can, and the last one is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from flask import request
from marshmallow import validate

from api.errors import InvalidBody
from api.nouns import Call
from api.webhooks.addresses import AZURE, identity
from api.webhooks.matching import HEADS, passed_over
from api.webhooks.proofs import place_of, wanting
from api.webhooks.providers import BY_NAME, PROVIDERS, Provider, Push
from extension.objects.kinds import GitRepo, Secret
from extension.objects.schemas import Text, flatten, strict
from extension.store.deliveries import Wanted

_HOSTS = {"github.com": "github", "gitlab.com": "gitlab", "bitbucket.org": "bitbucket", AZURE: "azure"}
_SHORT = validate.Length(max=2000)
Question = strict(
    "WebhookTest",
    {
        "provider": Text(validate=validate.OneOf(sorted(BY_NAME)), metadata={"description": "who sends; told by the host if left out"}),
        "url": Text(validate=_SHORT, metadata={"description": "the repository as the sender names it"}),
        "ref": Text(validate=_SHORT, metadata={"description": "what would be pushed, such as `refs/heads/main`"}),
    },
)


class Finding(NamedTuple):
    check: str
    ok: bool
    message: str


def tested(call: Call, repo: GitRepo, body: Mapping[str, Any]) -> dict[str, Any]:
    """What is found for this GitRepo. Raises InvalidBody for a question that is not understood."""
    _understood(body)
    allow_file = call.services.allow_file
    provider = BY_NAME.get(body.get("provider") or _HOSTS.get(identity(repo.spec.repo).partition("/")[0], ""))
    secret = call.services.store.find(Secret, *place_of(repo))
    found = [
        *_secret(repo, secret, provider),
        _address(repo, body.get("url", ""), allow_file),
        _follows(repo, body.get("ref", "")),
        _last(call, repo),
    ]
    return {
        "type": "webhookTest",
        "id": f"{repo.metadata.namespace}/{repo.metadata.name}",
        "ready": all(finding.ok for finding in found),
        "endpoint": f"{request.url_root.rstrip('/')}/webhook",
        **({"provider": provider.name} if provider else {}),
        "checks": [finding._asdict() for finding in found],
    }


def _understood(body: Mapping[str, Any]) -> None:
    wrong = next(flatten(Question().validate(dict(body))), None)
    if wrong:
        raise InvalidBody(f"{wrong[0]}: {wrong[1]}", field=wrong[0], hint="testWebhook takes provider, url and ref")


def _secret(repo: GitRepo, secret: Secret | None, provider: Provider | None) -> Iterator[Finding]:
    """Whether there is something to check this provider's deliveries with; of an unknown provider, anybody's."""
    place = place_of(repo)
    if provider is None:
        able = [one.name for one in PROVIDERS if not wanting(place, secret, one)]
        told = f"Secret {place} has what {', '.join(able)} need" if able else _lacking(repo, secret)
        yield Finding("secret", bool(able), f"{told}; name the provider to have its own key checked")
        return
    lack = wanting(place, secret, provider)
    yield Finding("secret", not lack, lack or f"Secret {place} has {' and '.join(provider.keys)}")
    if secret is not None and not lack:
        loose = [key for key in provider.keys if secret.data[key] != secret.data[key].strip()]
        if loose:
            yield Finding("secret", False, f"{loose[0]} of Secret {place} begins or ends with white space, which is part of the secret")


def _lacking(repo: GitRepo, secret: Secret | None) -> str:
    place = place_of(repo)
    if secret is None:
        return f"Secret {place} does not exist"
    return f"Secret {place} has no key of a provider: {', '.join(key for one in PROVIDERS for key in one.keys)}"


def _address(repo: GitRepo, url: str, allow_file: bool) -> Finding:
    own = identity(repo.spec.repo, allow_file=allow_file)
    if not own:
        return Finding("repository", False, "spec.repo is no URL of a repository")
    if not url:
        return Finding("repository", True, f"deliveries that name {own} are for this GitRepo, by https or ssh, with .git or without")
    told = identity(url, allow_file=allow_file)
    if not told:
        return Finding("repository", False, "url is no URL of a repository")
    if told != own:
        return Finding("repository", False, f"url names {told}, and spec.repo {own}")
    return Finding("repository", True, f"both name {own}")


def _follows(repo: GitRepo, ref: str) -> Finding:
    over = passed_over(repo, Push("", "", ref=ref or HEADS + repo.spec.branch))
    if over:
        return Finding("branch", False, over)
    if not repo.spec.branch:
        return Finding("branch", True, "the GitRepo names no branch: every push lets it look")
    return Finding("branch", True, f"pushes to branch {repo.spec.branch} let the GitRepo look")


def _last(call: Call, repo: GitRepo) -> Finding:
    """What the log says; no delivery yet is no fault of the set-up."""
    wanted = Wanted((repo.metadata.namespace,), gitrepo=repo.metadata.name)
    row = next(iter(call.services.store.deliveries.list(wanted, 1)), None)
    if row is None:
        return Finding("deliveries", True, "no delivery has come yet: send one from the Git server")
    result = next(found for found in row.gitrepos if found.gitrepo == repo.metadata.name)
    told = f"the last one came {row.time} from {row.provider} and was {result.result}: {result.message}"
    return Finding("deliveries", result.result not in ("refused", "failed"), told)
