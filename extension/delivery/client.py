"""A thin Kubernetes client: urllib3 and orjson, for what an agent asks of a cluster all day.

Connections are kept; discovery is kept until a kind is not found. Only what can be repeated without harm is retried. A
cluster that doesn't answer is `Unreachable`; a refusal is an `ApiError` with the server's own words.
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import orjson
import urllib3

from extension.delivery.connecting import usable
from extension.delivery.kubeconfig import Endpoint, read_file
from extension.objects.errors import Invalid, Unavailable, UserError

TIMEOUT = urllib3.Timeout(connect=5.0, read=30.0)
PAGE = 500
LONGEST_PAUSE = 10.0
TOKEN_SECONDS = 10.0
"""For how long a token is taken for the one in its file: Kubernetes writes the next one while the last is good for minutes yet."""
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""What to accept of an object, or of a list, so that the server sends nothing but the metadata."""
_RETRIES = 3
_BUSY = (429, 503)


class ApiError(UserError):
    """The API server refused. `status_code` is its HTTP status, `reason` Kubernetes' word for it."""

    def __init__(self, message: str, *, status_code: int, reason: str, where: str = "") -> None:
        super().__init__(message, where=where)
        self.status_code = status_code
        self.reason = reason


class Unreachable(Unavailable):
    """The cluster does not answer, or has no time."""


class Kind(msgspec.Struct, frozen=True):
    """A kind as the cluster serves it."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool

    def path(self, namespace: str = "", name: str = "") -> str:
        root = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        place = f"/namespaces/{quote(namespace, safe='')}" if self.namespaced and namespace else ""
        return f"{root}{place}/{self.plural}" + (f"/{quote(name, safe='')}" if name else "")


class TokenFile:
    """A token that somebody else keeps fresh in a file. Thread-safe: the worst that two threads do is to read it twice."""

    def __init__(self, path: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = Path(path)
        self._clock = clock
        self._read: tuple[float, str] = (0.0, "")

    def header(self) -> str:
        """The header that shows the token. Raises Unavailable while the file can't be read."""
        until, token = self._read
        if not token or until <= self._clock():
            try:
                token = read_file(self._path, "token").strip()
            except Invalid as error:
                raise Unreachable(error.message, where=error.where, hint="see the volume of the service account") from None
            self._read = (self._clock() + TOKEN_SECONDS, token)
        return f"Bearer {token}"


