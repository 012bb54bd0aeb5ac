"""Whose credential it is: a token or a session of Rancher, told by Rancher itself (`rancher-integration.md` 3.4c).

Rancher acts at the API server as the user of the credential, and a SelfSubjectReview there answers with the user, all groups
and extras: what RBAC will see. An answer is good for SECONDS, however long Rancher is away; so a token that is revoked ends
with them. Credentials are remembered by their hash alone and are in no message.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from pathlib import Path

import requests

from extension.objects.errors import Invalid, Unavailable
from extension.rancher.identity import Identity, from_user_info, is_somebody
from extension.rancher.remembering import Remembered

PATH = "/k8s/clusters/local/apis/authentication.k8s.io/v1/selfsubjectreviews"
SECONDS = 30.0
REFUSED_SECONDS = 3.0
SIZE = 10_000
TIMEOUT = (5.0, 10.0)
"""Seconds for connecting and for the answer."""
LONGEST = 16 * 1024
"""Bytes of a credential: longer ones, such as JWTs with many groups, fit into no header that Rancher reads."""
_BODY = {"kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1"}
_REFUSED = (401, 403)


class Resolving:
    """Credentials of one Rancher server. `ca` names a file of certificates; the usual ones are trusted without."""

    def __init__(self, url: str, ca: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        if not url.startswith("https://"):
            raise Invalid(f"{url or 'nothing'} is no https:// URL", where="--rancher-url")
        if ca and not Path(ca).is_file():
            raise Invalid(f"{ca} can't be read", where="--rancher-ca")
        self._url = url.rstrip("/")
        self._ca = ca
        self._known: Remembered[bytes, Identity | None] = Remembered(SIZE, clock)
        self._turns = tuple(threading.Lock() for _ in range(64))
        self._sessions = threading.local()

    def identity(self, credential: str) -> Identity | None:
        """Who it belongs to, None for nobody (any more). Raises Unavailable when Rancher does not tell."""
        if not credential or len(credential) > LONGEST or not credential.isascii() or not credential.isprintable():
            return None
        key = hashlib.sha256(credential.encode()).digest()
        with self._turns[key[0] % len(self._turns)]:  # who asks at the same time waits for the one answer
            known = self._known.get(key)
            if known is None:
                found = self._ask(credential)
                self._known.put(key, found, SECONDS if found else REFUSED_SECONDS)
                return found
        return known[0]

    def drop(self, credential: str) -> None:
        """Forgets a credential, as after a 401 to something done with it."""
        self._known.drop(hashlib.sha256(credential.encode()).digest())

    def _ask(self, credential: str) -> Identity | None:
        try:
            answer = self._session().post(
                f"{self._url}{PATH}",
                json=_BODY,
                headers={"Authorization": f"Bearer {credential}", "Accept": "application/json"},
                timeout=TIMEOUT,
                allow_redirects=False,
            )
        except (requests.RequestException, OSError) as error:
            raise self._away(_cause(error)) from None
        if answer.status_code in _REFUSED:
            return None
        if not answer.ok or answer.is_redirect:
            raise self._away(f"HTTP status {answer.status_code}")
        try:
            identity = from_user_info(answer.json()["status"]["userInfo"])
        except (ValueError, KeyError, TypeError, AttributeError):
            raise self._away("the answer is no SelfSubjectReview") from None
        return identity if is_somebody(identity) else None

    def _session(self) -> requests.Session:
        """Connections of this thread. Nothing of the machine's own credentials (.netrc) may go along."""
        session: requests.Session | None = getattr(self._sessions, "session", None)
        if session is None:
            session = self._sessions.session = requests.Session()
            session.trust_env = False
            session.verify = self._ca or True
            session.cookies.set_policy(_NoCookies())
        return session

    def _away(self, why: str) -> Unavailable:
        return Unavailable(f"Rancher can't tell who is calling: {why}", where=self._url, hint="try again; see the state of Rancher")


class _NoCookies(requests.cookies.cookielib.DefaultCookiePolicy):  # type: ignore[name-defined,misc]
    """Keeps no cookie: one that Rancher sets for a caller must never go along with another's question."""

    def set_ok(self, cookie: object, request: object) -> bool:
        return False


def _cause(error: Exception) -> str:
    """What went wrong, without what was sent."""
    return "it does not answer in time" if isinstance(error, requests.Timeout) else _KINDS.get(type(error), "it can't be reached")


_KINDS: dict[type[Exception], str] = {requests.exceptions.SSLError: "its certificate is not trusted; see --rancher-ca"}
