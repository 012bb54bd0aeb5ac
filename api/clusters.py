"""Clusters: registered by agents, or by hand for those the service reaches itself; moved between workspaces.

A cluster's place decides who commands it. So a Cluster may name a kubeconfig Secret or a folder of another workspace only
if its writer rules there too, and a move needs the administrator of both workspaces. `fleet-local` holds `local` and
nothing else, for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from marshmallow import fields, validate

from api import checks
from api.access import EVERYWHERE, absent, forbidden
from api.agents import served
from api.auth import caller
from api.changes import counted_up, with_spec
from api.departing import DELETION, confirmed, delete
from api.errors import InvalidBody, InvalidReference
from api.happenings import events_blueprint
from api.nouns import Action, Call, Noun, Write, object_id
from api.places import resources_blueprint
from api.representation import url
from api.resources import blueprint
from api.schemas import PLACE
from api.services import services
from extension.objects.base import Key
from extension.objects.durations import seconds
from extension.objects.errors import Invalid, MissingRequired
from extension.objects.kinds import Cluster, ClusterGroup, FleetWorkspace
from extension.objects.marks import DIRECTORY, is_local
from extension.objects.moving import Move, Moved
from extension.objects.names import LOCAL_CLUSTER, LOCAL_WORKSPACE
from extension.objects.presence import before
from extension.objects.selectors import LabelSelector, requirements
from extension.store.listing import SEEN_PATH
from extension.store.protocol import Filter, Page, Query


def _cluster(write: Write) -> Cluster:
    assert isinstance(write.new, Cluster)
    return write.new


def _only_local(write: Write) -> None:
    meta = write.new.metadata
    if write.old is None and meta.namespace == LOCAL_WORKSPACE and meta.name != LOCAL_CLUSTER:
        raise Invalid(f"metadata.namespace: {LOCAL_WORKSPACE} holds only the cluster {LOCAL_CLUSTER}", field="metadata.namespace")


def _kubeconfig(write: Write) -> None:
    namespace = _cluster(write).spec.kube_config_secret_namespace
    field = "spec.kubeConfigSecretNamespace"
    if _changed(write, lambda c: (c.spec.kube_config_secret, c.spec.kube_config_secret_namespace)):
        _rules(write, namespace or write.new.metadata.namespace, field)


def _directory(write: Write) -> None:
    folder = write.new.metadata.annotations.get(DIRECTORY, "")
    if folder in ("", "true") or not _changed(write, lambda c: c.metadata.annotations.get(DIRECTORY)):
        return
    workspace, slash, _ = folder.partition("/")
    _rules(write, workspace if slash else EVERYWHERE, f"metadata.annotations.{DIRECTORY}")


def _changed(write: Write, part: Any) -> bool:
    return write.old is None or part(write.old) != part(write.new)


def _rules(write: Write, workspace: str, field: str) -> None:
    """Raises InvalidReference unless the caller commands the clusters of that workspace."""
    caller = write.call.caller
    if not caller.may(Cluster, "update", workspace):
        raise InvalidReference(f"{field}: {caller.lacks(Cluster, 'update', workspace).removeprefix('it ')}", field=field)


def _not_local(write: Write) -> None:
    if is_local(write.new.key):
        raise Invalid("the local cluster can't be deleted", field="metadata.name")


def move(call: Call, cluster: Cluster, body: Mapping[str, Any]) -> dict[str, Any]:
    """Moves a cluster to another workspace: which Bundles leave it, which take over what it has, which come. A dry run only tells."""
    wanted = _move_body(body)
    source = cluster.metadata.namespace
    if LOCAL_WORKSPACE in (source, wanted.workspace):
        raise Invalid(f"workspace: {LOCAL_WORKSPACE} is never left and never entered", field="workspace")
    if not call.caller.may(FleetWorkspace, "fleetaddcluster", wanted.workspace):
        hint = call.caller.lacks(FleetWorkspace, "fleetaddcluster", wanted.workspace)
        raise forbidden(f"move {cluster.key} to workspace {wanted.workspace}", hint)
    if call.services.store.find(FleetWorkspace, "", wanted.workspace) is None:
        raise InvalidReference(f"workspace: {wanted.workspace} does not exist", field="workspace")
    result = Moved(cluster.key) if wanted.workspace == source else call.services.move(cluster.key, wanted, call.dry_run)
    place = object_id(result.cluster)
    told = {"type": "clusterMove", "from": source, "to": wanted.workspace, "dryRun": call.dry_run, "id": place, **result.told}
    bundles = {name: sorted(map(object_id, getattr(result, name))) for name in ("leaves", "adopts", "comes")}
    return told | bundles | {"removed": result.removed, "links": {"cluster": url(NOUN.plural, place)}}


MOVE_FIELDS = ("workspace", "labels", "keepResources", "adopt")


def _move_body(body: Mapping[str, Any]) -> Move:
    unknown = sorted(set(body) - set(MOVE_FIELDS))
    if unknown:
        raise Invalid(f"{unknown[0]}: unknown field", field=unknown[0])
    workspace, labels = body.get("workspace"), body.get("labels") or {}
    if not isinstance(workspace, str) or not workspace:
        raise MissingRequired("workspace: is required", field="workspace", hint="name the workspace to move to")
    if not isinstance(labels, dict) or not all(isinstance(v, str) for v in labels.values()):
        raise Invalid("labels: expected an object of texts", field="labels")
    checks.labels(labels, "labels")
    flags = {name: body.get(name, default) for name, default in (("keepResources", False), ("adopt", True))}
    for name, value in flags.items():
        if not isinstance(value, bool):
            raise Invalid(f"{name}: expected true or false", field=name)
    return Move(workspace, labels, flags["keepResources"], flags["adopt"])


def rotate_key(call: Call, cluster: Cluster, body: Mapping[str, Any]) -> dict[str, Any]:
    """The agent gets another key with its next check-in; the old one is good until then."""
    return _renewed(call, cluster, body, served(call.services).rotate)


def revoke_key(call: Call, cluster: Cluster, body: Mapping[str, Any]) -> dict[str, Any]:
    """The agent's key is no good any more: it has to register again."""
    return _renewed(call, cluster, body, served(call.services).revoke)


