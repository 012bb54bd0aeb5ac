"""One log line for every attempt to write: who, what, where and how it ended. No body and no query text: they may hold secrets."""

from __future__ import annotations

import re
import uuid

import structlog
from flask import Flask, Response, g, request

from api.schemas import is_dry

log = structlog.get_logger()

READS = ("GET", "HEAD", "OPTIONS")
REQUEST_ID = "X-Request-ID"

_SAFE = re.compile(r"[A-Za-z0-9._-]{1,64}")


def register(app: Flask) -> None:
    app.before_request(_name)
    app.after_request(_note)


def _name() -> None:
    """Gives the request an id: the caller's own when it is harmless."""
    given = request.headers.get(REQUEST_ID, "")
    g.request_id = given if _SAFE.fullmatch(given) else uuid.uuid4().hex


def _note(response: Response) -> Response:
    response.headers[REQUEST_ID] = g.request_id
    if request.method not in READS and request.path.startswith("/v1"):
        who = g.get("caller")
        log.info(
            "audit",
            caller=who.name if who else "",
            token=who.token if who else "",
            method=request.method,
            path=_place(),
            action=_word("action"),
            dry_run=is_dry(request.args),
            status=response.status_code,
            request=g.request_id,
        )
    return response


def _place() -> str:
    """The path without what follows a colon: no name has one, but who puts a whole token into a URL has sent its secret."""
    return request.path.partition(":")[0]


def _word(parameter: str) -> str:
    value = request.args.get(parameter, "")
    return value if _SAFE.fullmatch(value) else ""
