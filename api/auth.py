"""Who is calling. Without Rancher: API tokens as `Authorization: Bearer <token>` or Basic with the token's name and secret, and
nothing else; nothing is remembered between requests, so a revoked token stops working at once. With Rancher: whom its doors
know (`extension/rancher/doors.py`), and nobody else; this service's own tokens are none of theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from flask import g, request

from api.access import ROLES, Caller, Role, RoleCaller
from api.services import Services, Tokens, services
from extension.objects.errors import Unauthorized
from extension.rancher.environ import HEADERS

if TYPE_CHECKING:
    from extension.rancher.doors import Doors

Again = Callable[[], Caller | None]
"""The caller as of now, for what goes on after a request: None when it is not known any more. Raises Unavailable."""

_SECRET = ("HTTP_COOKIE", "HTTP_AUTHORIZATION", HEADERS)
"""What of a request holds a credential; a session of Rancher is a whole user's and nobody here needs it any more."""


def authenticate() -> None:
    """A before_request function: puts the caller into `g`. Raises Unauthorized."""
    doors = services().rancher
    if doors is not None:
        g.caller, g.again = _known_to_rancher(services(), doors)
        return
    token = credential()
    found = identify(services().tokens, token)
    if found is None:
        raise Unauthorized("the token is unknown, expired or revoked", hint="create one with: rancher-cd token create")
    tokens = services().tokens
    g.caller, g.again = found, lambda: identify(tokens, token)


def _known_to_rancher(services: Services, doors: Doors) -> tuple[Caller, Again]:
    from api.judged import arrived, known_by  # noqa: PLC0415 (only where Rancher is)

    identity, who = doors.identify(arrived())
    if services.acting is not None:
        g.services = services = services.acting(services, identity)
    for name in _SECRET:
        request.environ.pop(name, None)

    def again() -> Caller | None:
        now = who()
        return None if now is None else known_by(services, doors, now)

    return known_by(services, doors, identity), again


def identify(tokens: Tokens, token: str) -> Caller | None:
    """The caller a token speaks for; None when it is not valid any more. A role nobody knows gives no rights."""
    identity = tokens.verify(token)
    if identity is None:
        return None
    roles = {workspace: ROLES.get(role, Role.NONE) for workspace, role in identity.roles.items()}
    return RoleCaller(identity.name, identity.id, roles)


def credential() -> str:
    """The token of the request as `<name>:<secret>`. Raises Unauthorized when there is none."""
    header = request.authorization
    if header is not None and header.type == "bearer" and header.token:
        return header.token
    if header is not None and header.type == "basic" and header.username and header.password:
        return f"{header.username}:{header.password}"
    raise Unauthorized("an API token is needed", hint="send the header Authorization: Bearer <token>")


def caller() -> Caller:
    """The authenticated caller of the current request."""
    return cast(Caller, g.caller)


def again() -> Again:
    """How to ask later who calls, without the request."""
    return cast(Again, g.again)
