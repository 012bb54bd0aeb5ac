"""The one HTTP client for repositories, registries and hosts.

Every request honours the proxies, the CAs and the limits here, so no fetch can forget one. Invariants: credentials are
bound to an origin and are not sent to another one, also after a redirect; every redirect is checked as the first URL
was; nothing is read beyond a limit or waited for beyond a timeout; only GET and HEAD are repeated; no message holds a
credential.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

import msgspec
import requests
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import HTTPError, NameResolutionError

from extension.objects.errors import Forbidden, Hop, Invalid, Unavailable
from extension.sources.network import Network
from extension.sources.reach import unknown_host
from extension.sources.remote import DEFAULT_PORTS, Origin, redact, shown
from extension.sources.transport import Adapter, TooSlow, root_causes
from extension.sources.trust import TLS

USER_AGENT = "rancher-cd"
MAX_BODY = 64 * 1024 * 1024
MAX_REDIRECTS = 5
TRIES = 3
IDLE = 30.0
_PAUSE = 0.2
_REDIRECTS = (301, 302, 303, 307, 308)
_REPEATED = (502, 503, 504)
_HINTS = {
    401: ("the server wants other credentials", "check user name and password or token in the secret"),
    403: ("the credentials have no right to this", "check the rights of the user or token in the secret"),
    404: ("there is nothing at this URL, or the credentials may not see it", "check the URL and the secret"),
    407: ("the proxy wants credentials", "put them into HTTPS_PROXY as http://user:password@host:port"),
    429: ("the server limits how often it is asked", "give credentials, or ask less often"),
}

_HOPS: Mapping[int, Hop] = {401: "credentials", 403: "credentials", 407: "proxy"}


class Bound(msgspec.Struct, frozen=True):
    """An Authorization header and the one origin it may be sent to."""

    origin: Origin
    header: str

    def __repr__(self) -> str:
        return f"Bound({self.origin})"


class Response(msgspec.Struct, frozen=True):
    """What a server answered; `url` is where redirects led, without credentials."""

    status: int
    url: str
    headers: CaseInsensitiveDict[str]
    body: bytes


class _Hop(NamedTuple):
    """One request of a chain of redirects, and what bounds it."""

    request: requests.Request
    origin: Origin
    tls: TLS
    limit: int
    deadline: float


class Http:
    """See the module docstring. Safe to use from many threads; connections are kept and shared."""

    def __init__(self, network: Network, timeout: float = 30.0) -> None:
        self._network = network
        self._timeout = timeout
        self._adapter = Adapter(network.reach)

    def close(self) -> None:
        """Closes the connections kept; the client may still be used."""
        self._adapter.close()

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        auth: Bound | None = None,
        tls: TLS = TLS(),
        limit: int = MAX_BODY,
        timeout: float = 0.0,
        accept: tuple[int, ...] = (),
        repeat: bool = False,
    ) -> Response:
        """The answer, redirects followed. `limit` is in bytes of the decoded body, `timeout` in seconds for all of it.
        GET and HEAD are repeated when a connection breaks or the server is busy; others with `repeat`, for who knows it is safe.

        Raises Unavailable for a status of 400 and more that is not in `accept`, and for a server that can't be reached,
        trusted or waited for; Invalid for an answer over `limit` or no HTTP URL; Forbidden for an address that is off limits.
        """
        deadline = time.monotonic() + (timeout or self._timeout)
        asked = CaseInsensitiveDict({"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "gzip", **(headers or {})})
        for _ in range(MAX_REDIRECTS + 1):
            origin = check_url(url)
            sent = CaseInsensitiveDict(asked)
            if auth and _may_see(auth.origin, origin):
                sent["Authorization"] = auth.header
            hop = _Hop(requests.Request(method, _bare(url), headers=sent, data=body), origin, tls, limit, deadline)
            response = self._try(hop, TRIES if repeat or method in ("GET", "HEAD") else 1)
            target = response.headers.get("Location", "")
            if response.status not in _REDIRECTS or not target:
                return _checked(response, accept)
            url = _redirected(url, target)
            if response.status in (301, 302, 303) and method != "HEAD":
                method, body = "GET", None
        hint = "use the URL the server leads to"
        raise Unavailable(f"redirected more than {MAX_REDIRECTS} times", where=shown(url), hint=hint, hop="repository")

    def _try(self, hop: _Hop, tries: int) -> Response:
        """One hop, tried so often while there is time."""
        for attempt in range(tries):
            last = attempt == tries - 1 or hop.deadline - time.monotonic() < 2 * _PAUSE
            try:
                response = self._send(hop)
            except requests.RequestException as error:
                if last or not _passing(error):
                    raise explain(error, str(hop.request.url), hop.origin, self._via(hop.origin), self._timeout) from None
            else:
                if last or response.status not in _REPEATED:
                    return response
            time.sleep(_PAUSE * 2**attempt)
        raise AssertionError("the last try returns or raises")

    def _send(self, hop: _Hop) -> Response:
        url = str(hop.request.url)
        where = shown(url)
        self._network.reach.check_name(hop.origin.host, where)
        proxy = self._via(hop.origin)
        left = max(0.1, hop.deadline - time.monotonic())
        answer = self._adapter.send(
            hop.request.prepare(),
            stream=True,
            timeout=(min(left, 10.0), min(left, IDLE)),
            verify=False if hop.tls.insecure else self._network.ca.file(hop.tls.ca_bundle),
            proxies={hop.origin.scheme: proxy} if proxy else {},
        )
        try:
            return Response(answer.status_code, url, answer.headers, _body(answer, hop.limit, hop.deadline, where))
        finally:
            answer.close()

    def _via(self, origin: Origin) -> str:
        return self._network.proxies.between(*origin)


def _body(answer: requests.Response, limit: int, deadline: float, where: str) -> bytes:
    announced = answer.headers.get("Content-Length", "")
    if announced.isdigit() and int(announced) > limit:
        raise Invalid(f"the answer has {announced} bytes, more than the {limit} allowed", where=where)
    body = bytearray()
    try:
        while piece := answer.raw.read1(65536, decode_content=True):
            body += piece
            if len(body) > limit:
                raise Invalid(f"the answer has more than the {limit} bytes allowed", where=where)
            if time.monotonic() > deadline:
                hint = "try again later, or raise the timeout"
                raise Unavailable("the answer took too long", where=where, hint=hint, hop="connection")
    except (OSError, HTTPError) as error:
        raise requests.ConnectionError(error) from None
    return bytes(body)


def check_url(url: str) -> Origin:
    """The origin of an http(s) URL. Raises Invalid for anything else."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    if parts.scheme not in ("http", "https") or not host:
        raise Invalid(f"{redact(url)!r} is not an http:// or https:// URL", hint="use https://host/path")
    return Origin(parts.scheme, host, port or DEFAULT_PORTS[parts.scheme])


