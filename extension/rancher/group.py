"""The API group by which Kubernetes reaches this service, and what it tells of itself there (`rancher-integration.md` 3.4a).

`/v1` lies below the group's one resource: `/apis/<group>/v1/api/v1/fleet.cattle.io.gitrepos/...`. Kubernetes judges that as the
resource `api` by the name `v1`, which everybody may use; what a caller may do with an object is asked for each object.
"""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

GROUP = "continuous-delivery.cattle.io"
VERSION = "v1"
RESOURCE = "api"
APISERVICE = f"{VERSION}.{GROUP}"
ROOT = f"/apis/{GROUP}/{VERSION}"
MOUNT = f"{ROOT}/{RESOURCE}"
"""The path below which `/v1` is found."""

VERBS = ("create", "delete", "get", "patch", "update")
"""No list and no watch: a client that lists every resource it discovers is to find none here."""

_V3 = f"/openapi/v3{ROOT}"


def group() -> dict[str, Any]:
    version = {"groupVersion": f"{GROUP}/{VERSION}", "version": VERSION}
    return {"kind": "APIGroup", "apiVersion": "v1", "name": GROUP, "versions": [version], "preferredVersion": version}


def groups() -> dict[str, Any]:
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [group()]}


def resources() -> dict[str, Any]:
    one = {"name": RESOURCE, "singularName": "", "namespaced": False, "kind": "ContinuousDelivery", "verbs": list(VERBS)}
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": f"{GROUP}/{VERSION}", "resources": [one]}


def openapi_v2(version: str) -> dict[str, Any]:
    """What of this service is a Kubernetes API: its discovery. The rest is described at `/openapi.json`."""
    answer = {"description": "OK", "schema": {"type": "object"}}
    path = {"get": {"operationId": "getAPIResources", "produces": ["application/json"], "responses": {"200": answer}}}
    return {"swagger": "2.0", "info": {"title": GROUP, "version": version}, "paths": {f"{ROOT}/": path}, "definitions": {}}


def openapi_v3(version: str) -> dict[str, Any]:
    answer = {"description": "OK", "content": {"application/json": {"schema": {"type": "object"}}}}
    path = {"get": {"operationId": "getAPIResources", "responses": {"200": answer}}}
    return {"openapi": "3.0.0", "info": {"title": GROUP, "version": version}, "paths": {f"{ROOT}/": path}, "components": {"schemas": {}}}


def openapi_v3_index(version: str) -> dict[str, Any]:
    """Where the documents are, each with a hash, so that nobody fetches one twice."""
    digest = hashlib.sha512(orjson.dumps(openapi_v3(version))).hexdigest().upper()
    return {"paths": {ROOT.removeprefix("/"): {"serverRelativeURL": f"{_V3}?hash={digest}"}}}


def status(code: int, reason: str, message: str) -> dict[str, Any]:
    """A failure as Kubernetes' clients read it."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }
