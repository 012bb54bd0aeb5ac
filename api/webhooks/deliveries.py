"""`/v1/webhookdeliveries`: what Git servers told, whether it was believed, and what came of it for which GitRepo.

Who may read a workspace reads its rows; those that fit no GitRepo are for administrators of all workspaces. The ref and the
commit of a delivery that is not proven are not shown: a GitRepo is quickly made for anybody's repository, and must not tell what
is pushed there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from flask import Response, g
from marshmallow import fields, validate

from api.addresses import here
from api.answers import answer
from api.auth import caller
from api.openapi import Routes
from api.representation import url
from api.schemas import collection
from api.services import services
from api.webhooks.replaying import replayed
from api.webhooks.rights import may_replay, readable, wanted
from extension.objects.schemas import Flag, Text, strict
from extension.store.deliveries import KEPT, Delivery

blueprint = Routes("webhookdeliveries", __name__, description="What Git servers told, and what came of it.")

PLACE = "webhookdeliveries"
REPLAY = "replay"

_NUMBER = validate.Regexp(r"[0-9]{1,18}$")
_NAME = validate.Length(min=1, max=253)

_OUTCOMES = ["triggered", "unchanged", "skipped", "verified", "refused", "failed"]
OutcomeBody = strict("WebhookOutcome", {"gitrepo": Text(), "result": fields.String(validate=validate.OneOf(_OUTCOMES)), "message": Text()})
DeliveryBody = strict(
    "WebhookDelivery",
    {
        "id": Text(required=True),
        "type": Text(required=True, metadata={"enum": ["webhookdelivery"]}),
        "links": fields.Dict(required=True, keys=fields.String(), values=fields.String()),
        "actions": fields.Dict(keys=fields.String(), values=fields.String()),
        "workspace": Text(metadata={"description": "empty when no GitRepo is of the repository"}),
        "time": Text(),
        "provider": Text(),
        "event": Text(),
        "repository": Text(metadata={"description": "as the delivery names it, without a login"}),
        "ref": Text(metadata={"description": "shown when the delivery is verified"}),
        "commit": Text(metadata={"description": "shown when the delivery is verified"}),
        "verified": Flag(required=True),
        "reason": Text(metadata={"description": "why it is not verified, or why there is nothing to look at"}),
        "guid": Text(metadata={"description": "the provider's name of the delivery"}),
        "request": Text(metadata={"description": "the X-Request-ID it was answered with"}),
        "replayOf": Text(metadata={"description": "the delivery this is a replay of"}),
        "replayedBy": Text(),
        "gitrepos": fields.List(fields.Nested(OutcomeBody), required=True),
    },
)
DeliveryCollection = collection("WebhookDelivery", fields.Nested(DeliveryBody))
ListQuery = strict(
    "WebhookDeliveriesQuery",
    {
        "workspace": fields.String(validate=_NAME),
        "gitrepo": fields.String(validate=_NAME, metadata={"description": "only what concerned GitRepos of this name"}),
        "limit": fields.Integer(validate=validate.Range(min=1, max=KEPT)),
        "continue": fields.String(validate=_NUMBER, metadata={"description": "the `continue` of the page before"}),
    },
)
ActionQuery = strict("WebhookDeliveryActionQuery", {"action": fields.String(required=True, validate=validate.OneOf([REPLAY]))})


@blueprint.at(f"/v1/{PLACE}")
@blueprint.told(200, DeliveryCollection, "List webhook deliveries, the newest first", "listWebhookDeliveries")
@blueprint.query(ListQuery)
def deliveries(args: dict[str, Any]) -> Response:
    limit = args.get("limit", KEPT)
    found = services().store.deliveries.list(wanted(caller(), args), limit + 1)
    return answer(_collection(found[:limit], more=len(found) > limit))


@blueprint.at(f"/v1/{PLACE}/<name>")
@blueprint.told(200, DeliveryBody, "Get a webhook delivery", "getWebhookDelivery")
def delivery(name: str) -> Response:
    return answer(_shown(readable(services().store, caller(), name)))


@blueprint.at(f"/v1/{PLACE}/<name>", "POST")
@blueprint.told(200, DeliveryCollection, "Do something with a webhook delivery: replay", "actWebhookDelivery")
@blueprint.query(ActionQuery)
def act(_args: dict[str, Any], name: str) -> Response:
    made = replayed(services(), caller(), readable(services().store, caller(), name), g.request_id)
    return answer(_collection(made, more=False))


def _collection(found: Sequence[Delivery], more: bool) -> dict[str, Any]:
    body = {"type": "collection", "links": {"self": here()}, "resourceType": "webhookdelivery", "count": len(found)}
    return body | {"data": [_shown(row) for row in found]} | ({"continue": str(found[-1].id)} if more else {})


def _shown(row: Delivery) -> dict[str, Any]:
    """A row as its readers see it; empty fields are left out."""
    self_url = url(PLACE, str(row.id))
    told = {
        "workspace": row.workspace,
        "time": row.time,
        "provider": row.provider,
        "event": row.event,
        "repository": next(iter(row.urls), ""),
        "ref": row.ref if row.verified else "",
        "commit": row.commit if row.verified else "",
        "reason": row.reason or row.idle,
        "guid": row.guid,
        "request": row.request,
        "replayOf": str(row.replay_of or ""),
        "replayedBy": row.replayed_by,
    }
    return {
        "id": str(row.id),
        "type": "webhookdelivery",
        "links": {"self": self_url},
        **({"actions": {REPLAY: f"{self_url}?action={REPLAY}"}} if may_replay(caller(), row) else {}),
        **{name: value for name, value in told.items() if value},
        "verified": row.verified,
        "gitrepos": [msgspec.to_builtins(found) for found in row.gitrepos],
    }