def _renewed(call: Call, cluster: Cluster, body: Mapping[str, Any], renew: Callable[[Key], None]) -> dict[str, Any]:
    if body:
        raise InvalidBody("the action takes no body")
    if not call.dry_run:
        renew(cluster.key)
    return {"type": "agentKey", "id": object_id(cluster.key), "dryRun": call.dry_run}


NOUN = Noun(
    Cluster,
    "A cluster: a Kubernetes API, a folder, or one that an agent speaks for.",
    checks=(_only_local, _kubeconfig, _directory),
    on_delete=(_not_local, confirmed),
    deletion=DELETION,
    delete=delete,
    actions={
        "forceUpdate": Action(lambda cluster: counted_up(cluster, "redeploy_agent_generation"), summary="deploy the agent again"),
        "pause": Action(lambda cluster: with_spec(cluster, paused=True), summary="hold back changes"),
        "unpause": Action(lambda cluster: with_spec(cluster, paused=False), summary="let changes through"),
        "rotateAgentKey": Action(run=rotate_key, summary="give its agent another key"),
        "revokeAgentKey": Action(run=revoke_key, summary="take its agent's key back"),
        "move": Action(run=move, summary="to another workspace; body {workspace, labels?, keepResources?, adopt?}"),
    },
    links=("resources", "events"),
)

_TIME = validate.Regexp(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", error="must be a time such as 2026-01-31T12:00:00Z")
MORE_FIELDS: dict[str, fields.Field[Any]] = {
    "clusterGroup": fields.String(validate=PLACE, metadata={"description": "those of a cluster group: `<workspace>/<name>`"}),
    "seenBefore": fields.String(validate=_TIME, metadata={"description": "those last heard of before this time"}),
    "seenSince": fields.String(validate=_TIME, metadata={"description": "those heard of at this time or later"}),
    "silentFor": fields.String(
        metadata={"description": "those not heard of for so long, such as `45m`; never seen ones are not among them"}
    ),
}


def _fetch(query: Query, args: dict[str, Any]) -> Page:
    latest = [args["seenBefore"]] if "seenBefore" in args else []
    if "silentFor" in args:
        latest.append(before(datetime.now(UTC), seconds(args["silentFor"], field="silentFor")))
    more = [(Filter(SEEN_PATH, "<", (min(latest),)),)] if latest else []
    more += [(Filter(SEEN_PATH, ">=", (args["seenSince"],)),)] if "seenSince" in args else []
    wanted = _of_group(query, *args["clusterGroup"].split("/")) if "clusterGroup" in args else query
    if wanted is None:
        return Page((), "", 0, services().store.revision())
    return services().store.list(Cluster, msgspec.structs.replace(wanted, filters=(*wanted.filters, *more)))


def _of_group(query: Query, namespace: str, name: str) -> Query | None:
    """The query with what a group selects, which is clusters of its own workspace; None for a group that has none. Raises NotFound, also
    when the caller may not see the group."""
    group = services().store.find(ClusterGroup, namespace, name) if caller().may(ClusterGroup, "get", namespace, name) else None
    if group is None:
        raise absent(Key(ClusterGroup.KIND, namespace, name))
    outside = query.namespaces is not None and namespace not in query.namespaces
    try:
        both = [*requirements(group.spec.selector), *requirements(query.selector or LabelSelector())] if group.spec.selector else None
    except Invalid:  # a broken selector, which the group's own status tells of
        both = None
    if both is None or outside:
        return None
    return msgspec.structs.replace(query, namespaces=(namespace,), selector=LabelSelector(match_expressions=tuple(both)))


blueprints = (blueprint(NOUN, fetch=_fetch, extra=MORE_FIELDS), resources_blueprint(NOUN, "cluster"), events_blueprint(NOUN))
