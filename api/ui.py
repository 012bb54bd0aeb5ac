"""The pages, as a person opens them: `/`, every place below `/w/`, and the files they load below `/assets/`.

They are built from `ui-assets/` (`make ui`) into `api/pages`, and hold no data: what they show they ask `/v1` for, as whoever logged
in. Invariants: nothing outside that folder is ever served; a page runs no script but its own files; files below `/assets/` have
the hash of what is in them in their names, so that a browser keeps them for ever. Only where this service has its own
users: inside Rancher the pages come with its dashboard.
"""

from __future__ import annotations

import mimetypes
from pathlib import Path

from flask import Blueprint, Response, current_app, request
from werkzeug.security import safe_join

from extension.objects.errors import NotFound

blueprint = Blueprint("ui", __name__)

FOLDER = "UI_FOLDER"
"""Configuration: where the built pages are."""
PAGES = Path(__file__).parent / "pages"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
FOR_EVER = "public, max-age=31536000, immutable"
MISSING = (
    "The pages are not built.\n\nBuild them in the folder of the source with `make ui` (it needs Node 20 or newer, or takes it from "
    "PyPI), and reload this page.\nThe API is there without them: /docs describes it.\n"
)


@blueprint.get("/")
@blueprint.get("/w/")
@blueprint.get("/w/<path:_place>")
def page(_place: str = "") -> Response:
    """The one page; what it shows is up to its address."""
    if not (_folder() / "index.html").is_file():
        return Response(MISSING, 503, content_type="text/plain; charset=utf-8")
    return built("no-cache", "index.html")


@blueprint.get("/assets/<name>")
def asset(name: str) -> Response:
    return built(FOR_EVER, "assets", name)


def _folder() -> Path:
    return Path(current_app.config.get(FOLDER, PAGES))


def built(keep: str, *parts: str) -> Response:
    """A built file, gzipped for whoever takes that; no part leads out of those before it. Raises NotFound."""
    path = safe_join(str(_folder()), *parts)
    if path is None or not Path(path).is_file():
        raise NotFound(f"there is no file {parts[-1][:80]}", hint="reload the page")
    packed = bool(request.accept_encodings["gzip"]) and Path(f"{path}.gz").is_file()
    response = Response(Path(f"{path}.gz" if packed else path).read_bytes())
    response.content_type = mimetypes.guess_type(path)[0] or "application/octet-stream"
    response.headers.update({"Cache-Control": keep, "Content-Security-Policy": POLICY, "Vary": "Accept-Encoding"})
    if packed:
        response.headers["Content-Encoding"] = "gzip"
    response.add_etag()
    response.make_conditional(request)
    return response
