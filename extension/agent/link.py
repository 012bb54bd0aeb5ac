"""The way to the hub: `/agent/v1` over HTTP, through the proxies and with the CAs that all fetches have (`sources.http`).

Every refusal is the error that the hub meant, so that who asks can tell a key that is not good from a hub that has no time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import msgspec

from extension.objects.agents import (
    AgentKey,
    CheckIn,
    ClusterCopies,
    Registration,
    RegistrationRequest,
    ReportAnswer,
    ReportBatch,
    Work,
)
from extension.objects.errors import Busy, Conflict, Invalid, NotFound, Unauthorized, Unavailable, UserError
from extension.sources.http import Bound, Http, Response, check_url
from extension.sources.trust import TLS

T = TypeVar("T")

SECONDS = 60.0
LARGEST = 256 << 20
RETRY = 30
_NO_CONTENT = 204
_TOLD = (401, 404, 409, 413, 422, 429, 503)
"""Statuses that the hub says something with."""


class Link(Protocol):
    """One cluster's way to its hub. All raise Unauthorized for a key or secret that is not good, Busy with a time to come back, Conflict
    where the service reaches the cluster itself, NotFound, Invalid, and Unavailable when there is no answer."""

    def register(self, secret: str, wanted: RegistrationRequest) -> Registration: ...
    def check_in(self, key: str, since: str) -> tuple[Work | None, float]:
        """The work, None when there is none, and the seconds until the next check-in."""

    def renew(self, key: str) -> str:
        """Another key, in this one's place."""

    def content(self, key: str, sha256: str) -> bytes: ...
    def chart(self, key: str, bundle_id: int) -> bytes: ...
    def copies(self, key: str, bundle_id: int) -> ClusterCopies: ...
    def report(self, key: str, batch: ReportBatch) -> ReportAnswer: ...


class HttpLink:
    """`url` is the hub's, `tls` how its certificate is checked. Raises Invalid for what is no HTTP URL."""

    def __init__(self, http: Http, url: str, tls: TLS = TLS()) -> None:
        self._http, self._url, self._tls = http, url.rstrip("/"), tls
        self._origin = check_url(url)

    def register(self, secret: str, wanted: RegistrationRequest) -> Registration:
        return _decoded(self._asked("POST", "register", secret, wanted), Registration)

    def check_in(self, key: str, since: str) -> tuple[Work | None, float]:
        answer = self._asked("POST", "checkin", key, CheckIn(since))
        work = None if answer.status == _NO_CONTENT else _decoded(answer, Work)
        return work, float(answer.headers.get("Check-In-After") or RETRY)

    def renew(self, key: str) -> str:
        return _decoded(self._asked("POST", "key", key), AgentKey).key

    def content(self, key: str, sha256: str) -> bytes:
        return self._asked("GET", f"contents/{sha256}", key).body

    def chart(self, key: str, bundle_id: int) -> bytes:
        return self._asked("GET", f"charts/{bundle_id}", key).body

    def copies(self, key: str, bundle_id: int) -> ClusterCopies:
        return _decoded(self._asked("GET", f"copies/{bundle_id}", key), ClusterCopies)

    def report(self, key: str, batch: ReportBatch) -> ReportAnswer:
        return _decoded(self._asked("POST", "reports", key, batch), ReportAnswer)

    def _asked(self, method: str, place: str, key: str, body: Any = None) -> Response:
        """All that is asked may be asked twice: the hub takes a request that it had already for what it is."""
        answer = self._http.request(
            method,
            f"{self._url}/agent/v1/{place}",
            headers={"Accept": "application/json", **({"Content-Type": "application/json"} if body is not None else {})},
            body=None if body is None else msgspec.json.encode(body),
            auth=Bound(self._origin, f"Bearer {key}"),
            tls=self._tls,
            limit=LARGEST,
            timeout=SECONDS,
            accept=_TOLD,
            repeat=True,
        )
        if answer.status in _TOLD:
            raise _refusal(answer)
        return answer


def _decoded(answer: Response, cls: type[T]) -> T:
    """Raises Unavailable for what no hub answers: something else does in its place, and may not for long."""
    try:
        return msgspec.json.decode(answer.body, type=cls)
    except msgspec.MsgspecError:
        hint = "see what answers in place of the service: an ingress, a proxy, a login page"
        raise Unavailable(f"answered {answer.status} with something that is not the hub's", where=answer.url, hint=hint) from None


def _refusal(answer: Response) -> UserError:
    """What the hub said, as the error that it is."""
    try:
        said = msgspec.json.decode(answer.body, type=dict[str, Any])
    except msgspec.MsgspecError:
        said = {}
    message, detail = str(said.get("message") or f"the hub answered {answer.status}"), str(said.get("detail") or "")
    if answer.status in (429, 503):
        after = str(answer.headers.get("Retry-After") or "")
        return Busy(message, int(after) if after.isdecimal() else RETRY, hint=detail)
    return _REFUSALS[answer.status](message, hint=detail)


_REFUSALS: dict[int, Callable[..., UserError]] = {401: Unauthorized, 404: NotFound, 409: Conflict, 413: Invalid, 422: Invalid}
