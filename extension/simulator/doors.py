"""The ways to a hub: over HTTP as a real agent, or straight into one of this process."""

from __future__ import annotations

import http.client
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from extension.objects.agents import DeploymentReport, Registration, RegistrationRequest, ReportAnswer, ReportBatch, Work
from extension.objects.errors import Busy, UserError
from extension.simulator.connection import Answer, Connection

RETRY = 5.0


_WORK = msgspec.json.Decoder(Work)


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
        self._connection = Connection(url, verify)

    def register(self, secret: str, requests: Sequence[RegistrationRequest]) -> Sequence[Registration]:
        body = requests[0] if len(requests) == 1 else list(requests)
        data = self._asked("register", secret, body).body
        return [msgspec.json.decode(data, type=Registration)] if len(requests) == 1 else msgspec.json.decode(data, type=list[Registration])

    def check_in(self, key: str, since: str) -> tuple[Work | None, float]:
        answer = self._asked("checkin", key, {"since": since})
        work = None if answer.status == http.client.NO_CONTENT else _WORK.decode(answer.body)
        return work, float(answer.headers["check-in-after"])

    def report(self, key: str, reports: tuple[DeploymentReport, ...]) -> ReportAnswer:
        return msgspec.json.decode(self._asked("reports", key, ReportBatch(reports)).body, type=ReportAnswer)

    def _asked(self, name: str, key: str, body: Any) -> Answer:
        try:
            answer = self._connection.post(f"/agent/v1/{name}", key, msgspec.json.encode(body))
        except (OSError, http.client.HTTPException) as error:
            raise Away(type(error).__name__) from None
        if answer.status >= http.client.BAD_REQUEST:
            raise Away(str(answer.status), float(answer.headers.get("retry-after") or RETRY))
        return answer


class Hub(Protocol):
    """What `engine.hub.Hub` has for agents."""

    @property
    def register(self) -> Any: ...
    def check_in(self, key: str, since: str) -> Any: ...
    def report(self, key: str, batch: ReportBatch) -> ReportAnswer: ...


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
        return self._told(lambda: self._hub.report(key, ReportBatch(reports)))  # type: ignore[no-any-return]

    def _told(self, ask: Any) -> Any:
        try:
            return ask()
        except Busy as busy:
            raise Away("429", busy.retry_after) from None
        except UserError as error:
            raise Away(str(error.status)) from None
