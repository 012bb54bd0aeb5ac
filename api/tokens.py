"""`/v1/tokens`: API tokens. The clear token is in the answer to its creation and never again.

An administrator of a workspace hands out roles in that workspace, one of all workspaces in all. A list shows the tokens
whose every role the caller could have given, and the caller's own.
"""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import fields, validate

from api.access import EVERYWHERE, ROLES, Caller, forbidden
from api.answers import answer, whole_collection
from api.auth import caller
from api.bodies import read_object
from api.errors import InvalidReference
from api.openapi import Routes
from api.representation import url
from api.schemas import NoQuery, collection
from api.services import TokenInfo, services
from extension.objects.durations import seconds
from extension.objects.errors import Invalid, MissingRequired, NotFound
from extension.objects.kinds import ClusterRegistrationToken, FleetWorkspace
from extension.objects.schemas import Flag, Text, refuse, strict

blueprint = Routes("tokens", __name__, description="API tokens: who may call, and what they may do in which workspace.")

_ROLES = fields.Dict(
    required=True,
    keys=fields.String(validate=validate.Length(min=1, max=63)),
    values=fields.String(validate=validate.OneOf(sorted(ROLES))),
    validate=validate.Length(min=1),
    metadata={"description": "a role (admin, member, read-only) by workspace; `*` is all workspaces"},
)
_NAME = Text(required=True, validate=validate.Length(min=1, max=100), metadata={"description": "whose token it is, for people"})
TokenWrite = strict(
    "TokenWrite", {"name": _NAME, "roles": _ROLES, "ttl": Text(allow_none=True, metadata={"description": "such as `720h`"})}
)
_SHOWN = {
    "id": Text(required=True),
    "type": Text(required=True, metadata={"enum": ["token"]}),
    "links": fields.Dict(keys=fields.String(), values=fields.String(), required=True),
    "name": Text(),
    "roles": fields.Dict(keys=fields.String(), values=fields.String()),
    "created": Text(),
    "expires": Text(),
    "current": Flag(metadata={"description": "there when it is the caller's own"}),
}
TokenBody = strict("Token", _SHOWN)
CreatedToken = strict("CreatedToken", {**_SHOWN, "token": Text(required=True, metadata={"description": "shown this once"})})


@blueprint.at("/v1/tokens")
@blueprint.told(200, collection("Token", fields.Nested(TokenBody)), "List API tokens", "listTokens")
@blueprint.query(NoQuery)
def tokens(_args: dict[str, Any]) -> Response:
    data = [_shown(token) for token in services().tokens.list() if _sees(caller(), token)]
    return whole_collection("token", data, url("tokens"), may_create=_gives(caller()))


@blueprint.at("/v1/tokens", "POST")
@blueprint.told(
    201,
    CreatedToken,
    "Create an API token",
    "createToken",
    requestBody={"required": True, "content": {"application/json": {"schema": TokenWrite}}},
)
@blueprint.query(NoQuery)
def create(_args: dict[str, Any]) -> Response:
    name, roles, ttl = _wanted(read_object())
    clear = services().tokens.create(name, roles, ttl)
    shown = _shown(_found(clear.partition(":")[0]))
    return answer(shown | {"token": clear}, 201, {"Location": shown["links"]["self"]})


@blueprint.at("/v1/tokens/<token_id>")
@blueprint.told(200, TokenBody, "Get an API token", "getToken")
def token(token_id: str) -> Response:
    return answer(_shown(_found(token_id)))


@blueprint.at("/v1/tokens/<token_id>", "DELETE")
@blueprint.told(200, TokenBody, "Revoke an API token", "revokeToken")
def revoke(token_id: str) -> Response:
    found = _found(token_id)
    services().tokens.revoke(found.id)
    return answer(_shown(found))


def _wanted(body: dict[str, Any]) -> tuple[str, dict[str, str], float | None]:
    """Name, roles and seconds to live of a new token. Raises Forbidden for roles the caller can't give."""
    refuse(TokenWrite().validate(body))
    roles: dict[str, str] = body["roles"]
    for workspace in roles:
        if not caller().gives_tokens(workspace):
            raise forbidden(f"create a token for {workspace}", _lacks(workspace))
        if workspace != EVERYWHERE and services().store.find(FleetWorkspace, "", workspace) is None:
            raise InvalidReference(f"roles: workspace {workspace} does not exist", field=f"roles.{workspace}")
    ttl = seconds(body["ttl"], field="ttl") if body.get("ttl") else None
    if ttl is not None and ttl < 1:
        raise Invalid("ttl: must be at least 1s", field="ttl")
    if not body["name"].strip():
        raise MissingRequired("name: is required", field="name")
    return body["name"], roles, ttl


def _lacks(workspace: str) -> str:
    if services().rancher is not None:
        return "callers are Rancher's: create an API key there"
    return f"it needs the role admin in {'all workspaces' if workspace == EVERYWHERE else f'workspace {workspace}'}"


def _gives(caller: Caller) -> bool:
    """Whether there is a workspace for which the caller may make tokens."""
    workspaces = caller.workspaces(ClusterRegistrationToken, "create")
    return any(map(caller.gives_tokens, (EVERYWHERE,) if workspaces is None else workspaces))


def _sees(caller: Caller, token: TokenInfo) -> bool:
    return token.id == caller.token or all(caller.gives_tokens(workspace) for workspace in token.roles)


def _found(token_id: str) -> TokenInfo:
    found = next((token for token in services().tokens.list() if token.id == token_id), None)
    if found is None or not _sees(caller(), found):
        raise NotFound(f"token {token_id[:80]} not found")
    return found


def _shown(token: TokenInfo) -> dict[str, Any]:
    more = {"created": token.created, "expires": token.expires, "current": token.id == caller().token}
    here = url("tokens", token.id)
    shown = {"id": token.id, "type": "token", "links": {"self": here, "remove": here}, "name": token.name, "roles": dict(token.roles)}
    return shown | {name: value for name, value in more.items() if value}
