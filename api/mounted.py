"""`/v1` as Kubernetes passes it on, below the path of our API group, and what the group tells of itself (3.4a).

The discovery asks nobody who is calling: the API server polls it to see whether this service is there, and holds up the
deletion of every namespace while it is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flask import Blueprint, Response, request

from api.answers import answer
from api.services import services
from extension.rancher import group
from extension.rancher.environ import MOUNTED

blueprint = Blueprint("mounted", __name__)

Application = Callable[..., Iterable[bytes]]

_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    422: "Invalid",
    429: "TooManyRequests",
    503: "ServiceUnavailable",
}


class Mounted:
    """WSGI middleware: what lies below the group's resource is `/v1` itself, and links lead back by the same way."""

    def __init__(self, app: Application) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        rest = environ["PATH_INFO"].removeprefix(group.MOUNT)
        if rest != environ["PATH_INFO"] and (rest == "/v1" or rest.startswith("/v1/")):
            environ |= {"SCRIPT_NAME": environ.get("SCRIPT_NAME", "") + group.MOUNT, "PATH_INFO": rest, MOUNTED: True}
        return self._app(environ, start_response)


def shaped(body: dict[str, Any]) -> Mapping[str, Any]:
    """An error body as the one who gets it reads it: Kubernetes' clients a Status, all others Steve's error."""
    is_kubernetes = request.path.startswith("/apis") or (MOUNTED in request.environ and body["status"] == 401)
    if not is_kubernetes:
        return body
    code = int(body["status"])
    return group.status(code, _REASONS.get(code, "InternalError" if code >= 500 else "BadRequest"), body["message"])


@blueprint.get("/apis", strict_slashes=False)
def groups() -> Response:
    return answer(group.groups())


@blueprint.get(f"/apis/{group.GROUP}", strict_slashes=False)
def one_group() -> Response:
    return answer(group.group())


@blueprint.get(group.ROOT, strict_slashes=False)
def resources() -> Response:
    return answer(group.resources())


@blueprint.get("/openapi/v2")
def openapi_v2() -> Response:
    return answer(group.openapi_v2(services().version))


@blueprint.get("/openapi/v3")
def openapi_v3_index() -> Response:
    return answer(group.openapi_v3_index(services().version))


@blueprint.get(f"/openapi/v3{group.ROOT}")
def openapi_v3() -> Response:
    return answer(group.openapi_v3(services().version))
