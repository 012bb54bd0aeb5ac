"""GitHub App keys exchanged for short-lived tokens (`fleet-semantics.md` 5.2).

The App's key signs a statement good for nine minutes, the host answers with an installation token good for an hour;
tokens are kept until shortly before they end, so polling does not ask for one each time.
"""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable
from datetime import datetime

import msgspec
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from extension.objects.base import prepare
from extension.objects.errors import Hop, Invalid, Unavailable
from extension.sources.credentials import BasicAuth, GitHubApp
from extension.sources.http import Bound, Http, Response, check_url
from extension.sources.remote import Remote
from extension.sources.trust import TLS

MARGIN = 120.0
USER = "x-access-token"


class _Token(msgspec.Struct, frozen=True):
    token: str
    expires_at: str


class GitHubTokens:
    """Tokens by App and host, made when needed. `clock` gives Unix seconds."""

    def __init__(self, http: Http, clock: Callable[[], float] = time.time) -> None:
        self._http = http
        self._clock = clock
        self._kept: dict[tuple[str, str], tuple[float, BasicAuth]] = {}
        self._lock = threading.Lock()

    def auth(self, app: GitHubApp, remote: Remote, tls: TLS) -> BasicAuth:
        """Basic authentication for `remote`. Raises Invalid for a key that is no RSA key, Unavailable when the host refuses."""
        where = (app.fingerprint(), api_url(remote))
        with self._lock:
            kept = self._kept.get(where)
        if kept and kept[0] - MARGIN > self._clock():
            return kept[1]
        url = f"{where[1]}/app/installations/{app.installation_id}/access_tokens"
        signed = Bound(check_url(url), f"Bearer {_statement(app, self._clock())}")
        answer = self._asked(url, signed, tls)
        try:
            token = msgspec.json.decode(answer.body, type=_Token)
            ends = datetime.fromisoformat(token.expires_at).timestamp()
        except (msgspec.DecodeError, ValueError):
            hint = "check that the host is GitHub"
            raise Unavailable("the answer holds no installation token", where=url, hint=hint, hop="credentials") from None
        auth = BasicAuth(USER, token.token)
        with self._lock:
            self._kept[where] = (ends, auth)
        return auth

    def _asked(self, url: str, signed: Bound, tls: TLS) -> Response:
        """The host's answer. What it has not, such as an installation of this number, is a fault of the App's keys."""
        try:
            return self._http.request("POST", url, headers={"Accept": "application/vnd.github+json"}, body=b"", auth=signed, tls=tls)
        except Unavailable as error:
            hop: Hop = "credentials" if error.hop == "repository" else error.hop
            raise Unavailable(error.message, where=error.where, hint=error.hint, hop=hop) from None


def api_url(remote: Remote) -> str:
    """The API of the host a repository is on: GitHub's own, or an Enterprise server's on the repository's origin."""
    if remote.host in ("github.com", "www.github.com"):
        return "https://api.github.com"
    usual = {"https": 443, "http": 80}.get(remote.scheme)
    if usual is None:
        raise Invalid(f"{remote} can't be reached with a GitHub App", field="spec.repo", hint="use the https URL of the repository")
    port = "" if remote.port == usual else f":{remote.port}"
    return f"{remote.scheme}://{remote.host}{port}/api/v3"


def _statement(app: GitHubApp, now: float) -> str:
    """The signed JSON Web Token that says which App asks (RS256); a minute in the past, for clocks that differ."""
    hint = "copy the .pem file of the GitHub App into github_app_private_key"
    try:
        key = serialization.load_pem_private_key(app.private_key, password=None)
    except (ValueError, TypeError):
        raise Invalid("the GitHub App's private key is not a PEM key", field="data.github_app_private_key", hint=hint) from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise Invalid("the GitHub App's private key is not an RSA key", field="data.github_app_private_key", hint=hint)
    claims = {"iat": int(now) - 60, "exp": int(now) + 480, "iss": app.app_id}
    parts = (msgspec.json.encode(part) for part in ({"alg": "RS256", "typ": "JWT"}, claims))
    text = b".".join(_url64(part) for part in parts)
    return (text + b"." + _url64(key.sign(text, padding.PKCS1v15(), hashes.SHA256()))).decode()


def _url64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


prepare(_Token)
