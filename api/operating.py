"""What operations do (`api/operations.py`): begin, look how far each object is, take back, do again what failed.

Each object is acted on as the action of that name does, so rights, checks and dry runs are those of the action.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from api import bundles, clusters, gitrepos, helmops, writing
from api.acting import act
from api.listing import selected
from api.nouns import Call, Noun, object_id
from api.services import Services
from extension.objects.base import Key, Object
from extension.objects.errors import Invalid, MissingRequired, UserError
from extension.objects.kinds import Bundle, Cluster, HelmOp
from extension.objects.operation import RETRIED, Operation, OperationItem, OperationKind, OperationSpec, Stage, forced, key_of

MOST = 1000
"""Objects of one operation: what is remembered of it has to fit into one object."""
NOUNS: Mapping[str, Noun] = {noun.plural: noun for noun in (gitrepos.NOUN, clusters.NOUN, bundles.NOUN, helmops.NOUN)}
_TOLD = ("leaves", "adopts", "comes", "removed", "warnings", "secrets")
"""What a move tells when it is begun."""
Begun = tuple[OperationItem, dict[str, Any]]
"""What is remembered of an object, and what is told of it at once."""


def begun(call: Call, body: Mapping[str, Any]) -> tuple[OperationSpec, list[dict[str, Any]]]:
    """Acts on every object: what is to be remembered, and what each action told. Raises Invalid for what can't be asked for, and then
    nothing was done."""
    noun = _noun(body)
    keys = _chosen(call, noun, body)
    if body["kind"] == "move":
        wanted = {"labels": {}, **{name: body[name] for name in clusters.MOVE_FIELDS if name in body}}
        done = [_moved(call, key, wanted) for key in keys]
    else:
        done = [_forced(call, noun, key) for key in keys]
    return _spec(call, body["kind"], noun, done), [said for _, said in done]


def undone(call: Call, operation: Operation) -> tuple[OperationSpec, list[dict[str, Any]]]:
    """Moves back what an operation moved. Labels that it changed are as they were again, those that were new stay."""
    spec = operation.spec
    if spec.kind != "move":
        raise Invalid("only a move can be taken back", field="action", hint="a forced update leaves nothing that was there before")
    moved = [item for item in spec.items if not item.error]
    if not moved:
        raise Invalid("nothing was moved", where=f"operation {operation.metadata.name}", field="action")
    done = [_moved(call, _there(item), {"workspace": key_of("", item).namespace, "labels": item.labels}) for item in moved]
    return _spec(call, "move", clusters.NOUN, done, undoes=operation.metadata.name), [said for _, said in done]


def retried(call: Call, operation: Operation) -> tuple[OperationSpec, list[dict[str, Any]]]:
    """Does again what failed of an operation, as it was asked for, and nothing of the rest."""
    spec, noun = operation.spec, NOUNS[operation.spec.type]
    failed = [item for item, stage in zip(spec.items, stages(call.services, spec), strict=True) if stage.state in RETRIED]
    if not failed:
        raise Invalid("nothing of it failed", where=f"operation {operation.metadata.name}", field="action")
    asked = [(key_of(noun.cls.KIND, item), {"labels": {}, **item.asked, "workspace": item.workspace}) for item in failed]
    done = [_moved(call, key, wanted) if spec.kind == "move" else _forced(call, noun, key) for key, wanted in asked]
    return _spec(call, spec.kind, noun, done, retries=operation.metadata.name), [said for _, said in done]


def _spec(call: Call, kind: OperationKind, noun: Noun, done: Sequence[Begun], **of: str) -> OperationSpec:
    """`of` names the operation that this one `undoes` or `retries`."""
    items = tuple(item for item, _ in done)
    return OperationSpec(kind, noun.plural, call.caller.name, call.caller.id, items=items, **of)


def stages(services: Services, spec: OperationSpec) -> list[Stage]:
    """How far each object is."""
    return [_stage(services, spec, item) for item in spec.items]


def _stage(services: Services, spec: OperationSpec, item: OperationItem) -> Stage:
    if item.error:
        return Stage("failed", item.error)
    if spec.kind == "move":
        return services.operations.moved(item)
    cls = NOUNS[spec.type].cls
    key = key_of(cls.KIND, item)
    found = services.store.find(cls, key.namespace, key.name)
    bundle = services.store.find(Bundle, key.namespace, key.name) if isinstance(found, HelmOp) else None
    return forced(item, found, bundle)


def _noun(body: Mapping[str, Any]) -> Noun:
    moves, plural = body["kind"] == "move", body.get("type") or ""
    if moves and plural not in ("", clusters.NOUN.plural):
        raise Invalid("type: only clusters are moved", field="type")
    if moves and not body.get("workspace"):
        raise MissingRequired("workspace: is required", field="workspace", hint="name the workspace to move to")
    alien = [name for name in clusters.MOVE_FIELDS if name in body and not moves]
    if alien:
        raise Invalid(f"{alien[0]}: is for moves", field=alien[0])
    if not moves and not plural:
        raise MissingRequired("type: is required", field="type", hint=f"one of {', '.join(sorted(NOUNS))}")
    return NOUNS[plural or clusters.NOUN.plural]


def _chosen(call: Call, noun: Noun, body: Mapping[str, Any]) -> list[Key]:
    """The objects that are named or selected, at most MOST. Raises Invalid for none, for more, and for both ways at once."""
    if bool(body.get("ids")) == bool(body.get("labelSelector")):
        raise MissingRequired("ids: name the objects, or send a labelSelector", field="ids", hint="one of the two")
    if body.get("ids"):
        return [noun.key(*one.split("/")) for one in dict.fromkeys(body["ids"])]
    query = selected(noun, call.caller, {**body, "limit": MOST}, body.get("namespace"), "update")
    page = call.services.store.list(noun.cls, query) if query else None
    if page is None or not page.items:
        raise Invalid("labelSelector: selects nothing that you may change", field="labelSelector")
    if page.count > MOST:
        hint = f"narrow it down, or use the action {body['kind']} of {noun.plural}, which goes page by page"
        raise Invalid(f"labelSelector: selects {page.count}, an operation has at most {MOST}", field="labelSelector", hint=hint)
    return [item.key for item in page.items]


def _forced(call: Call, noun: Noun, key: Key) -> Begun:
    try:
        done = act(noun, call, "forceUpdate", lambda: writing.readable(noun, call, key.namespace, key.name), {})
    except UserError as error:
        return _failed(key, error)
    field = "redeploy_agent_generation" if noun.cls is Cluster else "force_sync_generation"
    return OperationItem(object_id(key), generation=int(getattr(getattr(done, "spec", None), field))), {}


def _moved(call: Call, key: Key, wanted: Mapping[str, Any]) -> Begun:
    before: dict[str, str] = {}

    def read() -> Object:
        found = writing.readable(clusters.NOUN, call, key.namespace, key.name)
        before.update({name: found.metadata.labels[name] for name in wanted["labels"] if name in found.metadata.labels})
        return found

    try:
        said = act(clusters.NOUN, call, "move", read, wanted)
    except UserError as error:
        return _failed(key, error, wanted)
    assert isinstance(said, dict)
    management, bundles = said.get("management", ""), len(said["adopts"]) + len(said["comes"])
    where, asked = wanted["workspace"], _asked(wanted)
    item = OperationItem(object_id(key), workspace=where, management=management, bundles=bundles, labels=before, asked=asked)
    return item, {name: said[name] for name in _TOLD if name in said}


def _failed(key: Key, error: UserError, wanted: Mapping[str, Any] = MappingProxyType({})) -> Begun:
    message = "; ".join(filter(None, (error.message, error.hint)))
    return OperationItem(object_id(key), workspace=wanted.get("workspace", ""), asked=_asked(wanted), error=message), {}


def _asked(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What a move was asked besides where it leads."""
    return {name: value for name, value in wanted.items() if name != "workspace" and value != {}}


def _there(item: OperationItem) -> Key:
    """Where a cluster that was moved is."""
    return Key(Cluster.KIND, item.workspace, key_of(Cluster.KIND, item).name)