class Client:
    """One cluster, from any thread. Errors: Unreachable, ApiError; Invalid when it is made of an endpoint that can't be used."""

    def __init__(self, endpoint: Endpoint, *, size: int = 16) -> None:
        self.server = endpoint.server
        self._headers = {"Accept": "application/json", "User-Agent": "rancher-cd"}
        self._token = TokenFile(endpoint.token_file) if endpoint.token_file else None
        if endpoint.token:
            self._headers["Authorization"] = f"Bearer {endpoint.token}"
        elif endpoint.username:
            self._headers |= urllib3.make_headers(basic_auth=f"{endpoint.username}:{endpoint.password}")
        self._more: tuple[tuple[str, str], ...] = ()
        self._pool = usable(endpoint, size)
        self._lock = threading.Lock()
        self._known: dict[str, dict[str, Kind]] = {}

    def close(self) -> None:
        self._pool.clear()

    def acting_as(self, user: str) -> Client:
        """The same cluster as another user sees it (impersonation), over the same connections; itself for no user."""
        if not user:
            return self
        other = copy.copy(self)
        other._headers = {**self._headers, "Impersonate-User": user}
        return other

    def sending(self, headers: Sequence[tuple[str, str]]) -> Client:
        """The same cluster, told these headers with each request, over the same connections."""
        other = copy.copy(self)
        other._more = tuple(headers)
        return other

    def accepting(self, media_type: str) -> Client:
        """The same cluster, which answers in this form, over the same connections."""
        other = copy.copy(self)
        other._headers = {**self._headers, "Accept": media_type}
        return other

    def version(self) -> str:
        """The server's version, such as `v1.36.3`."""
        return str(self.request("GET", "/version")["gitVersion"])

    def api_versions(self) -> tuple[str, ...]:
        """Every API version and `version/Kind` the cluster serves, as charts ask for them."""
        found = ["v1"]
        for group in self.request("GET", "/apis")["groups"]:
            found += [version["groupVersion"] for version in group["versions"]]
        return tuple(found)

    def kind(self, api_version: str, kind: str) -> Kind | None:
        """How a kind is served; None when it is not. Asks again for a kind it does not know yet."""
        known = self._known.get(api_version, {}).get(kind)
        if known is not None:
            return known
        root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        try:
            served = self.request("GET", root)["resources"]
        except ApiError as error:
            if error.status_code == 404:
                return None
            raise
        found = {r["kind"]: Kind(api_version, r["kind"], r["name"], r["namespaced"]) for r in served if "/" not in r["name"]}
        with self._lock:
            self._known[api_version] = found
        return found.get(kind)

    def get(self, kind: Kind, namespace: str, name: str) -> dict[str, Any] | None:
        try:
            return self.request("GET", kind.path(namespace, name))
        except ApiError as error:
            if error.status_code == 404:
                return None
            raise

    def list(self, kind: Kind, namespace: str = "", selector: str = "") -> Iterator[dict[str, Any]]:
        """Every object of a kind, in pages; none of a kind that is not served any more, which is asked for anew then."""
        query = {"limit": str(PAGE), **({"labelSelector": selector} if selector else {})}
        while True:
            try:
                page = self.request("GET", kind.path(namespace), query=query)
            except ApiError as error:
                if error.status_code != 404:
                    raise
                self._known.pop(kind.api_version, None)
                return
            for item in page.get("items") or ():
                yield {"apiVersion": kind.api_version, "kind": kind.kind, **item}
            query["continue"] = page.get("metadata", {}).get("continue") or ""
            if not query["continue"]:
                return

    def dry_apply(self, kind: Kind, namespace: str, obj: Mapping[str, Any], manager: str) -> dict[str, Any]:
        """What the object would be after a server-side apply; nothing is written."""
        query = {"fieldManager": manager, "force": "true", "dryRun": "All"}
        path = kind.path(namespace, str(obj["metadata"]["name"]))
        return self.request("PATCH", path, body=obj, query=query, content_type="application/apply-patch+yaml")

    def delete(self, kind: Kind, namespace: str, name: str) -> None:
        """Deletes; an object that is gone is no error."""
        try:
            self.request("DELETE", kind.path(namespace, name))
        except ApiError as error:
            if error.status_code != 404:
                raise

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> dict[str, Any]:
        """One request; busy servers are asked again after the time they name, reads also after a lost connection."""
        return _answered(*self.exchange(method, path, body, query, content_type), f"{method} {path}")

    def exchange(
        self,
        method: str,
        path: str,
        body: Any = None,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> tuple[int, bytes]:
        """As `request`, with the status and the body as they came."""
        url = f"{self.server}{path}" + (f"?{urlencode(query)}" if query else "")
        headers = self._told({"Content-Type": content_type} if body is not None else {})
        data = orjson.dumps(body) if body is not None else None
        for attempt in range(_RETRIES):
            try:
                answer = self._pool.request(method, url, body=data, headers=headers, timeout=TIMEOUT, retries=False)
            except urllib3.exceptions.HTTPError as error:
                if method == "GET" and attempt + 1 < _RETRIES:
                    continue
                raise Unreachable(f"the cluster can't be reached: {_cause(error)}", where=self.server) from None
            if answer.status in _BUSY and attempt + 1 < _RETRIES:
                time.sleep(_pause(answer.headers.get("Retry-After")))
                continue
            return answer.status, answer.data
        raise Unreachable("the cluster is busy", where=self.server)

    def watch(self, path: str, query: Mapping[str, str], seconds: int) -> Iterator[dict[str, Any]]:
        """The events of a watch, until the server ends it after about so many seconds."""
        try:
            for lines in self.follow(path, query, seconds):
                yield from map(orjson.loads, lines)
        except orjson.JSONDecodeError as error:
            raise Unreachable(f"the watch ended: {_cause(error)}", where=self.server) from None

    def follow(
        self, path: str, query: Mapping[str, str], seconds: int, opened: Callable[[urllib3.BaseHTTPResponse], None] = lambda _answer: None
    ) -> Iterator[Sequence[bytes]]:
        """As `watch`, the events as they came and those together that came at once, first none: the server answers. `opened` is told
        what they are read from."""
        url = f"{self.server}{path}?{urlencode({**query, 'watch': 'true', 'timeoutSeconds': str(seconds)})}"
        timeout = urllib3.Timeout(connect=5.0, read=seconds + 30.0)
        try:
            answer = self._pool.request("GET", url, headers=self._told({}), timeout=timeout, retries=False, preload_content=False)
            if answer.status >= 300:
                _answered(answer.status, answer.data, f"GET {path}")
            opened(answer)
            yield []
            yield from _lines(answer)
        except urllib3.exceptions.HTTPError as error:
            raise Unreachable(f"the watch ended: {_cause(error)}", where=self.server) from None

    def _told(self, headers: Mapping[str, str]) -> urllib3.HTTPHeaderDict:
        shown = {"Authorization": self._token.header()} if self._token else {}
        told = urllib3.HTTPHeaderDict({**self._headers, **shown, **headers})
        for name, value in self._more:
            told.add(name, value)
        return told


def _lines(answer: urllib3.BaseHTTPResponse) -> Iterator[list[bytes]]:
    """The lines of an answer as they come, those of a part together; the connection is given up when nobody wants more."""
    rest = b""
    try:
        while chunk := answer.read1():
            *lines, rest = (rest + chunk).split(b"\n")
            if whole := [line for line in lines if line]:
                yield whole
    finally:
        answer.close()


def _pause(after: str | None) -> float:
    """The seconds a busy server asks for, ten at most; one when it names a date or nothing."""
    return min(int(after), LONGEST_PAUSE) if after and after.isdecimal() else 1.0


def _cause(error: Exception) -> str:
    text = str(getattr(error, "reason", None) or error)
    return text.rpartition(": ")[2] if "object at 0x" in text else text


def _answered(status: int, data: bytes, where: str) -> dict[str, Any]:
    try:
        found = orjson.loads(data) if data else {}
    except orjson.JSONDecodeError:
        found = {"message": data[:200].decode(errors="replace")}
    if status < 300:
        return found if isinstance(found, dict) else {}
    message = str(found.get("message") or f"HTTP status {status}")
    if status >= 500:
        raise Unreachable(message, where=where)
    raise ApiError(message, status_code=status, reason=str(found.get("reason") or ""), where=where)
