"""`/v1/management.cattle.io.fleetworkspaces/<workspace>/members`: who has which of Rancher's roles in a workspace.

On a Rancher server only: members are RoleBindings, written and read as the caller, and Kubernetes refuses whoever would give more than
they have. Elsewhere a workspace's members are API tokens (`/v1/tokens`).
"""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import fields, validate

from api import workspaces
from api.answers import answer, whole_collection
from api.auth import caller
from api.openapi import Routes
from api.plans import posted, understood
from api.representation import url
from api.schemas import NoQuery, collection
from api.services import WorkspaceMembers, services
from extension.objects.errors import NotFound
from extension.objects.kinds import FleetWorkspace
from extension.objects.schemas import Text, strict
from extension.rancher.members import ROLES, Member

blueprint = Routes("members", __name__, description="Who has which of Rancher's roles in a workspace.")

PLACE = f"/v1/{workspaces.NOUN.plural}/<name>/members"
_GIVEN = {
    "name": Text(required=True, validate=validate.Length(1, 253), metadata={"description": "of the user or group, as Kubernetes knows it"}),
    "kind": fields.String(validate=validate.OneOf(("User", "Group")), load_default="User"),
    "role": fields.String(required=True, validate=validate.OneOf(ROLES)),
}
MemberWrite = strict("MemberWrite", _GIVEN)
MemberBody = strict(
    "Member",
    {
        "id": Text(required=True),
        "type": Text(required=True, metadata={"enum": ["member"]}),
        "links": fields.Dict(keys=fields.String(), values=fields.String(), required=True),
        **_GIVEN,
    },
)


@blueprint.at(PLACE)
@blueprint.told(200, collection("Member", fields.Nested(MemberBody)), "List the members of a workspace", "listMembers")
@blueprint.query(NoQuery)
def members(_args: dict[str, Any], name: str) -> Response:
    data = [_shown(name, member) for member in _of(name).list(name)]
    return whole_collection("member", data, _url(name))


@blueprint.at(PLACE, "POST")
@blueprint.told(201, MemberBody, "Give somebody a role in a workspace", "createMember", requestBody=posted(MemberWrite))
@blueprint.query(NoQuery)
def create(_args: dict[str, Any], name: str) -> Response:
    body = understood(MemberWrite)
    member = Member(body["name"], body["role"], body.get("kind") or "User")
    _of(name).add(name, member)
    return answer(_shown(name, member), 201, {"Location": _url(name, member.id)})


@blueprint.at(f"{PLACE}/<member>", "DELETE")
@blueprint.told(200, MemberBody, "Take somebody's role in a workspace away", "deleteMember")
@blueprint.query(NoQuery)
def delete(_args: dict[str, Any], name: str, member: str) -> Response:
    return answer(_shown(name, _of(name).remove(name, member)))


def _of(workspace: str) -> WorkspaceMembers:
    """Who knows the members. Raises NotFound for a workspace that the caller may not see, and where there is no Rancher."""
    found = services().members
    if found is None:
        raise NotFound("members are those of a Rancher server", hint="here roles are given with API tokens: /v1/tokens")
    if not caller().may(FleetWorkspace, "get", workspace, workspace) or services().store.find(FleetWorkspace, "", workspace) is None:
        raise NotFound(f"FleetWorkspace {workspace[:80]} not found")
    return found


def _shown(workspace: str, member: Member) -> dict[str, Any]:
    links = {"remove": _url(workspace, member.id)}
    return {"id": member.id, "type": "member", "links": links, "name": member.name, "kind": member.kind, "role": member.role}


def _url(workspace: str, *member: str) -> str:
    return url(workspaces.NOUN.plural, workspace, "members", *member)
