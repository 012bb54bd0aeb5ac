"""The routes every noun has, made once: collection, namespace and resource, with their documentation.

A route finds the caller, calls one function and represents the result; it decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, request
from flask.views import MethodView
from marshmallow import fields, validate

from api import patches, writing
from api.acting import act, act_on_many
from api.answers import answer, etag_version, resource_answer
from api.auth import caller
from api.bodies import JSON_PATCH, MERGE_PATCH, read, read_object
from api.columns import sorted_here
from api.errors import PreconditionFailed
from api.listing import LIST_FIELDS, SELECTION, collection_body, read_page, selected
from api.nouns import Call, Noun
from api.openapi import Routes
from api.representation import represent, url
from api.schemas import ActionResult, DryRun, WriteQuery, body_content, collection_schema, is_dry, resource_schema
from api.services import services
from api.summaries import summary
from extension.objects.base import Object
from extension.objects.errors import Conflict
from extension.objects.schemas import strict
from extension.store.protocol import Page, Query

Find = Callable[[str, str], Object]
FetchPage = Callable[[Query, dict[str, Any]], Page]


def store_page(noun: Noun) -> FetchPage:
    return lambda query, args: services().store.list(noun.cls, query)


def blueprint(noun: Noun, find: Find | None = None, fetch: FetchPage | None = None, extra: dict[str, Any] | None = None) -> Routes:
    """The blueprint of a noun. `find` and `fetch` read where the store's documents are not the place; `extra` are more
    list parameters."""
    blp = Routes(noun.cls.PLURAL, __name__, description=noun.description)
    find = find or (lambda namespace, name: writing.readable(noun, _call({}), namespace, name))
    _collection(blp, noun, fetch or store_page(noun), strict(f"{noun.cls.KIND}ListQuery", {**LIST_FIELDS, **(extra or {})}))
    _single(blp, noun, find)
    return blp


def _collection(blp: Routes, noun: Noun, fetch: FetchPage, list_query: Any) -> None:
    kind = noun.cls.KIND
    root = f"/v1/{noun.plural}"
    places = (root, f"{root}/<namespace>") if noun.cls.NAMESPACED else (root,)

    class Collection(MethodView):
        @blp.told(200, collection_schema(noun.cls), f"List {kind}s", f"list{kind}")
        @blp.query(list_query)
        def get(self, args: dict[str, Any], namespace: str | None = None) -> Response:
            query = selected(noun, caller(), args, namespace)
            page = read_page(lambda q: sorted_here(noun, lambda one: fetch(one, args), q), query, args, services().store.revision)
            counted = {"summary": summary(noun, lambda q: fetch(q, args), query)} if "summary" in args else {}
            return answer(collection_body(noun, page, query, caller(), args) | counted)

    if noun.writable:

        @blp.told(201, resource_schema(noun.cls), _post_summary(noun), f"create{kind}", requestBody=_optional_body(noun))
        @blp.also(200, ActionResult, "What an action did")
        @blp.query(_post_query(noun))
        def post(self: Any, args: dict[str, Any], namespace: str | None = None) -> Response:
            if "action" in args:
                return answer(act_on_many(noun, _call(args), args, namespace, _action_body()))
            new = writing.create(noun, _call(args), read_object(), namespace)
            return _represented(noun, new, 201)

        Collection.post = post  # type: ignore[attr-defined]
        Collection.methods = {"GET", "POST"}
    for place in places:
        blp.add_url_rule(place, endpoint="collection", view_func=Collection)


def _single(blp: Routes, noun: Noun, find: Find) -> None:
    view = _writes(blp, noun, find) if noun.writable else _reads(blp, noun, find)
    place = "<namespace>/<name>" if noun.cls.NAMESPACED else "<name>"
    blp.add_url_rule(f"/v1/{noun.plural}/{place}", endpoint="resource", view_func=view)


def _reads(blp: Routes, noun: Noun, find: Find) -> type[MethodView]:
    kind = noun.cls.KIND

    class Resource(MethodView):
        @blp.told(200, resource_schema(noun.cls), f"Get a {kind}", f"get{kind}")
        def get(self, name: str, namespace: str = "") -> Response:
            return _represented(noun, find(namespace, name))

    return Resource


def _writes(blp: Routes, noun: Noun, find: Find) -> type[MethodView]:
    kind, shape = noun.cls.KIND, resource_schema(noun.cls)
    body = {"required": True, "content": body_content(noun)}

    class Resource(_reads(blp, noun, find)):  # type: ignore[misc]
        @blp.told(200, shape, f"Replace a {kind} (If-Match or metadata.resourceVersion)", f"replace{kind}", requestBody=body)
        @blp.query(WriteQuery)
        def put(self, args: dict[str, Any], name: str, namespace: str = "") -> Response:
            return _represented(noun, _replaced(noun, _call(args), lambda: find(namespace, name), read_object()))

        @blp.told(200, shape, f"Change a {kind}: merge patch or JSON patch", f"patch{kind}", requestBody=_PATCH_BODY)
        @blp.query(WriteQuery)
        def patch(self, args: dict[str, Any], name: str, namespace: str = "") -> Response:
            return _represented(noun, _patched(noun, _call(args), lambda: find(namespace, name)))

        @blp.told(200, shape, f"Delete a {kind}", f"delete{kind}")
        @blp.query(strict(f"{kind}DeleteQuery", {**DryRun, **noun.deletion}) if noun.deletion else WriteQuery)
        def delete(self, args: dict[str, Any], name: str, namespace: str = "") -> Response:
            call = _call(args)
            return _represented(noun, _guarded(lambda: find(namespace, name), lambda old: writing.remove(noun, call, old)))

        if noun.actions:

            @blp.told(200, {}, f"Do something with a {kind}: {', '.join(sorted(noun.actions))}", f"act{kind}", requestBody=_ACTION_BODY)
            @blp.query(_action_query(noun))
            def post(self, args: dict[str, Any], name: str, namespace: str = "") -> Response:
                result = act(noun, _call(args), args["action"], lambda: find(namespace, name), _action_body())
                return _represented(noun, result) if isinstance(result, Object) else answer(result)

    return Resource


_PATCH_BODY = {
    "required": True,
    "content": {
        MERGE_PATCH: {"schema": {"type": "object"}},
        JSON_PATCH: {"schema": {"type": "array", "items": {"type": "object"}}},
    },
}
_ACTION_BODY = {"required": False, "content": {"application/json": {"schema": {"type": "object"}}}}


def _optional_body(noun: Noun) -> dict[str, Any]:
    """The body of a create; an action on many may do without."""
    return {"required": not noun.actions, "content": body_content(noun)}


def _post_summary(noun: Noun) -> str:
    also = f", or act on those selected: {', '.join(sorted(noun.actions))}" if noun.actions else ""
    return f"Create a {noun.cls.KIND}{also}"


def _action_query(noun: Noun) -> Any:
    action = fields.String(required=True, validate=validate.OneOf(sorted(noun.actions)))
    return strict(f"{noun.cls.KIND}ActionQuery", {**DryRun, "action": action})


def _post_query(noun: Noun) -> Any:
    if not noun.actions:
        return WriteQuery
    action = fields.String(validate=validate.OneOf(sorted(noun.actions)))
    return strict(f"{noun.cls.KIND}CollectionQuery", {**DryRun, **SELECTION, "action": action})


def _call(args: dict[str, Any]) -> Call:
    return Call(services(), caller(), is_dry(args), args.get("confirm", ""), args.get("keepResources", False))


def _action_body() -> dict[str, Any]:
    return read_object() if request.get_data() else {}


def _represented(noun: Noun, obj: Object, status: int = 200) -> Response:
    body = represent(noun, obj, caller(), alone=True)
    return resource_answer(body, status, {"Location": url(noun.plural, body["id"])} if status == 201 else {})


def _guarded(find: Callable[[], Object], write: Callable[[Object], Object]) -> Object:
    """`write` done to the object as of a version that If-Match names; without one, again when somebody wrote in between.
    Raises PreconditionFailed when the object changed since that version."""
    if not request.if_match or request.if_match.star_tag:
        return writing.retried(lambda: write(find()))
    try:
        return write(writing.under(find(), map(etag_version, request.if_match.as_set(include_weak=True))))
    except Conflict as error:
        if error.field != writing.VERSION_FIELD:
            raise
        raise PreconditionFailed(error.message, hint=error.hint) from None


def _replaced(noun: Noun, call: Call, find: Callable[[], Object], body: dict[str, Any]) -> Object:
    if request.if_match:
        return _guarded(find, lambda old: writing.replace(noun, call, old, body))
    return writing.replace(noun, call, writing.as_read(find(), writing.versioned(body)), body)


def _patched(noun: Noun, call: Call, find: Callable[[], Object]) -> Object:
    patch = read((MERGE_PATCH, JSON_PATCH, "application/json"))
    apply = patches.json_patch if request.mimetype == JSON_PATCH else patches.merge

    def write(old: Object) -> Object:
        body = apply(writing.patchable(old), patch)
        return writing.replace(noun, call, writing.as_read(old, body), body, "patch")

    return _guarded(find, write)
