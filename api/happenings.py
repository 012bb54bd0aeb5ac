"""What lies below an object: `/v1/<type>/<ns>/<name>/events`, what happened to it, the newest first.

Who may read the object reads them. What became of the deployments of a cluster is no event of its own: a million of them move together,
so it is read from their conditions, each as far as its own workspace allows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from flask import Response
from marshmallow import fields, validate

from api import writing
from api.access import BUNDLE_NAMESPACE
from api.answers import answer
from api.auth import caller
from api.listing import CHUNK_FIELDS, MAX_LIMIT, limit_of, read_page, selected, wrapped
from api.nouns import Call, Noun
from api.openapi import Routes
from api.schemas import collection
from api.services import services
from extension.objects.base import Key, Object, to_builtins
from extension.objects.happened import Event, Involved, of_deployment
from extension.objects.kinds import Bundle, BundleDeployment, Cluster
from extension.objects.schemas import Text, Whole, schema, strict
from extension.store.protocol import Filter, Page, Query

LINK = "events"
_DEPLOYMENTS = Noun(BundleDeployment, "")

EventBody = strict(
    "Event",
    {
        "id": Text(required=True),
        "type": Text(required=True, metadata={"enum": ["event"]}),
        "kind": Text(required=True, metadata={"enum": ["Event"]}),
        "_type": fields.String(required=True, validate=validate.OneOf(["Normal", "Warning"])),
        "reason": Text(required=True, metadata={"description": "a word for programs, such as GotNewCommit or NotReady"}),
        "message": Text(),
        "count": Whole(required=True, metadata={"description": "how often it happened in a row"}),
        "firstTimestamp": Text(required=True),
        "lastTimestamp": Text(required=True),
        "involvedObject": fields.Nested(schema(Involved), required=True),
    },
)
EventCollection = collection("Event", fields.Nested(EventBody))
EventsQuery = strict("ObjectEventsQuery", CHUNK_FIELDS)


def events_blueprint(noun: Noun) -> Routes:
    """The blueprint of a noun's `events`."""
    blp = Routes(f"{noun.cls.PLURAL}-events", __name__, description=f"What happened to a {noun.cls.KIND}.")

    @blp.at(f"/v1/{noun.plural}/<namespace>/<name>/{LINK}")
    @blp.told(200, EventCollection, f"List what happened to a {noun.cls.KIND}", f"list{noun.cls.KIND}Events")
    @blp.query(EventsQuery)
    def events(args: dict[str, Any], namespace: str, name: str) -> Response:
        return answer(_events(writing.readable(noun, Call(services(), caller()), namespace, name), args))

    return blp


def _events(obj: Object, args: dict[str, Any]) -> dict[str, Any]:
    store = services().store
    found = [*store.events(obj), *(_of_deployments(obj.key) if isinstance(obj, Cluster) else ())]
    found.sort(key=lambda event: event.last_timestamp, reverse=True)
    of = Filter("involvedObject.uid", "=", (obj.metadata.uid,))
    query = Query(filters=((of,),), sort=("-lastTimestamp",), limit=limit_of(args))
    page = read_page(lambda asked: _page(found, asked, store.revision()), query, args, store.revision)
    return wrapped("event", [_shown(event) for event in page.items], page, query, args)


def _of_deployments(cluster: Key) -> Iterator[Event]:
    """Of a page of its deployments, which is more than a cluster has."""
    query = selected(_DEPLOYMENTS, caller(), {"limit": MAX_LIMIT}, None)
    if query is None:
        return
    for deployment in services().store.deployments(query, cluster=cluster).items:
        workspace = deployment.metadata.labels.get(BUNDLE_NAMESPACE, "")
        yield from of_deployment(deployment, Key(Bundle.KIND, workspace, deployment.metadata.name))


def _page(found: Sequence[Event], query: Query, revision: int) -> Page:
    """The events after the last one of the page before; where that is gone or happened again, after its time."""
    time, _, id_ = query.after.partition(" ")
    place = next((at + 1 for at, one in enumerate(found) if (one.last_timestamp, one.id) == (time, id_)), None)
    if place is None:
        place = next((at for at, one in enumerate(found) if not time or one.last_timestamp < time), len(found))
    shown = tuple(found[place : place + query.limit])
    more = place + query.limit < len(found)
    return Page(shown, f"{shown[-1].last_timestamp} {shown[-1].id}" if more else "", len(found), revision)


def _shown(event: Event) -> dict[str, Any]:
    """An event as Kubernetes names its parts; its own `type` is `_type`, as in Steve."""
    body = to_builtins(msgspec.structs.replace(event, involved_object=Involved()))
    return {
        **body,
        "type": "event",
        "kind": "Event",
        "_type": event.type,
        "count": event.count,
        "involvedObject": to_builtins(event.involved_object),
    }
