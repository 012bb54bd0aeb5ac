"""`/v1/counts`: how many objects of which type are in which workspace, in the shape of Steve's counts (`rancher-integration.md` 1.10).

Each number is counted by the store; what the caller may not list is left out, as if it were not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Response
from marshmallow import fields, validate

from api import workspaces
from api.answers import answer
from api.auth import caller
from api.errors import InvalidOption
from api.listing import selected
from api.nouns import Noun
from api.openapi import Routes
from api.registry import NOUNS
from api.representation import url
from api.schemas import collection
from api.services import services
from extension.objects.kinds import BundleDeployment, FleetWorkspace
from extension.objects.schemas import Text, Whole, strict
from extension.store.protocol import Query

blueprint = Routes("counts", __name__, description="How many objects there are in which workspace.")

PLACE = "counts"
MOST = 100
"""Workspaces of one answer: each costs a look for every type."""
COUNTED: dict[str, Noun] = {noun.id: noun for noun in NOUNS if noun.cls.NAMESPACED and noun.cls is not BundleDeployment}
CountsQuery = strict(
    "CountsQuery",
    {
        "workspace": fields.List(
            fields.String(), validate=validate.Length(1, MOST), metadata={"description": f"names; without it all, at most {MOST}"}
        ),
        "resourceType": fields.List(
            fields.String(validate=validate.OneOf(sorted(COUNTED))), metadata={"description": "schema ids; all without it"}
        ),
    },
)
_Number = strict("CountNumber", {"count": Whole(required=True)})
_OfType = strict(
    "CountOfType",
    {
        "summary": fields.Nested(_Number, required=True),
        "namespaces": fields.Dict(keys=fields.String(), values=fields.Nested(_Number), required=True),
    },
)
CountBody = strict(
    "Count",
    {
        "id": Text(required=True),
        "type": Text(required=True, metadata={"enum": ["count"]}),
        "links": fields.Dict(keys=fields.String(), values=fields.String(), required=True),
        "counts": fields.Dict(keys=fields.String(), values=fields.Nested(_OfType), required=True),
    },
)


@blueprint.at(f"/v1/{PLACE}")
@blueprint.told(200, collection("Count", fields.Nested(CountBody)), "Count objects by type and workspace", "listCounts")
@blueprint.query(CountsQuery)
def counts(args: dict[str, Any]) -> Response:
    found = _counts(args.get("workspace") or _all(), args.get("resourceType") or tuple(COUNTED))
    data = [{"id": "count", "type": "count", "links": {"self": url(PLACE)}, "counts": found}]
    return answer({"type": "collection", "links": {"self": url(PLACE)}, "resourceType": "count", "count": 1, "data": data})


def _all() -> tuple[str, ...]:
    """All workspaces that the caller sees. Raises InvalidOption for too many."""
    query = selected(workspaces.NOUN, caller(), {"limit": MOST}, None)
    page = services().store.list(FleetWorkspace, query) if query else None
    if page is not None and page.next:
        raise InvalidOption(f"workspace: {page.count} are more than {MOST}", field="workspace", hint="name those that are to be counted")
    return tuple(one.metadata.name for one in page.items) if page else ()


def _counts(names: Sequence[str], types: Sequence[str]) -> dict[str, Any]:
    return {type_: _summed({name: _count(COUNTED[type_], name) for name in names}) for type_ in types}


def _summed(found: dict[str, int]) -> dict[str, Any]:
    there = {name: {"count": count} for name, count in found.items() if count}
    return {"summary": {"count": sum(found.values())}, "namespaces": there}


def _count(noun: Noun, workspace: str) -> int:
    if not caller().may(noun.cls, "list", workspace):
        return 0
    return services().store.list(noun.cls, Query(namespaces=(workspace,), limit=1)).count
