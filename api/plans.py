"""`POST /v1/plans`: what a change would do, before it is made. Nothing is stored.

Whoever may read a GitRepo may plan any branch, tag or commit of its repository, and sees the clusters of the workspaces they may
read; of the others only the number. A folder, or an object that is not stored yet, takes what storing it would take: it could make
the service fetch from anywhere with the workspace's credentials.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import msgspec
from flask import Response
from marshmallow import fields, validate

from api import clustergroups, gitrepos, helmops, writing
from api import clusters as cluster_noun
from api.access import demand_write
from api.answers import answer
from api.auth import caller
from api.bodies import read_object
from api.errors import InvalidOption
from api.nouns import Call, Noun
from api.openapi import Routes
from api.schemas import PLACE, NoQuery
from api.services import Plans, services
from extension.objects.base import Object, to_builtins
from extension.objects.errors import Invalid, MissingRequired, NotFound
from extension.objects.kinds import Cluster, ClusterGroup, GitRepo, HelmOp
from extension.objects.preview import Asked, Members, PlanReport
from extension.objects.schemas import Base64, Flag, Text, Whole, refuse, schema, strict

blueprint = Routes("plans", __name__, description="What a change would do, before it is made.")
PAGE, MOST = 1000, 10_000
_NOUNS = {noun.cls.KIND: noun for noun in (gitrepos.NOUN, helmops.NOUN, clustergroups.NOUN, cluster_noun.NOUN)}

_QUESTION = {
    "gitrepo": Text(validate=PLACE, metadata={"description": "a stored GitRepo: `<workspace>/<name>`"}),
    "branch": Text(metadata={"description": "in place of the GitRepo's own"}),
    "revision": Text(metadata={"description": "a tag or commit in place of the GitRepo's own"}),
    "folder": Base64(metadata={"description": "a tar, gzipped, in place of the repository", "format": "byte"}),
    "object": fields.Dict(metadata={"description": "a GitRepo, HelmOp, ClusterGroup or Cluster as it would be stored"}),
    "bundle": Text(metadata={"description": "only the bundle of this name, with more groups"}),
}
PlanRequest = strict(
    "PlanRequest",
    {
        **_QUESTION,
        "targetsOnly": Flag(
            metadata={"description": "only which clusters the targets of the GitRepo or HelmOp select; no repository is read"}
        ),
        "diffs": Flag(metadata={"description": "false: without rendering anything"}),
    },
)
PlanClustersRequest = strict(
    "PlanClustersRequest",
    {
        **_QUESTION,
        "group": Text(required=True, metadata={"description": "the id of a group of the plan"}),
        "limit": Whole(validate=validate.Range(1, MOST), metadata={"description": "clusters of a page"}),
        "continue": Text(validate=validate.Regexp(r"[0-9]{0,18}\Z"), metadata={"description": "of the page before"}),
    },
)


def posted(shape: Any) -> dict[str, Any]:
    """How a body of this shape is documented."""
    return {"required": True, "content": {kind: {"schema": shape} for kind in ("application/json", "application/yaml")}}


@blueprint.at("/v1/plans", "POST")
@blueprint.told(200, schema(PlanReport), "Tell what a change would do", "plan", requestBody=posted(PlanRequest))
@blueprint.query(NoQuery)
def plan(_args: dict[str, Any]) -> Response:
    return answer(to_builtins(planning().plan(_asked(understood(PlanRequest)))))


@blueprint.at("/v1/plans/clusters", "POST")
@blueprint.told(200, schema(Members), "List the clusters of a group of a plan", "planClusters", requestBody=posted(PlanClustersRequest))
@blueprint.query(NoQuery)
def clusters(_args: dict[str, Any]) -> Response:
    body = understood(PlanClustersRequest)
    asked, limit = _asked(body), body.get("limit") or PAGE
    return answer(to_builtins(planning().members(asked, body["group"], body.get("continue") or "", limit)))


def planning() -> Plans:
    """Who plans. Raises NotFound where nobody does."""
    found = services().plans
    if found is None:
        raise NotFound("this process makes no plans", hint="ask the service that runs the engine")
    return found


def understood(shape: Any) -> dict[str, Any]:
    """The body of the request. Raises Invalid for a field that the shape has not, or of another type."""
    body = read_object()
    refuse(shape().validate(body))
    return body


def _asked(body: Mapping[str, Any]) -> Asked:
    """The question. Raises Forbidden and NotFound for what the caller may not ask about."""
    if bool(body.get("gitrepo")) == bool(body.get("object")):
        raise MissingRequired("gitrepo: name a stored GitRepo, or send an object", field="gitrepo", hint="one of the two")
    obj = _stored(body) if body.get("gitrepo") else _unsaved(body["object"])
    asked = Asked(bundle=body.get("bundle") or "", diffs=body.get("diffs") is not False, workspaces=caller().workspaces(Cluster, "list"))
    if isinstance(obj, HelmOp):
        _only_repos(body, "branch", "revision", "folder")
        return msgspec.structs.replace(asked, helmop=obj, targets_only=bool(body.get("targetsOnly")))
    if isinstance(obj, ClusterGroup):
        _only_repos(body)
        return msgspec.structs.replace(asked, group=obj)
    if isinstance(obj, Cluster):
        _only_repos(body)
        return msgspec.structs.replace(asked, cluster=obj)
    assert isinstance(obj, GitRepo)
    archive = base64.b64decode(body["folder"]) if body.get("folder") else None
    return msgspec.structs.replace(asked, repo=_at(obj, body), archive=archive, targets_only=bool(body.get("targetsOnly")))


def _stored(body: Mapping[str, Any]) -> Object:
    repo = writing.readable(gitrepos.NOUN, Call(services(), caller()), *body["gitrepo"].split("/"))
    if body.get("folder"):
        demand_write(caller(), "update", GitRepo, repo.key, repo.metadata.namespace)
    return repo


def _unsaved(body: dict[str, Any]) -> Object:
    """The object as it would be stored, in place of the one of its name if there is one, and checked as such."""
    noun = _NOUNS.get(str(body.get("kind")))
    if noun is None:
        raise Invalid(f"object.kind: can't be planned; use one of {', '.join(sorted(_NOUNS))}", field="object.kind")
    call = Call(services(), caller(), dry_run=True)
    there = _there(noun, body)
    return writing.create(noun, call, body, None) if there is None else writing.replace(noun, call, there, body)


def _there(noun: Noun, body: Mapping[str, Any]) -> Object | None:
    metadata = body.get("metadata")
    names = [metadata.get(part) for part in ("namespace", "name")] if isinstance(metadata, dict) else []
    if len(names) != 2 or not all(isinstance(name, str) and name for name in names):
        return None
    namespace, name = map(str, names)
    return services().store.find(noun.cls, namespace, name) if caller().may(noun.cls, "get", namespace, name) else None


def _at(repo: GitRepo, body: Mapping[str, Any]) -> GitRepo:
    """The GitRepo at the branch or revision that is asked for."""
    branch, revision = body.get("branch") or "", body.get("revision") or ""
    if branch and revision:
        raise InvalidOption("revision: can't be used together with branch", field="revision", hint="a GitRepo follows one of the two")
    if not branch and not revision:
        return repo
    if body.get("folder"):
        raise InvalidOption("folder: stands in place of a branch or revision", field="folder", hint="leave one of them out")
    spec = msgspec.structs.replace(repo.spec, branch=branch or repo.spec.branch, revision=revision)
    return msgspec.structs.replace(repo, spec=spec)


def _only_repos(body: Mapping[str, Any], *names: str) -> None:
    for name in names or ("branch", "revision", "folder", "targetsOnly"):
        if body.get(name):
            raise InvalidOption(f"{name}: is for GitRepos", field=name)
