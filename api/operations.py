"""`/v1/operations`: forced updates and moves of many objects that are remembered, so that their end can be looked at later.

An operation does to each object what the action of that name does, as its caller, and each has its own result: some may fail while the
others go on. What became of them is read from the objects when somebody asks. An operation belongs to whoever began it, and to those
who see all objects of its kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Response
from marshmallow import fields, validate

from api.answers import answer, whole_collection
from api.auth import caller
from api.nouns import Call
from api.openapi import Routes
from api.operating import MOST, NOUNS, begun, retried, stages, undone
from api.plans import posted, understood
from api.representation import url
from api.schemas import PLACE, DryRun, NoQuery, WriteQuery, collection, is_dry
from api.services import services
from extension.objects.base import ObjectMeta
from extension.objects.errors import NotFound
from extension.objects.operation import KEPT, RETRIED, Operation, OperationItem, OperationSpec, Stage, stage_of_all
from extension.objects.schemas import Flag, Text, Whole, strict

blueprint = Routes("operations", __name__, description="Forced updates and moves of many objects, and what became of them.")

PLURAL = "operations"
OperationWrite = strict(
    "OperationWrite",
    {
        "kind": Text(required=True, validate=validate.OneOf(("forceUpdate", "move"))),
        "type": Text(validate=validate.OneOf(sorted(NOUNS)), metadata={"description": "of the objects; a move is always of clusters"}),
        "ids": fields.List(
            fields.String(validate=PLACE), validate=validate.Length(1, MOST), metadata={"description": "`<workspace>/<name>` of each"}
        ),
        "labelSelector": Text(metadata={"description": "in place of `ids`: all that it selects"}),
        "namespace": Text(metadata={"description": "with `labelSelector`: only in this workspace"}),
        "workspace": Text(metadata={"description": "where a move leads"}),
        "labels": fields.Dict(keys=fields.String(), values=fields.String(), metadata={"description": "of a move: labels to set"}),
        "keepResources": Flag(metadata={"description": "of a move: objects of bundles that leave stay"}),
        "adopt": Flag(metadata={"description": "of a move: without it, none that takes over a bundle of the same name is done"}),
    },
)
_Item = strict(
    "OperationItem",
    {
        "id": Text(required=True),
        "state": Text(required=True),
        "message": Text(required=True),
        "workspace": Text(metadata={"description": "where a move leads"}),
        "result": fields.Dict(metadata={"description": "when a move is begun: what it does to the cluster"}),
    },
)
OperationBody = strict(
    "RecordedOperation",
    {
        "id": Text(required=True),
        "type": Text(required=True, metadata={"enum": ["operation"]}),
        "links": fields.Dict(keys=fields.String(), values=fields.String(), required=True),
        "actions": fields.Dict(keys=fields.String(), values=fields.String(), required=True),
        "kind": Text(required=True),
        "objects": Text(required=True, metadata={"description": "the type of its objects"}),
        "by": Text(required=True),
        "undoes": Text(metadata={"description": "the operation that this one takes back"}),
        "retries": Text(metadata={"description": "the operation whose failures this one does again"}),
        "created": Text(),
        "dryRun": Flag(metadata={"description": "nothing was done or remembered"}),
        "total": Whole(required=True, metadata={"description": "so many objects"}),
        "state": Text(metadata={"enum": ["running", "failed", "done"], "description": "not in lists: it takes a look at every object"}),
        "counts": fields.Dict(keys=fields.String(), values=Whole(), metadata={"description": "not in lists"}),
        "items": fields.List(fields.Nested(_Item), metadata={"description": "not in lists"}),
    },
)
_ACTIONS = {"undo": undone, "retry": retried}
_ActionQuery = strict("OperationActionQuery", {"action": Text(required=True, validate=validate.OneOf(sorted(_ACTIONS))), **DryRun})


@blueprint.at("/v1/operations")
@blueprint.told(200, collection("RecordedOperation", fields.Nested(OperationBody)), "List operations, the newest first", "listOperations")
@blueprint.query(NoQuery)
def operations(_args: dict[str, Any]) -> Response:
    data = [_listed(one) for one in services().operations.list() if _sees(one)]
    return whole_collection("operation", data, url(PLURAL))


@blueprint.at("/v1/operations", "POST")
@blueprint.told(201, OperationBody, "Begin a forced update or a move", "createOperation", requestBody=posted(OperationWrite))
@blueprint.query(WriteQuery)
def create(args: dict[str, Any]) -> Response:
    call = Call(services(), caller(), is_dry(args))
    return remembered(call, *begun(call, understood(OperationWrite)))


@blueprint.at("/v1/operations/<name>")
@blueprint.told(200, OperationBody, "Get an operation, and how far each of its objects is", "getOperation")
@blueprint.query(NoQuery)
def one(_args: dict[str, Any], name: str) -> Response:
    found = _found(name)
    return answer(_shown(found, stages(services(), found.spec), [{}] * len(found.spec.items)))


@blueprint.at("/v1/operations/<name>", "POST")
@blueprint.told(201, OperationBody, "Take a move back (`action=undo`), or do again what failed (`action=retry`)", "actOperation")
@blueprint.query(_ActionQuery)
def act(args: dict[str, Any], name: str) -> Response:
    call = Call(services(), caller(), is_dry(args))
    return remembered(call, *_ACTIONS[args["action"]](call, _found(name)))


def remembered(call: Call, spec: OperationSpec, said: Sequence[dict[str, Any]]) -> Response:
    """Remembers an operation that has begun, and tells of it; a dry run is only told of."""
    if call.dry_run:
        return answer(_shown(Operation(spec=spec), [_foreseen(item) for item in spec.items], said) | {"dryRun": True})
    made = services().operations.add(Operation(metadata=ObjectMeta(generate_name="operation-"), spec=spec))
    shown = _shown(made, stages(services(), spec), said)
    return answer(shown, 201, {"Location": shown["links"]["self"]})


def _foreseen(item: OperationItem) -> Stage:
    return Stage("failed", item.error) if item.error else Stage("waiting")


def _found(name: str) -> Operation:
    """Raises NotFound, also for another's."""
    found = services().operations.find(name)
    if found is None or not _sees(found):
        raise NotFound(f"operation {name[:80]} not found", hint=f"the newest {KEPT} are remembered")
    return found


