"""Whose delivery it is, told by its headers in Fleet's order, and how that provider is read and checked (`fleet-semantics.md` 5.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qs

import msgspec

from api.errors import InvalidBody
from api.webhooks import payloads, signatures
from api.webhooks.payloads import Change, Told
from api.webhooks.signatures import Headers

FORM = "application/x-www-form-urlencoded"
MAX_FIELDS = 8
_NAME = re.compile(r"[A-Za-z0-9 ._:-]{1,64}")


@dataclass(frozen=True)
class Provider:
    """`signs` are headers of which any one tells the provider, `event` and `guid` those that name the event and the delivery.
    `pushes` are the events that are looked at, `pings` those that only try the way. `keys` are the Secret's."""

    name: str
    signs: tuple[str, ...]
    event: tuple[str, ...]
    guid: tuple[str, ...]
    pushes: tuple[str, ...]
    pings: tuple[str, ...]
    keys: tuple[str, ...]
    read: payloads.Read
    check: signatures.Check


class Push(msgspec.Struct, frozen=True):
    """One change of one delivery. `idle` says why there is nothing to look at; `urls` name the repository."""

    provider: str
    event: str
    urls: tuple[str, ...] = ()
    ref: str = ""
    commit: str = ""
    idle: str = ""
    guid: str = ""


_GOGS = ("x-gogs-event", "x-gitea-event", "x-forgejo-event")
_GOGS_GUID = ("x-gogs-delivery", "x-gitea-delivery", "x-forgejo-delivery")
_AZURE = ("x-vss-activityid", "x-vss-subscriptionid")

PROVIDERS: tuple[Provider, ...] = (
    # Gitea and Forgejo send GitHub's headers too, so Gogs' come first.
    Provider("gogs", _GOGS, _GOGS, _GOGS_GUID, ("push",), (), ("gogs",), payloads.hub, signatures.gogs),
    Provider(
        "github", ("x-github-event",), ("x-github-event",), ("x-github-delivery",), ("push",), ("ping",), ("github",),
        payloads.hub, signatures.github,
    ),
    Provider(
        "gitlab", ("x-gitlab-event",), ("x-gitlab-event",), ("x-gitlab-event-uuid",), ("Push Hook", "Tag Push Hook"), (), ("gitlab",),
        payloads.gitlab, signatures.gitlab,
    ),
    Provider(
        "bitbucket", ("x-hook-uuid",), ("x-event-key",), ("x-request-uuid",), ("repo:push",), (), ("bitbucket",),
        payloads.bitbucket, signatures.bitbucket,
    ),
    Provider(
        "bitbucket-server", ("x-event-key",), ("x-event-key",), ("x-request-id",), ("repo:refs_changed",), ("diagnostics:ping",),
        ("bitbucket-server",), payloads.bitbucket_server, signatures.bitbucket_server,
    ),
    Provider("azure", _AZURE, (), (), ("git.push",), (), ("azure-username", "azure-password"), payloads.azure, signatures.azure),
)  # fmt: skip
BY_NAME = {provider.name: provider for provider in PROVIDERS}


def recognised(headers: Headers) -> Provider | None:
    """The provider whose headers these are; None for none."""
    return next((provider for provider in PROVIDERS if any(sign in headers for sign in provider.signs)), None)


def pushes(provider: Provider, headers: Headers, body: bytes) -> list[Push]:
    """What the delivery tells, one entry a branch or tag. Raises InvalidBody for a push that can't be read."""
    event = _first(headers, provider.event)
    try:
        told = provider.read(_json(headers, body))
    except (msgspec.DecodeError, _NoForm):
        # Other events may have other shapes; of a push, the decoder's words could repeat the payload's.
        if not event or event in provider.pushes:
            raise InvalidBody(f"the body is no push as {provider.name} sends it", hint="let the webhook send JSON") from None
        told = Told()
    event = event or _harmless(told.event)
    guid = _first(headers, provider.guid) or _harmless(told.guid)
    idle = _idle(provider, event)
    changes = told.changes if told.changes and not idle else (Change(),)
    return [Push(provider.name, event, told.urls, c.ref, c.commit, idle or _nothing(c), guid) for c in changes]


def _json(headers: Headers, body: bytes) -> bytes:
    """The payload: the body, or its field `payload` as GitHub and Gitea send it unless told to send JSON."""
    if headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        return body
    try:
        fields = parse_qs(body.decode(errors="replace"), max_num_fields=MAX_FIELDS)
    except ValueError:  # more fields than that
        raise _NoForm from None
    return fields.get("payload", [""])[0].encode()


class _NoForm(Exception):
    """The body is no form of a webhook."""


def _idle(provider: Provider, event: str) -> str:
    if event in provider.pushes:
        return ""
    return "a ping asks for nothing" if event in provider.pings else f"the event {event or 'without a name'} is no push"


def _nothing(change: Change) -> str:
    return "" if change.commit else "nothing is there to look at: the branch or tag was deleted, or the payload names no commit"


def _first(headers: Headers, names: tuple[str, ...]) -> str:
    return next((_harmless(headers[name]) for name in names if name in headers), "")


def _harmless(text: str) -> str:
    """A name from outside that may be shown and logged; nothing for any other."""
    return text if _NAME.fullmatch(text) else ""
