"""Actions: things done to an object by name, one at a time or to all that a selector chooses.

Many objects are not one transaction: each has its own row in the answer, with what happened to it, and a `continue`
says that there are more. Who names nothing to select by gets a refusal and not everything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from api import writing
from api.access import WRITES, demand_write, forbidden
from api.errors import InvalidBody, InvalidOption, told
from api.listing import continue_token, read_page, selected
from api.nouns import Call, Noun, object_id
from extension.objects.base import Object
from extension.objects.errors import UserError


def act(noun: Noun, call: Call, name: str, read: Callable[[], Object], body: Mapping[str, Any]) -> Object | dict[str, Any]:
    """The object after the action, or what an action with a `run` of its own tells."""
    action = noun.actions[name]
    if action.run is not None:
        obj = read()
        demand_write(call.caller, "update", noun.cls, obj.key, noun.workspace(obj.metadata.namespace, obj.metadata.name))
        return action.run(call, obj, body)
    if body:
        raise InvalidBody(f"{name} takes no body")
    return writing.change(noun, call, read, action.change)


def act_on_many(noun: Noun, call: Call, args: dict[str, Any], namespace: str | None, body: Mapping[str, Any]) -> dict[str, Any]:
    """The action on every selected object of a page, in the workspaces in which the caller may."""
    if not args.get("labelSelector") and not args.get("filter") and namespace is None:
        hint = "or name a workspace in the URL"
        raise InvalidOption("labelSelector: is required for an action on many", field="labelSelector", hint=hint)
    need, store = WRITES[noun.cls]["update"], call.services.store
    if not call.caller.may_anywhere(noun.cls, "update"):
        raise forbidden(f"{args['action']} {noun.plural}", need, namespace or "any")
    query = selected(noun, call.caller, args, namespace, need.role)
    page = read_page(lambda q: store.list(noun.cls, q), query, args, store.revision)
    rows = [_row(noun, call, args["action"], item, body) for item in page.items]
    token = continue_token(page, query)
    return {
        "type": "actionResult",
        "action": args["action"],
        "count": page.count,
        "failed": sum(row["status"] >= 400 for row in rows),
        **({"continue": token} if token else {}),
        "data": rows,
    }


def _row(noun: Noun, call: Call, action: str, item: Object, body: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {"id": object_id(item.key), "status": 200}
    meta = item.metadata
    try:
        result = act(noun, call, action, lambda: writing.readable(noun, call, meta.namespace, meta.name), body)
    except UserError as error:
        return row | {name: value for name, value in told(error).items() if name != "type"}
    return row if isinstance(result, Object) else row | {"result": result}