def _sees(operation: Operation) -> bool:
    """Whose it is, or somebody who sees all objects that it could be about."""
    return operation.spec.owner == caller().id or caller().workspaces(NOUNS[operation.spec.type].cls, "list") is None


def _listed(operation: Operation) -> dict[str, Any]:
    spec, meta = operation.spec, operation.metadata
    here = url(PLURAL, meta.name) if meta.name else ""
    undo = {"undo": f"{here}?action=undo"} if here and spec.kind == "move" else {}
    body = {"id": meta.name, "type": "operation", "links": {"self": here} if here else {}, "actions": undo, "kind": spec.kind,
            "objects": spec.type, "by": spec.by, "total": len(spec.items)}  # fmt: skip
    more = {"undoes": spec.undoes, "retries": spec.retries, "created": meta.creation_timestamp}
    return body | {name: value for name, value in more.items() if value}


def _shown(operation: Operation, found: Sequence[Stage], said: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """With its state and its objects; `found` and `said` have one for each."""
    state, counts = stage_of_all(found)
    items = [_item(*of) for of in zip(operation.spec.items, found, said, strict=True)]
    listed = _listed(operation)
    here = listed["links"].get("self")
    retry = {"retry": f"{here}?action=retry"} if here and any(counts.get(name) for name in RETRIED) else {}
    return {**listed, "actions": listed["actions"] | retry, "state": state, "counts": counts, "items": items}


def _item(item: OperationItem, stage: Stage, said: dict[str, Any]) -> dict[str, Any]:
    body = {"id": item.id, "state": stage.state, "message": stage.message}
    body |= {"workspace": item.workspace} if item.workspace else {}
    return body | ({"result": said} if said else {})
