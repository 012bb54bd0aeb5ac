"""Who is calling: API tokens as `Authorization: Bearer <token>` or Basic with the token's name and secret.

One path for every request: no cookie, no header set by a proxy, no anonymous fallback. Nothing is remembered between
requests, so a revoked token stops working at once.
"""

from __future__ import annotations

from typing import cast

from flask import g, request

from api.access import ROLES, Caller, Role
from api.services import Tokens, services
from extension.objects.errors import Unauthorized


def authenticate() -> None:
    """A before_request function: puts the caller into `g`. Raises Unauthorized."""
    found = identify(services().tokens, credential())
    if found is None:
        raise Unauthorized("the token is unknown, expired or revoked", hint="create one with: rancher-cd token create")
    g.caller = found


def identify(tokens: Tokens, token: str) -> Caller | None:
    """The caller a token speaks for; None when it is not valid any more. A role nobody knows gives no rights."""
    identity = tokens.verify(token)
    if identity is None:
        return None
    roles = {workspace: ROLES.get(role, Role.NONE) for workspace, role in identity.roles.items()}
    return Caller(identity.name, identity.id, roles)


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
