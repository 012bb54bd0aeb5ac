"""Under which URL the caller reaches this API, for the links of an answer.

Behind Rancher or Kubernetes, the address of this service means nothing to the caller. Rancher says by `X-API-URL-Prefix` what
comes before the path, proxies by `X-Forwarded-*`, Kubernetes' service proxy by `X-Forwarded-Uri`. Where nobody says by which
host a request came, links have none: they are good at the one that the caller spoke to. Without Rancher all of them are ignored.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from flask import request

from api.services import services
from extension.rancher.environ import MOUNTED

_PATH = re.compile(r"(/[A-Za-z0-9._~:%-]+)*/?")
_HOST = re.compile(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
_PROTO = re.compile(r"https?")
_PORT = re.compile(r"[0-9]{1,5}")
_USUAL = ("", "80", "443")


def root() -> str:
    """The URL of what `/v1` lies below, as the caller reaches it, without a slash at its end."""
    if services().rancher is None:
        return request.url_root.rstrip("/")
    before = _sent("X-API-URL-Prefix", _PATH) or _sent("X-Forwarded-Prefix", _PATH)
    proxied = _proxied()
    path = before.rstrip("/") + (proxied or request.root_path.rstrip("/"))
    host = _host()
    if not host and (proxied or MOUNTED in request.environ):
        return path
    return f"{_sent('X-Forwarded-Proto', _PROTO) or request.scheme}://{host or request.host}{path}"


def here() -> str:
    """The URL of the current request, without its parameters."""
    return request.base_url if services().rancher is None else root() + quote(request.path)


def _proxied() -> str:
    """The path of Kubernetes' service proxy that led here; empty where none did."""
    uri = _sent("X-Forwarded-Uri", _PATH).rstrip("/")
    here = quote(request.path, safe="/:~").rstrip("/")
    return uri.removesuffix(here) if here and uri.endswith(here) else ""


def _host() -> str:
    """The host that the caller spoke to, empty where nobody says. The API server names itself no host of its own, but that of this
    service, together with the path."""
    if "X-Forwarded-Uri" in request.headers:
        return ""
    host, port = _sent("X-Forwarded-Host", _HOST), _sent("X-Forwarded-Port", _PORT)
    return f"{host}:{port}" if host and port not in _USUAL and ":" not in host.rpartition("]")[2] else host


def _sent(name: str, form: re.Pattern[str]) -> str:
    """What the first proxy said, if it can be that at all."""
    value = request.headers.get(name, "").partition(",")[0].strip()
    return value if form.fullmatch(value) else ""
