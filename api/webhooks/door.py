"""One delivery, from its headers to the log.

The answer is for the sender, who may be anybody: it counts the GitRepos that the delivery is proven for and names none, nor
a workspace or a Secret of one. What a workspace may know stands in its own row of the log. A delivery that no GitRepo is of
is accepted, as Fleet accepts it; one that no matching GitRepo can believe is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import structlog

from api.services import Services
from api.webhooks.allowance import Allowance
from api.webhooks.matching import of_repository
from api.webhooks.noting import outcome
from api.webhooks.proofs import EVERYBODYS, Proofs, Refusal
from api.webhooks.providers import Push, pushes, recognised
from api.webhooks.rows import Judged, rows
from api.webhooks.signatures import Headers
from extension.objects.errors import Forbidden, Unauthorized, UserError
from extension.store.deliveries import Delivery

log = structlog.get_logger()

SEE = "the log at /v1/webhookdeliveries says more to those who may read it"


class Arrival(NamedTuple):
    """A request to the door; `request` is its id."""

    headers: Headers
    body: bytes
    request: str


def receive(services: Services, arrival: Arrival, allowance: Allowance) -> dict[str, Any]:
    """What the sender is told. Raises InvalidBody for what can't be read, Unauthorized and Forbidden for what is not believed."""
    provider = recognised(arrival.headers)
    if provider is None:
        return _told("", "ignored", (), "no header of a provider is there")
    proofs = Proofs(services.store, provider, arrival.headers, arrival.body)
    found = pushes(provider, arrival.headers, arrival.body)
    repos = of_repository(services.store, found[0], None, services.allow_file)
    judged: list[Judged] = []
    for push in found:
        here = [Judged(repo, outcome(services.store, push, repo, proofs(repo)), proofs(repo)) for repo in repos]
        made = rows(push, here, Delivery(request=arrival.request), None if repos else proofs.by(EVERYBODYS))
        services.store.deliveries.add([row for row in made if row.verified or allowance.take()])
        judged += here
    _log(found[0], judged, arrival.request)
    return _answer(found[0], judged, ping=found[0].event in provider.pings)


def _log(push: Push, judged: Sequence[Judged], request: str) -> None:
    """One line: nothing of the payload but the event's name, which is harmless."""
    believed = sum(found.refusal is None for found in judged)
    triggered = [str(found.repo.key) for found in judged if found.outcome.result == "triggered"]
    log.info(
        "webhook", request=request, provider=push.provider, told=push.event, matched=len(judged), verified=believed, triggered=triggered
    )


def _answer(push: Push, judged: Sequence[Judged], ping: bool) -> dict[str, Any]:
    refusals = [found.refusal for found in judged if found.refusal]
    if judged and len(refusals) == len(judged):
        if not ping:
            raise _error(refusals)
        return _told(push.event, "ignored", (), _error(refusals).message)
    believed = [found for found in judged if found.refusal is None]
    if push.idle:
        return _told(push.event, "ignored", believed, push.idle)
    return _told(push.event, "succeeded", believed, "" if judged else "no GitRepo is of this repository")


def _error(refusals: Sequence[Refusal]) -> UserError:
    """A wrong proof first: who sent it can do something about it. Else nobody made a secret yet."""
    wrong = next((refusal for refusal in refusals if not refusal.missing), None)
    return Unauthorized(wrong.sent, hint=SEE) if wrong else Forbidden(refusals[0].sent, hint=SEE)


def _told(event: str, status: str, believed: Sequence[Judged], message: str) -> dict[str, Any]:
    triggered = sum(found.outcome.result == "triggered" for found in believed)
    body = {"type": "webhookResult", "status": status, "event": event, "matched": len(believed), "triggered": triggered}
    return body | ({"message": message} if message else {})