def _bare(url: str) -> str:
    return urlsplit(redact(url))._replace(fragment="").geturl()


def _may_see(bound: Origin, asked: Origin) -> bool:
    """The same origin, or its own move from plain HTTP to HTTPS on the usual ports."""
    return bound == asked or (bound == Origin("http", asked.host, 80) and asked == Origin("https", asked.host, 443))


def _redirected(url: str, target: str) -> str:
    there = urljoin(url, target)
    if urlsplit(url).scheme == "https" and urlsplit(there).scheme != "https":
        hint = "use the https URL of the server itself"
        raise Unavailable("redirected from https to an unencrypted URL", where=shown(url), hint=hint, hop="identity")
    return there


def _checked(response: Response, accept: tuple[int, ...]) -> Response:
    if response.status < 400 or response.status in accept:
        return response
    named = HTTPStatus(response.status).phrase if response.status in HTTPStatus._value2member_map_ else ""
    why, hint = _HINTS.get(response.status, ("the server failed", "try again later, or look at the server's log"))
    hop = _HOPS.get(response.status, "repository")
    raise Unavailable(f"answered {response.status} {named}".rstrip() + f": {why}", where=shown(response.url), hint=hint, hop=hop)


def _passing(error: requests.RequestException) -> bool:
    """Whether the same request may succeed at once: a connection that broke, also a kept one that the proxy had closed."""
    causes = root_causes(error)
    if any(isinstance(cause, ConnectionResetError) for cause in causes):  # http.client.RemoteDisconnected is one
        return True
    lasting = (requests.Timeout, requests.exceptions.SSLError, requests.exceptions.ProxyError, requests.exceptions.InvalidURL)
    return not isinstance(error, lasting) and not any(isinstance(cause, NameResolutionError) for cause in causes)


def explain(error: requests.RequestException, url: str, origin: Origin, proxy: str, timeout: float) -> Unavailable | Forbidden:
    """The error people see for one of requests' or urllib3's: what, where, why, next step."""
    where, causes = shown(url), root_causes(error)
    told = redact(str(causes[-1]))
    if any(isinstance(cause, TooSlow) for cause in causes) or isinstance(error, requests.Timeout):
        hint = "check that the server works and its address is reachable"
        hop: Hop = "proxy" if proxy and isinstance(error, requests.ConnectTimeout) else "connection"
        return Unavailable(f"no answer within {timeout:g} s", where=where, hint=hint, hop=hop)
    if isinstance(error, requests.exceptions.ProxyError):
        hint = "check HTTPS_PROXY and NO_PROXY"
        return Unavailable(f"the proxy {redact(proxy)} does not connect: {told}", where=where, hint=hint, hop="proxy")
    if isinstance(error, requests.exceptions.SSLError):
        hint = "put the server's CA into caBundle (or the secret's cacerts), or set insecureSkipTLSVerify"
        return Unavailable(f"the server's certificate is not trusted: {told}", where=where, hint=hint, hop="identity")
    if any(isinstance(cause, NameResolutionError) for cause in causes):
        return unknown_host(origin.host, where, causes[-1])
    hint = "check the URL, the network and the proxy settings"
    return Unavailable(f"can't connect: {told}", where=where, hint=hint, hop="connection")
