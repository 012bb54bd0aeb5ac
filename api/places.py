"""What lies below an object: `/v1/<type>/<ns>/<name>/resources`, the objects it put on clusters.

Steve's URLs end in `/<link>` for what belongs to a resource, and an object's `links` name it; so it is a place of its
own and no parameter of another list. A page is made of deployments: it holds the objects of `limit` deployments, so that
one page never needs more than that many rows of the store. Each deployment is judged by its own workspace.
"""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import fields

from api import writing
from api.answers import answer
from api.auth import caller
from api.deployed import rows
from api.listing import SELECTION, read_page, selected, wrapped
from api.nouns import Call, Noun
from api.openapi import Routes
from api.schemas import collection
from api.services import services
from extension.objects.base import Object
from extension.objects.kinds import BundleDeployment
from extension.objects.schemas import Text, schema, strict
from extension.objects.status import FieldChange

RESOURCE_FIELDS = (
    "id",
    "type",
    "apiVersion",
    "kind",
    "namespace",
    "name",
    "state",
    "message",
    "bundle",
    "cluster",
    "bundleDeployment",
)
_CHANGES = fields.List(fields.Nested(schema(FieldChange)))
ResourceRow = strict("DeployedResource", {**{name: Text() for name in RESOURCE_FIELDS}, "changes": _CHANGES})
ResourceCollection = collection("DeployedResource", fields.Nested(ResourceRow))
ResourcesQuery = strict("ResourcesQuery", SELECTION)

_DEPLOYMENTS = Noun(BundleDeployment, "")


def resources_blueprint(noun: Noun, parameter: str) -> Routes:
    """The blueprint of a noun's `resources`; `parameter` is how the store names the noun when it lists deployments."""
    blp = Routes(f"{noun.cls.PLURAL}-resources", __name__, description=f"What a {noun.cls.KIND} put on clusters.")

    @blp.at(f"/v1/{noun.plural}/<namespace>/<name>/resources")
    @blp.told(200, ResourceCollection, f"List the objects a {noun.cls.KIND} put on clusters", f"list{noun.cls.KIND}Resources")
    @blp.query(ResourcesQuery)
    def resources(args: dict[str, Any], namespace: str, name: str) -> Response:
        return answer(_resources(writing.readable(noun, Call(services(), caller()), namespace, name), parameter, args))

    return blp


def _resources(obj: Object, parameter: str, args: dict[str, Any]) -> dict[str, Any]:
    store = services().store
    query = selected(_DEPLOYMENTS, caller(), args, None)
    of: dict[str, Any] = {parameter: obj.key}
    page = read_page(lambda q: store.deployments(q, **of), query, args, store.revision)
    data = [row for deployment in page.items for row in rows(deployment)]
    return wrapped("resource", data, page, query, args)
