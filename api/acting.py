"""Actions: things done to an object by name, one at a time or to all that a selector chooses.

Many objects are not one transaction: each has its own row in the answer, with what happened to it, and a `continue`
says that there are more. Who names nothing to select by gets a refusal and not everything. Where the store can't be used,
each row would wait as long as the first: the action ends there, and the answer tells what was done and what was not tried.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from api import writing
from api.access import demand_write, forbidden
from api.errors import InvalidBody, InvalidOption, told
from api.listing import continue_token, read_page, selected
from api.nouns import Call, Noun, object_id
from extension.objects.base import Object
from extension.objects.errors import Unavailable, UserError


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
    store = call.services.store
    if not call.caller.may_anywhere(noun.cls, "update"):
        raise forbidden(f"{args['action']} {noun.plural}", call.caller.lacks(noun.cls, "update", namespace or "any"))
    query = selected(noun, call.caller, args, namespace, "update")
    page = read_page(lambda q: store.list(noun.cls, q), query, args, store.revision)
    rows = _rows(noun, call, args["action"], page.items, body)
    token = continue_token(page, query)
    failed = sum(row["status"] >= 400 for row in rows)
    return {
        "type": "actionResult",
        "action": args["action"],
        "count": page.count,
        "done": len(rows) - failed,
        "failed": failed,
        **({"continue": token} if token else {}),
        "data": rows,
    }


def _rows(noun: Noun, call: Call, action: str, items: Sequence[Object], body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row for each object. Raises Unavailable when an outage kept all from being done."""
    rows: list[dict[str, Any]] = []
    for item in items:
        try:
            rows.append(_row(noun, call, action, item, body))
        except Unavailable as error:
            done = sum(row["status"] < 400 for row in rows)
            told_of = f"{done} of {len(items)} were done"
            if not done:
                raise Unavailable(error.message, where=error.where, hint="; ".join(filter(None, (error.hint, told_of)))) from None
            rest = Unavailable(f"not tried: {error.message}", hint=f"{told_of}; repeat the action for those that failed")
            return [*rows, _failed(item, error), *(_failed(one, rest) for one in items[len(rows) + 1 :])]
    return rows


def _failed(item: Object, error: UserError) -> dict[str, Any]:
    return {"id": object_id(item.key)} | {name: value for name, value in told(error).items() if name != "type"}


def _row(noun: Noun, call: Call, action: str, item: Object, body: Mapping[str, Any]) -> dict[str, Any]:
    """What the action did to an object. Raises Unavailable for an outage, which is not about this object alone."""
    row: dict[str, Any] = {"id": object_id(item.key), "status": 200}
    meta = item.metadata
    try:
        result = act(noun, call, action, lambda: writing.readable(noun, call, meta.namespace, meta.name), body)
    except UserError as error:
        if isinstance(error, Unavailable) and error.where != str(item.key):
            raise
        return _failed(item, error)
    return row if isinstance(result, Object) else row | {"result": result}
