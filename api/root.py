"""`/v1` and `/v1/schemas`: what there is for this caller, as Steve tells it.

A schema names only the methods the caller may use in some workspace; a user interface hides the rest.
"""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import fields

from api.access import READS, Caller
from api.answers import answer
from api.auth import caller
from api.nouns import METHODS, Noun
from api.openapi import Routes
from api.registry import NOUNS
from api.representation import url
from api.services import services
from extension.objects.errors import NotFound
from extension.objects.schemas import schema
from extension.objects.shown import COLUMNS

blueprint = Routes("root", __name__, description="What there is, for this caller.")

_BODY = {"type": "object"}

_TYPES: tuple[tuple[type[fields.Field[Any]], str], ...] = (
    (fields.Boolean, "boolean"),
    (fields.Integer, "int"),
    (fields.String, "string"),
    (fields.List, "array"),
    (fields.Dict, "map"),
    (fields.Nested, "map"),
)


@blueprint.at("/v1")
@blueprint.told(200, _BODY, "The root: a link to every collection", "root")
def root() -> Response:
    """The API's root: a link to every collection."""
    links = (
        {"self": url().rstrip("/")}
        | {noun.plural: url(noun.plural) for noun in NOUNS if caller().may_anywhere(noun.cls, "list")}
        | {name: url(name) for name in ("schemas", "events", "counts", "errorgroups", "operations", *_places())}
    )
    entry = {"id": "v1", "type": "apiRoot", "apiVersion": {"group": "", "version": "v1"}, "links": links}
    return answer({"type": "collection", "links": {"self": links["self"]}, "resourceType": "apiRoot", "count": 1, "data": [entry]})


def _places() -> tuple[str, ...]:
    """What there is only with Rancher, which has users and their tokens of its own, or only without."""
    return ("tokens",) if services().rancher is None else ("repair",) if services().repairs is not None else ()


@blueprint.at("/v1/schemas")
@blueprint.told(200, _BODY, "Every type, with what you may do with it", "listSchemas")
def schemas() -> Response:
    """Every type with what the caller may do with it."""
    data = [described(noun, caller()) for noun in NOUNS if caller().may_anywhere(noun.cls, "list")]
    links = {"self": url("schemas")}
    return answer({"type": "collection", "links": links, "resourceType": "schema", "count": len(data), "data": data})


@blueprint.at("/v1/schemas/<schema_id>")
@blueprint.told(200, _BODY, "One type", "getSchema")
def one_schema(schema_id: str) -> Response:
    found = next((noun for noun in NOUNS if schema_id in (noun.id, noun.plural)), None)
    if found is None or not caller().may_anywhere(found.cls, "list"):
        raise NotFound(f"schema {schema_id[:80]} not found")
    return answer(described(found, caller()))


def described(noun: Noun, caller: Caller) -> dict[str, Any]:
    """Steve's schema of a type for this caller (2.2)."""
    allowed = {verb: methods for verb, methods in METHODS.items() if caller.may_anywhere(noun.cls, verb)}
    resource_methods = ["GET", *(m for verb in ("update", "patch", "delete") for m in allowed.get(verb, ()))]
    actions: dict[str, Any] = {name: {} for name in sorted(noun.actions)} if "update" in allowed else {}
    return {
        "id": noun.id,
        "type": "schema",
        "pluralName": noun.plural,
        "links": {"self": url("schemas", noun.id), "collection": url(noun.plural)},
        "description": noun.description,
        "resourceMethods": resource_methods,
        "collectionMethods": ["GET", *allowed.get("create", ())],
        "resourceActions": actions,
        "collectionActions": actions,
        "resourceFields": {name: {"type": _type(f)} for name, f in schema(noun.cls)().fields.items()},
        "attributes": {
            "group": noun.group,
            "version": noun.version,
            "kind": noun.cls.KIND,
            "resource": noun.cls.PLURAL,
            "namespaced": noun.cls.NAMESPACED,
            "verbs": [*READS, *allowed],
            "columns": _columns(noun),
        },
    }


def _columns(noun: Noun) -> list[dict[str, str]]:
    """The columns of a table, and where a resource has its cell (`rancher-integration.md` 2.4)."""
    titles = ("Name", *(title for title, _ in COLUMNS.get(noun.cls.KIND, ())))
    return [{"name": title, "type": "string", "field": f"$.metadata.fields[{place}]"} for place, title in enumerate(titles)]


def _type(found: fields.Field[Any]) -> str:
    return next((name for kind, name in _TYPES if isinstance(found, kind)), "json")
