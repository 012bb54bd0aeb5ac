"""`POST /v1/connections`: how far one gets to a repository, before a GitRepo is made of it. Nothing is stored.

It takes what creating that GitRepo would take, and is checked as such: whoever may not make the service fetch from there, or with a
secret, may not try it either.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response
from marshmallow import validate

from api import gitrepos, writing
from api.answers import answer
from api.auth import caller
from api.nouns import Call
from api.openapi import Routes
from api.plans import posted, understood
from api.schemas import NoQuery
from api.services import Connections, services
from extension.objects.base import to_builtins
from extension.objects.connection import ConnectionReport
from extension.objects.errors import NotFound
from extension.objects.kinds import GitRepo
from extension.objects.schemas import Base64, Flag, Text, schema, strict

blueprint = Routes("connections", __name__, description="How far one gets to a repository.")

_OF_GITREPO = {
    "repo": Text(required=True, metadata={"description": "the repository's URL, as a GitRepo has it"}),
    "branch": Text(metadata={"description": "as a GitRepo has it; `master` without"}),
    "revision": Text(metadata={"description": "a tag or commit in place of the branch"}),
    "clientSecretName": Text(metadata={"description": "a Secret of the workspace; without, the one that its GitRepos get"}),
    "caBundle": Base64(metadata={"description": "certificates to trust (PEM)", "format": "byte"}),
    "insecureSkipTLSVerify": Flag(metadata={"description": "true: the server's certificate is not checked"}),
}
ConnectionRequest = strict(
    "ConnectionRequest",
    {
        "namespace": Text(required=True, validate=validate.Length(min=1), metadata={"description": "the workspace of the GitRepo"}),
        **_OF_GITREPO,
        "paths": Flag(metadata={"description": "true: also fetch the commit and list the paths that a GitRepo may name"}),
    },
)


@blueprint.at("/v1/connections", "POST")
@blueprint.told(200, schema(ConnectionReport), "Try the way to a repository", "testConnection", requestBody=posted(ConnectionRequest))
@blueprint.query(NoQuery)
def test(_args: dict[str, Any]) -> Response:
    body = understood(ConnectionRequest)
    return answer(to_builtins(_connections().test(_as_gitrepo(body), body.get("paths") is True)))


def _connections() -> Connections:
    """Who tries. Raises NotFound where nobody does."""
    found = services().connections
    if found is None:
        raise NotFound("this process tries no connections", hint="ask the service that runs the engine")
    return found


def _as_gitrepo(body: Mapping[str, Any]) -> GitRepo:
    """The GitRepo that would be created, checked as such. Raises Forbidden, and Invalid naming the field of the GitRepo."""
    metadata = {"namespace": body["namespace"], "generateName": "connection-"}
    spec = {name: body[name] for name in _OF_GITREPO if body.get(name)}
    call = Call(services(), caller(), dry_run=True)
    repo = writing.create(gitrepos.NOUN, call, {"metadata": metadata, "spec": spec}, None)
    assert isinstance(repo, GitRepo)
    return repo
