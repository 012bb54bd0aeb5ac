"""`/healthz`: the process serves. `/readyz`: it can do its work; what keeps it from that is named."""

from __future__ import annotations

from flask import Response

from api.answers import answer
from api.openapi import Routes
from api.services import services
from extension.objects.errors import UserError

blueprint = Routes("health", __name__, description="For probes; no token needed.")

_OPEN: list[dict[str, list[str]]] = [{}]
_BODY = {"type": "object"}


@blueprint.at("/healthz")
@blueprint.told(200, _BODY, "Whether the process serves", "healthz", security=_OPEN)
def healthz() -> Response:
    return answer({"status": "ok"})


@blueprint.at("/readyz")
@blueprint.told(200, _BODY, "Whether the service can work", "readyz", security=_OPEN)
def readyz() -> Response:
    problems = dict(services().ready())
    try:
        services().store.revision()
    except UserError as error:
        problems["store"] = error.message
    return answer({"status": "not ready" if problems else "ok", "problems": problems}, 503 if problems else 200)
