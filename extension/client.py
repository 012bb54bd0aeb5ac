"""A client of the service's own `/v1` for the CLI: a URL, a token, and errors said as the API says them.

`requests` is loaded with the first request, so that verbs that may do without the service start fast. What `.netrc`
and `REQUESTS_CA_BUNDLE` say never replaces the token and the certificates a person named.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

if TYPE_CHECKING:
    import requests

TIMEOUT = 60.0
PAGE = 500

_HINTS = {
    401: "set --token-file, --token or RANCHER_CD_TOKEN; on the service's machine `rancher-cd token create NAME --state-dir DIR` makes one",
    404: "`rancher-cd get KIND --all-namespaces` shows what there is",
}


class ApiClient:
    """Raises click.ClickException with what the service said, and with the way out where there is no service or token."""

    def __init__(self, url: str, token: str, *, verify: bool | str = True) -> None:
        self._url = url.rstrip("/")
        self._token = token
        self.verify = verify

    def get(self, path: str, **query: str | list[str]) -> dict[str, Any]:
        return self.request("GET", path, query=query)

    def find(self, path: str) -> dict[str, Any] | None:
        """The object at this path, None when there is none."""
        try:
            return self.get(path)
        except Refused as refused:
            if refused.status == 404:
                return None
            raise

    def list(self, path: str, **query: str | builtins.list[str]) -> Iterator[dict[str, Any]]:
        """Every object of a list, page after page."""
        query = {"limit": str(PAGE), **query}
        while True:
            page = self.get(path, **query)
            yield from page["data"]
            if not page.get("continue"):
                return
            query["continue"] = page["continue"]

    def request(
        self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Any = None, etag: str = ""
    ) -> dict[str, Any]:
        """What the service answers. A redirect is refused: following it would make a GET of a POST and could leak the token."""
        answer = self._send(
            method,
            f"{self._url}{path}",
            params=dict(query or {}),
            json=body,
            headers={"If-Match": etag} if etag else {},
            timeout=TIMEOUT,
            # Said with each request, for a session's `verify` gives way to REQUESTS_CA_BUNDLE.
            verify=self.verify,
            allow_redirects=False,
        )
        found = _json(answer)
        if answer.status_code >= 400 and found.get("type") == "error":
            raise Refused(self._url, f"{method} {path}", found)
        if answer.status_code >= 300 or "type" not in found:
            place = answer.headers.get("Location", "")
            told = f"a redirect to {place}" if place else f"status {answer.status_code} and no answer of this API"
            raise click.ClickException(f"{self._url} answers {method} {path} with {told}; is --url or RANCHER_CD_URL that of the service?")
        return found

    def _send(self, method: str, url: str, **options: Any) -> requests.Response:
        import requests  # noqa: PLC0415 (with the first request)

        try:
            return self._session.request(method, url, **options)
        except requests.RequestException as error:
            hint = "is the service running, and --url or RANCHER_CD_URL right?"
            if isinstance(error, requests.exceptions.SSLError):
                hint = "name the certificates to trust with --ca-file, or use http:// if the service has none"
            raise click.ClickException(f"{self._url} can't be reached: {_cause(error)}; {hint}") from None

    @cached_property
    def _session(self) -> requests.Session:
        import requests  # noqa: PLC0415 (with the first request)
        import urllib3  # noqa: PLC0415

        if self.verify is False:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        session = requests.Session()
        session.headers["Accept"] = "application/json"
        # An `auth` and no header: a header would give way to what .netrc has for this host.
        session.auth = self._authorize
        return session

    def _authorize(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Refused(click.ClickException):
    """The service said no: what, where, why, and what to do. `status` is that of HTTP."""

    def __init__(self, url: str, what: str, body: Mapping[str, Any]) -> None:
        self.status = int(body.get("status") or 0)
        reason = body.get("message") or what
        # The API's own advice for a 401 is for those who write HTTP by hand.
        hint = _HINTS[401] if self.status == 401 else body.get("detail") or _HINTS.get(self.status, "")
        if self.status == 404 and "/v1/tokens" in what:
            hint = "`rancher-cd token list` shows the tokens"
        where = f"{url}: " if self.status == 401 else ""
        super().__init__(f"{where}{reason}{f'; {hint}' if hint else ''} ({body.get('code', self.status)})")


def path(plural: str, *parts: str) -> str:
    return "/v1/" + "/".join(quote(part, safe="") for part in (plural, *parts) if part)


def _json(answer: requests.Response) -> dict[str, Any]:
    """The body; empty for what is no JSON object, which no answer of this API is."""
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _cause(error: BaseException) -> str:
    """The innermost reason of a failed request, without the connection pools around it."""
    inner: Any = error.args[0] if error.args and isinstance(error.args[0], BaseException) else error
    while isinstance(getattr(inner, "reason", None), BaseException):
        inner = inner.reason
    text = re.sub(r"^\w+\(.*?\): ", "", str(inner))
    return "connection refused" if "refused" in text else text[:200]
