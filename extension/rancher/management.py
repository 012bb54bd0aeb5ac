"""The API server of Rancher's own cluster, as the store of the `fleet` engine asks it: reads as the service, writes as the user.

What the API server refuses is said in its own words, a webhook's too, with what was asked and the next step. A write is sent again only
where the API server had no time for it; when an answer was lost it may have been done, and that is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import orjson
import urllib3

from extension.delivery.client import ApiError, Client, Unreachable
from extension.delivery.connecting import cut_off
from extension.objects.errors import AlreadyExists, Busy, Conflict, Forbidden, Gone, Invalid, NotFound, Unauthorized, Unavailable, UserError
from extension.rancher import impersonating
from extension.store.kubernetes.api import JSON, Api

if TYPE_CHECKING:
    from extension.rancher.identity import Identity

_AWAY = "see whether the API server of Rancher's cluster runs and can be reached from here"
_PAGE = "500"
_RIGHTS = "see your roles in Rancher"
VERSION = "metadata.resourceVersion"


class Management:
    """See `store.kubernetes.api.Api`: as this service, or with `acting` as a user."""

    def __init__(self, client: Client, watches: WeakSet[urllib3.BaseHTTPResponse] | None = None) -> None:
        self._client = client
        self._watches = WeakSet() if watches is None else watches

    def acting(self, identity: Identity) -> Management:
        """The same API server as a user finds it. Raises Forbidden for users above all others."""
        return Management(self._client.sending(impersonating.headers(identity)), self._watches)

    def end_watches(self) -> None:
        """Ends what is followed, from whatever thread."""
        for answer in list(self._watches):
            cut_off(answer)

    def read(self, path: str, query: Mapping[str, str] = {}, accept: str = JSON) -> bytes:
        client = self._client if accept == JSON else self._client.accepting(accept)
        return self._answer("GET", path, *client.exchange("GET", path, query=query))

    def follow(self, path: str, query: Mapping[str, str], seconds: int) -> Iterator[Sequence[bytes]]:
        try:
            yield from self._client.follow(path, query, seconds, self._watches.add)
        except ApiError as error:
            raise said(error.status_code, error.reason, error.message, "", f"GET {path}") from None

    def send(self, method: str, path: str, body: Any = None, query: Mapping[str, str] = {}, kind: str = JSON) -> bytes:
        try:
            return self._answer(method, path, *self._client.exchange(method, path, body, query, kind))
        except Unreachable as error:
            hint = "read it again: whether this was written is not known"
            raise Unavailable(error.message, where=error.where, hint=hint) from None

    def _answer(self, method: str, path: str, status: int, data: bytes) -> bytes:
        if status < 300:
            return data
        try:
            found = orjson.loads(data)
        except orjson.JSONDecodeError:
            found = None
        told: dict[str, Any] = found if isinstance(found, dict) else {"message": data[:200].decode(errors="replace")}
        message = str(told.get("message") or f"HTTP status {status}")
        raise said(status, str(told.get("reason") or ""), message, _field(told), f"{method} {path}")


def found(api: Api, path: str) -> dict[str, Any] | None:
    """The object at a path; None where there is none."""
    try:
        there: dict[str, Any] = orjson.loads(api.read(path))
    except NotFound:
        return None
    return there


def listed(api: Api, path: str) -> Iterator[dict[str, Any]]:
    """Every object of a list, in pages."""
    query = {"limit": _PAGE}
    while True:
        page = orjson.loads(api.read(path, query))
        yield from page.get("items") or ()
        query["continue"] = page["metadata"].get("continue") or ""
        if not query["continue"]:
            return


def _field(status: Mapping[str, Any]) -> str:
    """The field that the first cause names."""
    details = status.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    first = causes[0] if isinstance(causes, list) and causes else {}
    return str(first.get("field") or "") if isinstance(first, dict) else ""


def said(status: int, reason: str, message: str, field: str, where: str) -> UserError:
    """What the API server said, as one of ours."""
    is_webhook = message.startswith("admission webhook")
    match status:
        case 401:
            return Unauthorized(message, where=where, hint="the API server does not know this service's account")
        case 403:
            return Forbidden(message, where=where, hint="" if is_webhook else _RIGHTS)
        case 404:
            return NotFound(message, where=where)
        case 409 if reason == "AlreadyExists":
            return AlreadyExists(message, where=where, field="metadata.name")
        case 409:
            return Conflict(message, where=where, field=VERSION, hint="read it again and repeat the change")
        case 410:
            return Gone(message, where=where, hint="list again")
        case 429:
            return Busy(message, 1)
        case _ if status >= 500:
            return Unavailable(message, where=where, hint=_AWAY)
        case _:
            return Invalid(message, where=where, field=field)
