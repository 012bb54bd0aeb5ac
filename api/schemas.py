"""The shapes of requests and answers for OpenAPI: what `extension.objects.schemas` makes of the Structs, with Steve's additions.

Answers are written from the Structs directly; these schemas describe them, and a test holds every answer against them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from marshmallow import Schema, fields, validate

from api.nouns import Noun
from extension.objects.base import Object, ObjectMeta
from extension.objects.kinds import Secret
from extension.objects.schemas import Base64, Flag, Text, Whole, schema, strict

_TEXTS: dict[str, Any] = {"keys": fields.String(), "values": fields.String()}

ErrorBody = strict(
    "Error",
    {
        "type": Text(required=True, metadata={"enum": ["error"]}),
        "status": Whole(required=True, metadata={"description": "the HTTP status"}),
        "code": Text(required=True, metadata={"description": "stable word for programs, such as NotFound or InvalidFormat"}),
        "message": Text(required=True, metadata={"description": "what is wrong"}),
        "fieldName": Text(metadata={"description": "the field or parameter it is about, such as `spec.repo`"}),
        "detail": Text(metadata={"description": "where, and what to do next"}),
    },
)
StateBody = strict("State", {"name": Text(), "error": Flag(), "transitioning": Flag(), "message": Text()})
CELLS = fields.List(
    fields.Raw(), metadata={"description": "the cells of its row in a table; the type's `attributes.columns` are the titles"}
)
MetadataBody = strict("MetadataView", {**schema(ObjectMeta)().fields, "state": fields.Nested(StateBody), "fields": CELLS})
PaginationBody = strict("Pagination", {"limit": Whole(), "next": Text(), "partial": Flag()})
DryRun = {
    "dryRun": fields.String(validate=validate.OneOf(["All"]), metadata={"description": "`All`: check and answer, store nothing"}),
    "dry-run": fields.String(
        validate=validate.OneOf(["All"]), metadata={"description": "the same, for Kubernetes' service proxy, which lets no `dryRun` pass"}
    ),
}


def is_dry(args: Mapping[str, Any]) -> bool:
    """Whether a request asks by either name to be only tried."""
    return not DryRun.keys().isdisjoint(args)


WriteQuery = strict("WriteQuery", DryRun)
CONFIRM: dict[str, fields.Field[Any]] = {
    "confirm": Text(metadata={"description": "the object's name again: delete all that goes with it too"}),
}
NoQuery = strict("NoQuery", {})
PLACE = validate.Regexp(r"[^/\s]+/[^/\s]+\Z")
"""What an object of a workspace is named by: `<workspace>/<name>`."""


@cache
def request_schema(cls: type[Object]) -> type[Schema]:
    """What may be sent of a kind: the object; a Secret's `_type` and `stringData` too."""
    if cls is not Secret:
        return schema(cls)
    extra = {"_type": Text(metadata={"description": "the Secret's type"}), "stringData": fields.Dict(**_TEXTS), "data": _secret_data()}
    return strict("SecretWrite", {**schema(cls)().fields, **extra})


def _secret_data() -> fields.Field[Any]:
    told = {"description": "values are never returned; null keeps the stored value"}
    return fields.Dict(keys=fields.String(), values=Base64(allow_none=True), allow_none=True, metadata=told)


@cache
def resource_schema(noun_class: type[Object]) -> type[Schema]:
    """What is answered of a kind."""
    made: dict[str, Any] = {**schema(noun_class)().fields, "metadata": fields.Nested(MetadataBody)}
    if noun_class is Secret:
        made |= {"_type": Text(), "data": _secret_data()}
    steve = {
        "id": Text(required=True),
        "type": Text(required=True, metadata={"description": "the schema id"}),
        "links": fields.Dict(required=True, **_TEXTS),
        "actions": fields.Dict(**_TEXTS),
    }
    return strict(f"{noun_class.__name__}View", {**made, **steve})


@cache
def collection_schema(noun_class: type[Object]) -> type[Schema]:
    """A page of resources; excluded fields may be missing from them."""
    return collection(noun_class.__name__, fields.Nested(resource_schema(noun_class)))


def collection(name: str, item: fields.Field[Any]) -> type[Schema]:
    return strict(
        f"{name}Collection",
        {
            "type": Text(required=True, metadata={"enum": ["collection"]}),
            "links": fields.Dict(required=True, **_TEXTS),
            "createTypes": fields.Dict(**_TEXTS),
            "actions": fields.Dict(**_TEXTS),
            "resourceType": Text(required=True),
            "summary": fields.List(fields.Dict(), metadata={"description": "where it was asked for: how many are in which state"}),
            "revision": Text(metadata={"description": "the store's sequence number the page was read at"}),
            "continue": Text(metadata={"description": "send it back to get the next page"}),
            "pages": Whole(),
            "count": Whole(metadata={"description": "how many match in all"}),
            "pagination": fields.Nested(PaginationBody),
            "data": fields.List(item, required=True),
        },
    )


_FAILED = {name: Text() for name in ("code", "message", "fieldName", "detail")}
ActionRow = strict("ActionRow", {"id": Text(required=True), "status": Whole(required=True), "result": fields.Raw(), **_FAILED})
ActionResult = strict(
    "ActionResult",
    {
        "type": Text(required=True, metadata={"enum": ["actionResult"]}),
        "action": Text(required=True),
        "count": Whole(required=True, metadata={"description": "how many match in all"}),
        "done": Whole(required=True, metadata={"description": "how many rows of this answer were done"}),
        "failed": Whole(required=True, metadata={"description": "how many rows of this answer failed or, in an outage, were not tried"}),
        "continue": Text(metadata={"description": "there are more: repeat the call with it"}),
        "data": fields.List(fields.Nested(ActionRow), required=True),
    },
)


def body_content(noun: Noun) -> dict[str, Any]:
    """The content part of a request body, JSON or YAML."""
    return {kind: {"schema": request_schema(noun.cls)} for kind in ("application/json", "application/yaml")}
