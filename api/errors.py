"""The one place that makes error bodies: `{type, status, code, message, fieldName?, detail?}` (`rancher-integration.md` 2.6).

Everything raises; nothing else builds an error. What is not a person's to mend is a 500 that says nothing but the
request's id, which the log line with the traceback carries too.
"""

from __future__ import annotations

from typing import Any, ClassVar

import structlog
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed as NoSuchMethod

from api.answers import answer
from api.mounted import shaped
from extension.objects.errors import Busy, MissingRequired, NotFound, Unavailable, UserError
from extension.objects.schemas import REQUIRED, flatten

log = structlog.get_logger()

RETRY_AFTER = "5"


class InvalidOption(UserError):
    """A query parameter that is not understood, out of its bounds or not used together with another."""

    code = "InvalidOption"


class InvalidBody(UserError):
    code = "InvalidBodyContent"


class InvalidReference(UserError):
    """A field names an object that is not there or may not be used."""

    code = "InvalidReference"


class MaxLimitExceeded(UserError):
    """A number beyond what its field can hold."""

    code = "MaxLimitExceeded"


class ActionNotAvailable(NotFound):
    code = "ActionNotAvailable"


class MethodNotAllowed(UserError):
    status = 405
    code = "MethodNotAllowed"


class PreconditionFailed(UserError):
    status: ClassVar[int] = 412
    code = "Conflict"


class PreconditionRequired(UserError):
    status = 428
    code = "PreconditionRequired"


class UnsupportedMediaType(UserError):
    status = 415
    code = "UnsupportedMediaType"


_CODES = {
    400: "InvalidFormat",
    401: "Unauthorized",
    403: "PermissionDenied",
    404: "NotFound",
    405: "MethodNotAllowed",
    413: "MaxLengthExceeded",
    415: "UnsupportedMediaType",
    422: "InvalidOption",
    503: "ClusterUnavailable",
}
_HEADERS = {401: {"WWW-Authenticate": 'Bearer realm="continuous-delivery"'}, 503: {"Retry-After": RETRY_AFTER}}


def error_body(status: int, code: str, message: str, field: str = "", detail: str = "") -> dict[str, Any]:
    body: dict[str, Any] = {"type": "error", "status": status, "code": code, "message": message}
    return body | ({"fieldName": field} if field else {}) | ({"detail": detail} if detail else {})


def register(app: Flask) -> None:
    """Makes every failure of `app`, in a route or before one, an error body."""
    app.register_error_handler(UserError, _user_error)
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(Exception, _unexpected)


def told(error: UserError) -> dict[str, Any]:
    """The body of a UserError. A path of this machine is for the log and not for callers."""
    where = "" if error.where.startswith("/") else error.where
    detail = "; ".join(part for part in (where, error.hint) if part)
    return error_body(error.status, error.code, error.message, error.field, detail)


def _user_error(error: UserError) -> Response:
    if isinstance(error, Unavailable):
        log.warning("unavailable", request=g.get("request_id", ""), problem=error.message, where=error.where)
    headers = {"Retry-After": str(error.retry_after)} if isinstance(error, Busy) else _HEADERS.get(error.status, {})
    return answer(shaped(told(error)), error.status, headers)


def http_error(error: HTTPException) -> Any:
    """Flask's and werkzeug's own errors; redirects pass."""
    status = error.code or 500
    if status < 400:
        return error
    messages = getattr(error, "data", {}).get("messages")
    if messages:
        return _user_error(_query_error(messages))
    message = _message(error, status) or error.description or error.name
    code = _CODES.get(status, "ServerError" if status >= 500 else "InvalidFormat")
    headers = {name: value for name, value in error.get_headers() if name == "Allow"}
    return answer(shaped(error_body(status, code, message)), status, headers | _HEADERS.get(status, {}))


def _message(error: HTTPException, status: int) -> str:
    """Better words than werkzeug's, where there are."""
    if status == 413:
        return f"the body is larger than {request.max_content_length} bytes"
    if isinstance(error, NoSuchMethod):
        known = ", ".join(sorted(error.valid_methods or ()))
        return f"{request.method} is not possible here" + (f"; use {known}" if known else "")
    return "there is nothing at this address" if status == 404 else ""


def _query_error(messages: Any) -> UserError:
    """Of webargs' messages, which are by location (`query`, `headers`), the first."""
    found = [pair for by_field in messages.values() for pair in flatten(by_field)]
    field, message = found[0] if found else ("", "invalid")
    return (MissingRequired if message == REQUIRED else InvalidOption)(f"{field}: {message}", field=field)


def _unexpected(error: Exception) -> Response:
    log.error("request failed", request=g.get("request_id", ""), exc_info=error)
    message = "internal error; the service's log has the reason under this request's id"
    return answer(error_body(500, "ServerError", message, detail=g.get("request_id", "")), 500)
