"""Whether a delivery comes from whom a GitRepo trusts (`fleet-semantics.md` 5.1, `design.md` deliberate deviations).

The Secret is the GitRepo's `spec.webhookSecret`, in its own workspace, else `gitjob-webhook` in the system namespace. Without
one nothing is taken: Fleet takes such deliveries unsigned. Each GitRepo is asked for by itself, so what one tenant's secret
signed moves no other tenant's GitRepo. A refusal has two texts: the one for the log of the workspace names the Secret, the
one for the sender, who may be anybody, does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from api.checks import SYSTEM_NAMESPACE
from api.webhooks.providers import Provider
from api.webhooks.signatures import Headers
from extension.objects.kinds import GitRepo, Secret
from extension.store.protocol import Store

GLOBAL_SECRET = "gitjob-webhook"  # noqa: S105 (a name)


class Place(NamedTuple):
    """Where a secret is, or would be."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


EVERYBODYS = Place(SYSTEM_NAMESPACE, GLOBAL_SECRET)


class Refusal(NamedTuple):
    """Why a delivery is not believed: for the workspace's log, for the sender, and whether it is for want of a secret."""

    message: str
    sent: str
    missing: bool = False


def place_of(repo: GitRepo) -> Place:
    """The Secret that checks deliveries for a GitRepo."""
    return Place(repo.metadata.namespace, repo.spec.webhook_secret) if repo.spec.webhook_secret else EVERYBODYS


class Proofs:
    """The checks of one delivery; the body is held against each Secret once."""

    def __init__(self, store: Store, provider: Provider, headers: Headers, body: bytes) -> None:
        self._store = store
        self._provider = provider
        self._headers = headers
        self._body = body
        self._known: dict[Place, Refusal | None] = {}

    def __call__(self, repo: GitRepo) -> Refusal | None:
        """Why the delivery is not believed about this GitRepo; None when it is."""
        return self.by(place_of(repo))

    def by(self, place: Place) -> Refusal | None:
        if place not in self._known:
            self._known[place] = self._refusal(place)
        return self._known[place]

    def _refusal(self, place: Place) -> Refusal | None:
        secret = self._store.find(Secret, *place)
        lack = wanting(place, secret, self._provider)
        if secret is None or lack:
            return Refusal(lack, advice(self._provider), missing=True)
        values: Mapping[str, bytes] = {key: secret.data[key] for key in self._provider.keys}
        wrong = self._provider.check(values, self._headers, self._body)
        return Refusal(f"{wrong} (Secret {place})", wrong) if wrong else None


def wanting(place: Place, secret: Secret | None, provider: Provider) -> str:
    """What has to be created before the provider's deliveries can be checked, empty when all is there."""
    keys = " and ".join(provider.keys)
    if secret is None and place == EVERYBODYS:
        return f"there is no secret to check it with: create the Secret {GLOBAL_SECRET} in {SYSTEM_NAMESPACE} with {keys}, " + _OR
    if secret is None:
        return f"Secret {place}, named in spec.webhookSecret, does not exist: create it with {keys}"
    absent = [key for key in provider.keys if not secret.data.get(key)]
    return f"Secret {place} has no {' and no '.join(absent)}: add it" if absent else ""


_OR = "or one in the workspace and name it in spec.webhookSecret"


def advice(provider: Provider) -> str:
    """What the sender is told when a secret is missing: no tenant's names."""
    keys = " and ".join(provider.keys)
    return (
        f"there is no secret to check this webhook with: create the Secret {GLOBAL_SECRET} in {SYSTEM_NAMESPACE}, "
        f"or the one that the GitRepo names in spec.webhookSecret, with the key {keys}"
    )
