"""The three doors, and the one identity behind them (`rancher-integration.md` 3.3, 3.4).

(a) Kubernetes' aggregation layer, which shows its certificate and names the user; (b) the service proxy, behind which only
Rancher's session cookie is left; (c) straight, with a token of Rancher. Whoever comes by none of them is nobody: nothing is
done with this service's own rights instead.
"""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from extension.objects.errors import Unauthorized
from extension.rancher import csrf, requestheader
from extension.rancher.identity import Identity, is_somebody
from extension.rancher.requestheader import Config, Headers
from extension.rancher.reviewing import Reviews

SECONDS = 60.0
"""For how long an identity that came with a request is good for what the request began, such as a stream."""


@dataclass(frozen=True)
class Arrival:
    """A request, as far as it tells who sent it. `headers` are all, one by one. `common_name` is that of the client certificate
    that the connection proved and `config` that by which it was verified; both None where there was none."""

    method: str
    headers: Headers = ()
    authorization: str = field(default="", repr=False)
    cookies: Mapping[str, str] = field(default_factory=dict, repr=False)
    csrf: str = field(default="", repr=False)
    common_name: str | None = None
    config: Config | None = None

    def __repr__(self) -> str:
        return f"Arrival({self.method})"


Again = Callable[[], Identity | None]
"""Who it is now: None when that is not known any more. Raises Unavailable."""


Resolve = Callable[[str], Identity | None]
"""Whose credential it is, None for nobody's. Raises Unavailable."""


class Doors:
    """`resolve` is None where no credentials are taken."""

    def __init__(self, reviews: Reviews, resolve: Resolve | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.reviews = reviews
        self._resolve = resolve
        self._clock = clock

    def identify(self, arrival: Arrival) -> tuple[Identity, Again]:
        """Who sends a request. Raises Unauthorized, InvalidCSRFToken, and Unavailable where Rancher can't be asked."""
        csrf.check(arrival.method, arrival.cookies, arrival.csrf)
        config = arrival.config
        if arrival.common_name is not None and config is not None and requestheader.is_allowed(arrival.common_name, config):
            found = requestheader.identity(arrival.headers, arrival.common_name, config)
            if found is None or not is_somebody(found):
                raise Unauthorized("the API server passed the request on without a user", hint=_HINT)
            until = self._clock() + SECONDS
            return found, lambda: found if self._clock() < until else None
        return self._by_credential(credential(arrival))

    def _by_credential(self, given: str) -> tuple[Identity, Again]:
        if self._resolve is None or not given:
            raise Unauthorized("nobody is known by this request", hint=_HINT)
        resolve = self._resolve
        found = resolve(given)
        if found is None:
            raise Unauthorized("the token or session is unknown to Rancher, expired or disabled", hint=_HINT)
        return found, lambda: resolve(given)


_HINT = "send a Rancher API key as Authorization: Bearer <key>, or sign in to Rancher"


def credential(arrival: Arrival) -> str:
    """The credential as `<name>:<secret>` (or a JWT), empty for none. As at Rancher, a cookie counts only where there is no
    Authorization header (3.1)."""
    scheme, _, value = arrival.authorization.strip().partition(" ")
    if not scheme:
        return arrival.cookies.get(csrf.SESSION, "")
    if scheme.lower() == "bearer":
        return value.strip()
    return _basic(value.strip()) if scheme.lower() == "basic" else ""


def _basic(value: str) -> str:
    try:
        plain = base64.b64decode(value.translate(_URL_SAFE) + "=" * (-len(value) % 4), validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return ""
    return plain if plain.partition(":")[2] else ""


_URL_SAFE = str.maketrans("-_", "+/")
