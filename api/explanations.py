"""`POST /v1/explanations`, `POST /v1/traces`: why a cluster gets a bundle or is in a group or not, and where an object on it came from.

All are read: whoever may read the cluster and the bundle's workspace may ask, and learns no value of Helm. What comes from a
workspace that the caller may not read does not exist for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response
from marshmallow import fields, validate

from api import bundles, clustergroups, clusters, gitrepos, writing
from api.answers import answer
from api.auth import caller
from api.nouns import Call, Noun, object_id
from api.openapi import Routes
from api.plans import planning, posted, understood
from api.schemas import PLACE, NoQuery
from api.services import services
from extension.objects.base import Key, Object, to_builtins
from extension.objects.codec import decode
from extension.objects.errors import MissingRequired
from extension.objects.explanation import Explanations, Membership, Term, Trace, TracedObjects
from extension.objects.kinds import Bundle, Cluster, ClusterGroup, GitRepo
from extension.objects.schemas import Text, Whole, schema, strict
from extension.objects.selectors import LabelSelector
from extension.objects.status import ResourceKey
from extension.targeting.terms import membership

blueprint = Routes("explanations", __name__, description="Why a cluster gets what it gets, and where it comes from.")
PAGE, MOST = 50, 500
_CLUSTER = Text(required=True, validate=PLACE, metadata={"description": "`<workspace>/<name>`"})
_NAMED = validate.Length(min=1, max=253)

ExplanationRequest = strict(
    "ExplanationRequest",
    {
        "cluster": _CLUSTER,
        "bundle": Text(validate=PLACE, metadata={"description": "`<workspace>/<name>`"}),
        "gitrepo": Text(validate=PLACE, metadata={"description": "all bundles of this GitRepo: `<workspace>/<name>`"}),
    },
)
MembershipRequest = strict(
    "MembershipRequest",
    {
        "cluster": _CLUSTER,
        "group": Text(validate=PLACE, metadata={"description": "a stored ClusterGroup: `<workspace>/<name>`"}),
        "selector": fields.Nested(schema(LabelSelector), metadata={"description": "in place of `group`: one that is not stored yet"}),
    },
)
TraceRequest = strict(
    "TraceRequest",
    {
        "cluster": _CLUSTER,
        "kind": Text(required=True, validate=_NAMED),
        "name": Text(required=True, validate=_NAMED),
        "namespace": Text(metadata={"description": "any, if left out"}),
        "apiVersion": Text(metadata={"description": "any, if left out"}),
    },
)
TraceObjectsRequest = strict(
    "TraceObjectsRequest",
    {
        "gitrepo": Text(required=True, validate=PLACE, metadata={"description": "`<workspace>/<name>`"}),
        "path": Text(required=True, metadata={"description": "a folder or file of its repository, `.` for all"}),
        "limit": Whole(validate=validate.Range(1, MOST), metadata={"description": "deployments of a page"}),
        "continue": Text(metadata={"description": "of the page before"}),
    },
)


@blueprint.at("/v1/explanations", "POST")
@blueprint.told(200, schema(Explanations), "Tell why a cluster gets a bundle or not", "explain", requestBody=posted(ExplanationRequest))
@blueprint.query(NoQuery)
def explain(_args: dict[str, Any]) -> Response:
    body = understood(ExplanationRequest)
    if bool(body.get("bundle")) == bool(body.get("gitrepo")):
        raise MissingRequired("bundle: name a bundle or a GitRepo", field="bundle", hint="one of the two")
    bundle, repo = _named(bundles.NOUN, body.get("bundle")), _named(gitrepos.NOUN, body.get("gitrepo"))
    return answer(to_builtins(planning().explain(_read(clusters.NOUN, body["cluster"]).key, bundle, repo)))


@blueprint.at("/v1/explanations/groups", "POST")
@blueprint.told(200, schema(Membership), "Tell why a cluster is in a group or not", "explainGroup", requestBody=posted(MembershipRequest))
@blueprint.query(NoQuery)
def member(_args: dict[str, Any]) -> Response:
    body = understood(MembershipRequest)
    return answer(to_builtins(_membership(_read(clusters.NOUN, body["cluster"]), body)))


@blueprint.at("/v1/traces", "POST")
@blueprint.told(200, schema(Trace), "Tell where an object on a cluster comes from", "trace", requestBody=posted(TraceRequest))
@blueprint.query(NoQuery)
def trace(_args: dict[str, Any]) -> Response:
    body = understood(TraceRequest)
    cluster = _read(clusters.NOUN, body["cluster"])
    wanted = ResourceKey(
        kind=body["kind"], api_version=body.get("apiVersion") or "", namespace=body.get("namespace") or "", name=body["name"]
    )
    return answer(to_builtins(planning().trace(cluster.key, wanted, caller().workspaces(Bundle, "list"))))


@blueprint.at("/v1/traces/objects", "POST")
@blueprint.told(200, schema(TracedObjects), "List what comes from a path", "traceObjects", requestBody=posted(TraceObjectsRequest))
@blueprint.query(NoQuery)
def traced(_args: dict[str, Any]) -> Response:
    body = understood(TraceObjectsRequest)
    repo = _read(gitrepos.NOUN, body["gitrepo"])
    assert isinstance(repo, GitRepo)
    page = (body.get("limit") or PAGE, body.get("continue") or "")
    return answer(to_builtins(planning().traced(repo, body["path"], *page, caller().workspaces(Bundle, "list"))))


def _membership(cluster: Object, body: Mapping[str, Any]) -> Membership:
    assert isinstance(cluster, Cluster)
    if bool(body.get("group")) == (body.get("selector") is not None):
        raise MissingRequired("group: name a cluster group, or send a selector", field="group", hint="one of the two")
    workspace, selector = cluster.metadata.namespace, decode(LabelSelector, body.get("selector") or {}, field="selector")
    if not body.get("group"):
        return _judged(cluster, "", membership(cluster, workspace, selector))
    group = _read(clustergroups.NOUN, body["group"])
    assert isinstance(group, ClusterGroup)
    return _judged(cluster, body["group"], membership(cluster, group.metadata.namespace, group.spec.selector))


def _judged(cluster: Cluster, group: str, terms: tuple[Term, ...]) -> Membership:
    return Membership(object_id(cluster.key), group=group, matches=all(term.holds for term in terms), terms=terms)


def _read(noun: Noun, where: str) -> Object:
    return writing.readable(noun, Call(services(), caller()), *where.split("/"))


def _named(noun: Noun, where: str | None) -> Key | None:
    """The key of an object that the caller may read, None where none is named. Raises NotFound."""
    return _read(noun, where).key if where else None
