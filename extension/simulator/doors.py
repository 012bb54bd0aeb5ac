"""The ways to a hub: over HTTP as a real agent, or straight into one of this process."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec

from extension.objects.agents import DeploymentReport, Registration, RegistrationRequest, ReportAnswer, ReportBatch, Work
from extension.objects.errors import Busy, UserError

TIMEOUT = 60.0
RETRY = 5.0


class Away(Exception):
    """The hub did not do what it was asked: come again `after` seconds. `why` is a status, or the kind of the failure."""

    def __init__(self, why: str, after: float = RETRY) -> None:
        super().__init__(why)
        self.why, self.after = why, after


class Door(Protocol):
    """Used by one thread. Raises Away."""

    def register(self, secret: str, requests: Sequence[RegistrationRequest]) -> Sequence[Registration]: ...
    def check_in(self, key: str, since: str) -> tuple[Work | None, float]:
        """The work, None when there is none, and the seconds until the next check-in."""

    def report(self, key: str, reports: tuple[DeploymentReport, ...]) -> ReportAnswer: ...


class HttpDoor:
    """One connection that is kept open, as a proxy before a hub keeps them. `verify` is a file of certificates to trust, True for
    those of the machine, False for any."""

    def __init__(self, url: str, verify: bool | str = True) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT)
        if parts.scheme == "https":
            context = ssl.create_default_context(cafile=verify if isinstance(verify, str) else None)
            if verify is False:
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self._connection = http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=TIMEOUT, context=context)
        self._prefix = parts.path.rstrip("/")

    def register(self, secret: str, requests: Sequence[RegistrationRequest]) -> Sequence[Registration]:
        body = requests[0] if len(requests) == 1 else list(requests)
        _, data, _ = self._asked("register", secret, body)
        return [msgspec.json.decode(data, type=Registration)] if len(requests) == 1 else msgspec.json.decode(data, type=list[Registration])

    def check_in(self, key: str, since: str) -> tuple[Work | None, float]:
        status, data, headers = self._asked("checkin", key, {"since": since})
        work = None if status == http.client.NO_CONTENT else msgspec.json.decode(data, type=Work)
        return work, float(headers["Check-In-After"])

    def report(self, key: str, reports: tuple[DeploymentReport, ...]) -> ReportAnswer:
        return msgspec.json.decode(self._asked("reports", key, ReportBatch(reports))[1], type=ReportAnswer)

    def _asked(self, name: str, key: str, body: Any) -> tuple[int, bytes, Mapping[str, str]]:
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        try:
            self._connection.request("POST", f"{self._prefix}/agent/v1/{name}", msgspec.json.encode(body), headers)
            answer = self._connection.getresponse()
            data = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise Away(type(error).__name__) from None
        if answer.status >= http.client.BAD_REQUEST:
            raise Away(str(answer.status), float(answer.headers.get("Retry-After") or RETRY))
        return answer.status, data, answer.headers  # type: ignore[return-value]


class Hub(Protocol):
    """What `engine.hub.Hub` has for agents."""

    @property
    def register(self) -> Any: ...
    def check_in(self, key: str, since: str) -> Any: ...
    def report(self, key: str, reports: tuple[DeploymentReport, ...]) -> ReportAnswer: ...


class HubDoor:
    """Into a hub of this process: what is measured then is the hub and not HTTP."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def register(self, secret: str, requests: Sequence[RegistrationRequest]) -> Sequence[Registration]:
        return self._told(lambda: self._hub.register(secret, requests))  # type: ignore[no-any-return]

    def check_in(self, key: str, since: str) -> tuple[Work | None, float]:
        answer = self._told(lambda: self._hub.check_in(key, since))
        return answer.work, answer.after

    def report(self, key: str, reports: tuple[DeploymentReport, ...]) -> ReportAnswer:
        return self._told(lambda: self._hub.report(key, reports))  # type: ignore[no-any-return]

    def _told(self, ask: Any) -> Any:
        try:
            return ask()
        except Busy as busy:
            raise Away("429", busy.retry_after) from None
        except UserError as error:
            raise Away(str(error.status)) from None
