"""The check-in without news, answered before Flask: it is nearly all that a million agents ever ask.

What is not exactly that (news, a key that is not good, a body that is not plain) goes on to `api/agents.py`, which has the last
word; so there is one answer to every question, and this only gives the commonest of them sooner.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from api.answers import SECURITY_HEADERS
from api.services import Agents
from extension.objects.agents import CheckIn
from extension.objects.errors import UserError

PLACE = "/agent/v1/checkin"
AFTER = "Check-In-After"
"""Header: the seconds after which an agent is to check in again."""
LONGEST = 256
"""Bytes of the body of a check-in, as agents write it."""

Start = Callable[..., Any]
_DECODER = msgspec.json.Decoder(CheckIn)
_HEADERS = tuple(SECURITY_HEADERS.items())


class QuickCheckIns:
    """WSGI middleware before `app`. `count` is told status and seconds of every answer that is given here."""

    def __init__(self, app: Callable[..., Iterable[bytes]], agents: Agents, count: Callable[[int, float], None]) -> None:
        self._app = app
        self._agents = agents
        self._count = count

    def __call__(self, environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
        if environ["PATH_INFO"] != PLACE or environ["REQUEST_METHOD"] != "POST":
            return self._app(environ, start_response)
        begin = time.perf_counter()
        after = self._after(environ)
        if after is None:
            return self._app(environ, start_response)
        start_response("204 NO CONTENT", [(AFTER, str(round(after))), *_HEADERS])
        self._count(204, time.perf_counter() - begin)
        return ()

    def _after(self, environ: dict[str, Any]) -> float | None:
        """Seconds until the agent is to ask again; None when somebody else has to answer."""
        scheme, _, key = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        length = environ.get("CONTENT_LENGTH") or ""
        if scheme != "Bearer" or environ.get("CONTENT_TYPE") != "application/json" or not length.isdecimal() or int(length) > LONGEST:
            return None
        body = environ["wsgi.input"].read(int(length))
        environ["wsgi.input"] = io.BytesIO(body)
        try:
            return self._agents.unchanged(key, _DECODER.decode(body).since)
        except (msgspec.MsgspecError, UserError):
            return None
