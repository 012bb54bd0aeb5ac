"""A client of the service's own `/v1` for the CLI: a URL, a token, and errors said as the API says them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import click
import requests

TIMEOUT = 60.0
PAGE = 500


class ApiClient:
    """Raises click.ClickException with what the service said, and with the way out where there is no service or token."""

    def __init__(self, url: str, token: str, *, verify: bool | str = True) -> None:
        self._url = url.rstrip("/")
        self._session = requests.Session()
        self._session.verify = verify
        self._session.headers.update({"Accept": "application/json", "Authorization": f"Bearer {token}"})

    def get(self, path: str, **query: str) -> dict[str, Any]:
        return self.request("GET", path, query=query)

    def find(self, path: str) -> dict[str, Any] | None:
        try:
            return self.get(path)
        except Refused as refused:
            if refused.status == 404:
                return None
            raise

    def list(self, path: str, **query: str) -> Iterator[dict[str, Any]]:
        """Every object of a list, page after page."""
        query = {"limit": str(PAGE), **query}
        while True:
            page = self.get(path, **query)
            yield from page["data"]
            if not page.get("continue"):
                return
            query["continue"] = page["continue"]

    def request(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Any = None, etag: str = ""
    ) -> dict[str, Any]:
        headers = {"If-Match": etag} if etag else {}
        try:
            answer = self._session.request(
                method, f"{self._url}{path}", params=dict(query or {}), json=body, headers=headers, timeout=TIMEOUT
            )
        except requests.RequestException as error:
            raise click.ClickException(
                f"{self._url} can't be reached: {_cause(error)}; is the service running, and --url or RANCHER_CD_URL right?"
            ) from None
        if answer.status_code >= 400:
            raise Refused(answer, f"{method} {path}")
        found: dict[str, Any] = answer.json() if answer.content else {}
        return found


class Refused(click.ClickException):
    """The service said no: what, where, why, and what to do."""

    def __init__(self, answer: requests.Response, what: str) -> None:
        try:
            body = answer.json()
        except ValueError:
            body = {}
        self.status = answer.status_code
        text = body.get("message") or f"{what}: HTTP status {answer.status_code}"
        if answer.status_code == 401:
            text += "; set --token or RANCHER_CD_TOKEN (`rancher-cd token create --state-dir DIR` makes one on the service's machine)"
        super().__init__(f"{text} ({body.get('code', answer.status_code)})")


def path(plural: str, *parts: str) -> str:
    return "/v1/" + "/".join(quote(part, safe="") for part in (plural, *parts) if part)


def _cause(error: requests.RequestException) -> str:
    text = str(error)
    return "connection refused" if "refused" in text else text.rpartition(": ")[2][:200]


def connection(function: Any) -> Any:
    """The options of every verb that speaks to the service; the verb gets `client`."""

    @click.option("--url", envvar="RANCHER_CD_URL", default="http://127.0.0.1:8080", show_default=True, help="The service.")
    @click.option("--token", envvar="RANCHER_CD_TOKEN", default="", help="An API token.")
    @click.option("--ca-file", type=click.Path(exists=True, dir_okay=False), help="Certificates to trust (PEM).")
    @click.option("--insecure-skip-tls-verify", is_flag=True, help="Trust any certificate.")
    def wrapped(url: str, token: str, ca_file: str | None, insecure_skip_tls_verify: bool, **options: Any) -> Any:
        client = ApiClient(url, token, verify=False if insecure_skip_tls_verify else ca_file or True)
        return function(client=client, **options)

    wrapped.__doc__ = function.__doc__
    # Options given to the verb itself stay where click keeps them.
    wrapped.__click_params__ = [*getattr(function, "__click_params__", ()), *wrapped.__click_params__]  # type: ignore[attr-defined]
    return wrapped
