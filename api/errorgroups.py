"""`/v1/errorgroups`: what is wrong, once for all clusters that say it, those first of which there are most.

A group belongs to the workspace of its bundles, and who may read that reads it. Its links lead to the deployments and clusters that
are in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from flask import Response
from marshmallow import fields, validate

from api import bundledeployments, clusters
from api.access import BUNDLE_NAMESPACE
from api.answers import answer
from api.auth import caller
from api.bundledeployments import OF_FIELDS, named_in
from api.deployed import CLUSTER, CLUSTER_NAMESPACE
from api.errors import InvalidOption
from api.listing import CHUNK_FIELDS, limit_of, place_after, wrapped
from api.nouns import Call
from api.openapi import Routes
from api.operating import MOST, begun
from api.operations import OperationBody, remembered
from api.representation import url
from api.schemas import DryRun, StateBody, collection, is_dry
from api.selectors import STATE_FIELDS, STATES, filters
from api.services import services
from api.states import PASSING, WRONG
from extension.objects.errors import Invalid, NotFound
from extension.objects.kinds import Bundle, Cluster
from extension.objects.schemas import Text, Whole, strict
from extension.objects.states import State
from extension.settings import FLEET
from extension.store.errorgroups import ErrorGroup, ErrorQuery
from extension.store.listing import SHAPE_PATH
from extension.store.protocol import Query

blueprint = Routes("errorgroups", __name__, description="What is wrong, once for all clusters that say it.")

PLACE = "errorgroups"
_RETRIED = (State.ErrApplied, State.NotReady)
_NAMED = ("gitrepo", "helmop", "bundle")
_LATE = {name: State[word] for name, word in STATES.items() if word in State.__members__ and State[word] is not State.Ready}

_Metadata = strict("ErrorGroupMetadata", {"name": Text(required=True), "namespace": Text(required=True), "state": fields.Nested(StateBody)})
ErrorGroupBody = strict(
    "ErrorGroup",
    {
        "id": Text(required=True),
        "type": Text(required=True, metadata={"enum": ["errorgroup"]}),
        "kind": Text(),
        "links": fields.Dict(required=True, keys=fields.String(), values=fields.String()),
        "metadata": fields.Nested(_Metadata, required=True),
        "message": Text(metadata={"description": "what all of them say, with a mask for what differs, such as `<n>` or `<ip>`"}),
        "example": Text(metadata={"description": "what one of them said"}),
        "shape": Text(metadata={"description": f"the message's name, to filter deployments and clusters by: `{SHAPE_PATH}=...`"}),
        "clusters": Whole(required=True),
        "deployments": Whole(required=True),
        "bundles": fields.List(Text(), required=True),
        "actions": fields.Dict(required=True, keys=fields.String(), values=fields.String()),
        "clusterNames": fields.List(Text(), required=True, metadata={"description": "a few of them, as `workspace/name`"}),
        "since": Text(metadata={"description": "since when there is at least one"}),
    },
)
ErrorGroupCollection = collection("ErrorGroup", fields.Nested(ErrorGroupBody))
_STATE = fields.String(metadata={"description": f"only groups in this state: {', '.join(sorted(_LATE))}"})
ListQuery = strict("ErrorGroupListQuery", {**{name: OF_FIELDS[name] for name in _NAMED}, "state": _STATE, **CHUNK_FIELDS})
NoQuery = strict("ErrorGroupQuery", {})
ActionQuery = strict("ErrorGroupActionQuery", {"action": Text(required=True, validate=validate.OneOf(("retry",))), **DryRun})


@blueprint.at(f"/v1/{PLACE}")
@blueprint.told(200, ErrorGroupCollection, "List what is wrong in all workspaces", "listErrorGroups")
@blueprint.query(ListQuery)
def everywhere(args: dict[str, Any]) -> Response:
    return answer(_listed(caller().workspaces(Bundle, "list"), args))


@blueprint.at(f"/v1/{PLACE}/<namespace>")
@blueprint.told(200, ErrorGroupCollection, "List what is wrong in a workspace", "listErrorGroupsOfWorkspace")
@blueprint.query(ListQuery)
def here(args: dict[str, Any], namespace: str) -> Response:
    return answer(_listed(_readable(namespace), args))


@blueprint.at(f"/v1/{PLACE}/<namespace>/<name>")
@blueprint.told(200, ErrorGroupBody, "Get one group of errors", "getErrorGroup")
@blueprint.query(NoQuery)
def one(_args: dict[str, Any], namespace: str, name: str) -> Response:
    return answer(_shown(_found(namespace, name), {}))


@blueprint.at(f"/v1/{PLACE}/<namespace>/<name>", "POST")
@blueprint.told(201, OperationBody, "Try again on the clusters of a group, and on no others", "retryErrorGroup")
@blueprint.query(ActionQuery)
def retry(args: dict[str, Any], namespace: str, name: str) -> Response:
    call = Call(services(), caller(), is_dry(args))
    ids = _clusters(_found(namespace, name))
    return remembered(call, *begun(call, {"kind": "forceUpdate", "type": clusters.NOUN.plural, "ids": ids}))


def _readable(namespace: str) -> tuple[str, ...]:
    return (namespace,) if caller().may(Bundle, "list", namespace) else ()


def _listed(workspaces: tuple[str, ...] | None, args: dict[str, Any]) -> dict[str, Any]:
    of = named_in(args)
    query = ErrorQuery(workspaces, of.get("bundle"), of.get("gitrepo"), _state(args.get("state")), limit=limit_of(args))
    page = services().store.errors.list(_from(query, args.get("continue", "")))
    return wrapped("errorgroup", [_shown(group, args) for group in page.items], page, query, args)


def _from(query: ErrorQuery, token: str) -> ErrorQuery:
    return ErrorQuery(query.workspaces, query.bundle, query.maker, query.state, limit=query.limit, after=place_after(token, query))


def _state(name: str | None) -> State | None:
    if name is not None and name.lower() not in _LATE:
        hint = f"use one of {', '.join(sorted(_LATE))}"
        raise InvalidOption(f"state: {name[:40]!r} is no state in which something is wrong", field="state", hint=hint)
    return None if name is None else _LATE[name.lower()]


def _found(namespace: str, name: str) -> ErrorGroup:
    """The group of an id. Raises NotFound, also when the caller may not see it."""
    shape, _, state = name.partition("-")
    query = ErrorQuery(_readable(namespace), state=_LATE.get(state), shape=shape, limit=1)
    found: tuple[ErrorGroup, ...] = services().store.errors.list(query).items if state in _LATE else ()
    if not found:
        raise NotFound(f"error group {namespace[:80]}/{name[:80]} not found", hint="it is gone when nothing says it any more")
    return found[0]


def _shown(group: ErrorGroup, args: Mapping[str, Any]) -> dict[str, Any]:
    state = group.state.name.lower()
    name = f"{group.shape}-{state}"
    told = {"name": state, "error": state in WRONG, "transitioning": state in PASSING, "message": group.text}
    return {
        "id": f"{group.workspace}/{name}",
        "type": "errorgroup",
        "kind": "ErrorGroup",
        "links": {"self": url(PLACE, group.workspace, name), **_inside(group, state, args)},
        "metadata": {"name": name, "namespace": group.workspace, "state": told},
        "actions": {"retry": f"{url(PLACE, group.workspace, name)}?action=retry"} if _may_retry(group) else {},
        "message": group.text,
        "example": group.example,
        "shape": group.shape,
        "clusters": group.clusters,
        "deployments": group.deployments,
        "bundles": list(group.bundles),
        "clusterNames": list(group.names),
        "since": group.since,
    }


def _inside(group: ErrorGroup, state: str, args: Mapping[str, Any]) -> dict[str, str]:
    """Where the deployments of a group are, those of what the list was asked for, and the clusters that say it."""
    bound = [("filter", one) for one in _bound(group, state)]
    of = [(name, args[name]) for name in _NAMED if name in args]
    return {
        "bundledeployments": f"{url(bundledeployments.NOUN.plural)}?{urlencode([*bound, *of])}",
        "clusters": f"{url(clusters.NOUN.plural)}?{urlencode(bound[:1])}",
    }


def _bound(group: ErrorGroup, state: str) -> list[str]:
    """The filters of the deployments of a group; the first is one of clusters, too."""
    return [f"{SHAPE_PATH}={group.shape}", f"{STATE_FIELDS[0]}={state}", f"metadata.labels[{BUNDLE_NAMESPACE}]={group.workspace}"]


def _may_retry(group: ErrorGroup) -> bool:
    """Whether the caller may have the agents of its clusters begin anew, which tries again what failed for good too. Fleet's own agents
    do not do that."""
    is_of_use = group.state in _RETRIED and group.deployments <= MOST and services().settings.engine != FLEET
    return is_of_use and caller().may(Cluster, "update", group.workspace)


def _clusters(group: ErrorGroup) -> list[str]:
    """The clusters that say it, as `workspace/name`. Raises Invalid for more than one operation may have."""
    page = services().store.deployments(Query(filters=filters(_bound(group, group.state.name.lower())), limit=MOST))
    if page.count > MOST:
        raise Invalid(f"{page.count} deployments say it, an operation has at most {MOST}", hint="force an update of the clusters by labels")
    return list(dict.fromkeys(f"{of[CLUSTER_NAMESPACE]}/{of[CLUSTER]}" for of in (one.metadata.labels for one in page.items)))
