"""`POST /webhook`, the address to give to a Git server. No token: each delivery proves itself by its own provider's means."""

from __future__ import annotations

from flask import Flask, Response, current_app, g, request
from marshmallow import fields, validate
from werkzeug.exceptions import RequestEntityTooLarge

from api.answers import answer
from api.openapi import Routes
from api.services import services
from api.webhooks.allowance import Allowance
from api.webhooks.door import Arrival, receive
from api.webhooks.providers import FORM, PROVIDERS
from extension.objects.errors import NotFound
from extension.objects.schemas import Text, Whole, strict
from extension.settings import FLEET

blueprint = Routes("webhook", __name__, description="Git servers tell of pushes here.")

MAX_BODY = 25 * 1024 * 1024
"""Bytes: what GitHub and GitLab send at most."""
ALLOWANCE = "continuous-delivery-webhook-allowance"

_OPEN: list[dict[str, list[str]]] = [{}]
_SENT = {"required": True, "content": {kind: {"schema": {"type": "object"}} for kind in ("application/json", FORM)}}
_NAMES = sorted({name.title() for provider in PROVIDERS for name in (*provider.signs, *provider.event)})
_SAYS = {"schema": {"type": "string"}, "description": "tells the provider, or the event"}
_HEADERS = [{"in": "header", "name": name, **_SAYS} for name in _NAMES]
WebhookResult = strict(
    "WebhookResult",
    {
        "type": Text(required=True, metadata={"enum": ["webhookResult"]}),
        "status": fields.String(required=True, validate=validate.OneOf(["succeeded", "ignored"])),
        "event": Text(required=True),
        "matched": Whole(required=True, metadata={"description": "how many GitRepos of the repository believe the delivery"}),
        "triggered": Whole(required=True, metadata={"description": "how many of them are looked at because of it"}),
        "message": Text(metadata={"description": "why it is ignored"}),
    },
)


def register(app: Flask) -> None:
    """Gives the application the one allowance all its deliveries share."""
    app.extensions[ALLOWANCE] = Allowance()


@blueprint.told(200, WebhookResult, "Tell that something was pushed", "webhook", security=_OPEN, requestBody=_SENT, parameters=_HEADERS)
def webhook() -> Response:
    if services().settings.engine == FLEET:
        raise NotFound("Git servers tell Fleet of pushes here", hint="give them the address of Fleet's own webhook (its Service gitjob)")
    headers = {name.lower(): value for name, value in request.headers}
    arrival = Arrival(headers, _body(), g.request_id)
    return answer(receive(services(), arrival, current_app.extensions[ALLOWANCE]))


def _body() -> bytes:
    """Raises RequestEntityTooLarge. A body that comes in chunks is cut off at the limit, without an error."""
    request.max_content_length = MAX_BODY
    body = request.get_data(cache=False)
    if len(body) >= MAX_BODY and request.content_length is None:
        raise RequestEntityTooLarge
    return body


# With a slash at the end it is the same address: people add one, and senders don't follow redirects.
blueprint.add_url_rule("/webhook", view_func=webhook, methods=["POST"], strict_slashes=False)
