"""`/agent/v1`: where clusters' own agents register, ask for their work and report (`docs/agents.md`).

No user's token is good here: a registration shows the secret of a ClusterRegistrationToken, everything else the agent's own
key, and both as `Authorization: Bearer`. Neither is ever logged.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from flask import Response, request

from api import checks
from api.bodies import JSON_TYPES, read
from api.errors import InvalidBody
from api.openapi import Routes
from api.quick import AFTER, PLACE
from api.services import Agents, Services, services
from extension.objects.agents import AgentKey, CheckIn, ClusterCopies, Registration, RegistrationRequest, ReportAnswer, ReportBatch, Work
from extension.objects.base import Struct
from extension.objects.codec import decode
from extension.objects.errors import NotFound, Unauthorized
from extension.objects.schemas import schema
from extension.settings import FLEET

blueprint = Routes("agents", __name__, description="For clusters' own agents.")

SMALL_BODY = 4 * 1024
LARGE_BODY = 8 * 1024 * 1024

_REPORTS = "Tell how deployments are"
_KEYS: list[dict[str, list[str]]] = [{"bearer": []}]


def _takes(*shapes: Any) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": shapes[0] if len(shapes) == 1 else {"oneOf": list(shapes)}}}}


@blueprint.at("/agent/v1/register", "POST")
@blueprint.told(200, schema(Registration), "Register a cluster, or many in a list", "agentRegister", security=_KEYS, requestBody=_takes({}))
def register() -> Response:
    request.max_content_length = LARGE_BODY
    data = read(JSON_TYPES)
    found = served(services()).register(bearer(), _clusters(data if isinstance(data, list) else [data]))
    return _answer(found if isinstance(data, list) else found[0])


@blueprint.at(PLACE, "POST")
@blueprint.also(204, {}, "There is no work; the header Check-In-After tells when to ask again")
@blueprint.told(200, schema(Work), "Ask for work", "agentCheckIn", security=_KEYS, requestBody=_takes(schema(CheckIn)))
def check_in() -> Response:
    request.max_content_length = SMALL_BODY
    found = served(services()).check_in(bearer(), decode(CheckIn, _object()).since)
    headers = {AFTER: str(round(found.after))}
    return Response(status=204, headers=headers) if found.work is None else _answer(found.work, headers)


@blueprint.at("/agent/v1/contents/<sha256>")
@blueprint.told(200, {"type": "object"}, "The files of a bundle, by their hash", "agentContent", security=_KEYS)
def content(sha256: str) -> Response:
    return _immutable(served(services()).content(bearer(), sha256), sha256)


@blueprint.at("/agent/v1/charts/<int:bundle_id>")
@blueprint.told(200, {"type": "object"}, "The files of the chart that a deployment names, as contents are", "agentChart", security=_KEYS)
def chart(bundle_id: int) -> Response:
    return _packed(served(services()).chart(bearer(), bundle_id))


@blueprint.at("/agent/v1/copies/<int:bundle_id>")
@blueprint.told(200, schema(ClusterCopies), "The Secrets and ConfigMaps beside a deployment", "agentCopies", security=_KEYS)
def copies(bundle_id: int) -> Response:
    return _answer(served(services()).copies(bearer(), bundle_id), {"Cache-Control": "no-store"})


@blueprint.at("/agent/v1/key", "POST")
@blueprint.told(200, schema(AgentKey), "Ask for another key", "agentKey", security=_KEYS)
def renew() -> Response:
    return _answer(AgentKey(served(services()).renew(bearer())), {"Cache-Control": "no-store"})


@blueprint.at("/agent/v1/reports", "POST")
@blueprint.told(200, schema(ReportAnswer), _REPORTS, "agentReport", security=_KEYS, requestBody=_takes(schema(ReportBatch)))
def report() -> Response:
    request.max_content_length = LARGE_BODY
    return _answer(served(services()).report(bearer(), decode(ReportBatch, _object())))


def served(services: Services) -> Agents:
    """Who serves agents. Raises NotFound where nobody does."""
    if services.agents is None:
        by_fleet = services.settings.engine == FLEET
        hint = "Fleet's own agents serve clusters here" if by_fleet else "ask the service that runs the engine"
        raise NotFound("this process serves no agents", hint=hint)
    return services.agents


def bearer() -> str:
    """The key or secret of the request. Raises Unauthorized when there is none."""
    header = request.authorization
    if header is None or header.type != "bearer" or not header.token:
        raise Unauthorized("a key is needed", hint="send the header Authorization: Bearer <key>")
    return header.token


def _object() -> Mapping[str, Any]:
    data = read(JSON_TYPES)
    if not isinstance(data, dict):
        raise InvalidBody("the body must be an object")
    return data


def _clusters(data: Sequence[Any]) -> list[RegistrationRequest]:
    found = []
    for one in data:
        if not isinstance(one, dict):
            raise InvalidBody("the body must be an object, or a list of objects")
        found.append(decode(RegistrationRequest, one))
        checks.labels(found[-1].cluster_labels, "clusterLabels")
    return found


def _answer(value: Struct | Sequence[Struct], headers: Mapping[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(value), headers=dict(headers or {}), content_type="application/json")


def _immutable(data: bytes, sha256: str) -> Response:
    """Gzipped bytes that never change; 304 when the caller has them."""
    response = _packed(data)
    response.headers.update({"Cache-Control": "private, max-age=31536000, immutable", "Vary": "Accept-Encoding, Authorization"})
    response.set_etag(sha256)
    response.make_conditional(request)
    return response


def _packed(data: bytes) -> Response:
    """Gzipped bytes, as the caller can read them."""
    packed = request.accept_encodings.best_match(("gzip", "identity"), default="identity") == "gzip"
    response = Response(data if packed else gzip.decompress(data), content_type="application/json")
    if packed:
        response.headers["Content-Encoding"] = "gzip"
    return response
