"""Answers as bytes: JSON by default, YAML for those who ask for it, with the headers every answer carries."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson
import yaml
from flask import Response, request

JSON = "application/json"
YAML = "application/yaml"

SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def answer(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`data` as the caller wants to read it."""
    wants_yaml = request.accept_mimetypes.best_match((JSON, YAML), default=JSON) == YAML
    raw = yaml.dump(data, Dumper=yaml.CSafeDumper, sort_keys=False).encode() if wants_yaml else orjson.dumps(data)
    return Response(raw, status, headers=dict(headers or {}), content_type=YAML if wants_yaml else JSON)


def whole_collection(type_: str, data: list[dict[str, Any]], place: str, *, may_create: bool = False) -> Response:
    """A collection that has no pages, with its own address."""
    creates = {"createTypes": {type_: place}} if may_create else {}
    return answer({"type": "collection", "links": {"self": place}, **creates, "resourceType": type_, "count": len(data), "data": data})


def resource_answer(data: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """One resource with its ETag; 304 when the caller has it already.

    The ETag is `"<resourceVersion>-<hash of what is shown>"`: statuses are laid over from counters, so the version alone
    does not tell whether a copy is fresh; for writes only the version counts (`etag_version`).
    """
    version = data["metadata"].get("resourceVersion", "")
    shown = orjson.dumps(data, option=orjson.OPT_SORT_KEYS)
    etag = f"{version}-{hashlib.blake2s(shown, digest_size=8).hexdigest()}"
    response = answer(data, status, headers)
    response.set_etag(etag)
    if request.method == "GET":
        response.make_conditional(request)
    return response


def etag_version(etag: str) -> str:
    """The resourceVersion in an ETag; a bare version is taken as well."""
    return etag.partition("-")[0]


def secure(response: Response) -> Response:
    """Adds what protects a browser that opens an answer by mistake; a page with its own policy keeps it."""
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    return response
