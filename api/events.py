"""`/v1/events`: the store's change feed as server-sent events, limited to what the caller may see.

An event says that something changed and not what it is now; who cares reads it, with their rights of that moment. A
client that was away resumes by `Last-Event-ID` (or `since`); when the store has forgotten that long ago the answer is 410
and the client lists again. Each stream holds a thread, hence the cap. Who calls is looked at again with every heartbeat,
however much changes, so that a revoked token ends its streams. The id is sent with the last event of a revision only:
resuming in the middle of one would lose the rest of it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from flask import Response, current_app, request
from marshmallow import fields, validate

from api.access import Caller
from api.auth import Again, again, caller
from api.errors import InvalidOption
from api.nouns import object_id
from api.openapi import Routes
from api.registry import BY_KIND, NOUNS
from api.services import Services, services
from extension.objects.errors import Gone, Unavailable
from extension.objects.kinds import BundleDeployment
from extension.objects.schemas import strict
from extension.store.protocol import Change

log = structlog.get_logger()
blueprint = Routes("events", __name__, description="What changes, as it changes.")

RECONNECT_MS = 3000
HEARTBEAT = "EVENTS_HEARTBEAT"
STREAMS = "continuous-delivery-streams"

_NAMES: Mapping[str, str] = {"ADDED": "resource.create", "MODIFIED": "resource.change", "DELETED": "resource.remove"}
EventsQuery = strict(
    "EventsQuery",
    {
        "resourceType": fields.List(
            fields.String(validate=validate.OneOf([noun.id for noun in NOUNS])), metadata={"description": "schema ids; all without it"}
        ),
        "workspace": fields.List(fields.String(), metadata={"description": "workspaces; all one may see without it"}),
        "since": fields.String(validate=validate.Regexp(r"\d{1,18}$"), metadata={"description": "the revision after which to start"}),
    },
)


@dataclass(frozen=True)
class Subscription:
    """What one stream shows."""

    kinds: frozenset[str]
    workspaces: frozenset[str] | None
    again: Again
    heartbeat: float

    def shows(self, change: Change, caller: Caller) -> bool:
        key = change.key
        workspace = key.namespace or key.name
        wanted = key.kind in self.kinds and (self.workspaces is None or workspace in self.workspaces)
        return wanted and caller.may(BY_KIND[key.kind].cls, "watch", workspace)


@blueprint.at("/v1/events")
@blueprint.told(200, {"type": "string"}, "Follow what changes (server-sent events)", "events", "text/event-stream")
@blueprint.query(EventsQuery)
def events(args: dict[str, Any]) -> Response:
    since = _since(args)
    services().store.changes(since, 1)
    streams: threading.Semaphore = current_app.extensions[STREAMS]
    if not streams.acquire(blocking=False):
        raise Unavailable("too many event streams are open", hint="try again later, or read the lists instead")
    response = Response(_stream(services(), _subscription(args), caller(), since), content_type="text/event-stream")
    response.headers["X-Accel-Buffering"] = "no"
    response.call_on_close(streams.release)
    return response


def _since(args: Mapping[str, Any]) -> int:
    text = request.headers.get("Last-Event-ID") or args.get("since") or str(services().store.revision())
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise InvalidOption("since: is not a revision", field="since")
    return int(text)


def _subscription(args: Mapping[str, Any]) -> Subscription:
    ids = args.get("resourceType") or [noun.id for noun in NOUNS]
    kinds = frozenset(noun.cls.KIND for noun in NOUNS if noun.id in ids)
    workspaces = frozenset(args["workspace"]) if args.get("workspace") else None
    return Subscription(kinds, workspaces, again(), current_app.config[HEARTBEAT])


def _stream(services: Services, wanted: Subscription, caller: Caller, since: int) -> Iterator[str]:
    """What a client reads. When the store can't be used the stream ends, and the client comes back by itself."""
    yield f"retry: {RECONNECT_MS}\n\n"
    try:
        yield from _followed(services, wanted, caller, since)
    except Gone as error:
        yield _block("gone", {"message": str(error)})
    except Unavailable as error:
        log.warning("stream ended", problem=error.message, where=error.where)


def _followed(services: Services, wanted: Subscription, caller: Caller, since: int) -> Iterator[str]:
    looked = time.monotonic()
    while True:
        changes = services.store.changes(since)
        if changes:
            yield from _blocks(wanted, caller, changes)
            since = changes[-1].revision
        else:
            services.store.wait(since, wanted.heartbeat)
        is_quiet = not changes and services.store.revision() == since
        if is_quiet or time.monotonic() >= looked + wanted.heartbeat:
            known = wanted.again()
            if known is None:
                return
            caller, looked = known, time.monotonic()
        if is_quiet:
            yield f"id: {since}\n: heartbeat\n\n"


def _blocks(wanted: Subscription, caller: Caller, changes: Any) -> Iterator[str]:
    shown = [change for change in changes if wanted.shows(change, caller)]
    for i, change in enumerate(shown):
        last = i + 1 == len(shown) or shown[i + 1].revision != change.revision
        yield _block(_NAMES[change.type], _told(change), str(change.revision) if last else "")


def _told(change: Change) -> dict[str, str]:
    """What changed. Deployments are told of by their Bundle: a rollout to a million clusters is one event."""
    place = "bundle" if change.key.kind == BundleDeployment.KIND else "id"
    return {"resourceType": BY_KIND[change.key.kind].id, place: object_id(change.key), "revision": str(change.revision)}


def _block(event: str, data: Mapping[str, Any], id_: str = "") -> str:
    first = f"id: {id_}\n" if id_ else ""
    return f"{first}event: {event}\ndata: {orjson.dumps(data).decode()}\n\n"
