"""Connections for `http`: requests' adapter with two things it lacks.

The address a name resolved to is checked on the connected socket, so no DNS answer can change between check and use;
and the time for an answer's headers is bounded as a whole, so a server that sends a byte now and then is cut off.
"""

from __future__ import annotations

import socket
import threading
from typing import Any

import requests.adapters
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from extension.sources.reach import Reach

MAX_CONNECTIONS = 32


class TooSlow(Exception):
    """The headers of an answer did not arrive in time."""


class _Checked(HTTPConnection):
    """A connection that knows the `reach` of its pool."""

    reach = Reach()

    def _new_conn(self) -> socket.socket:
        connected = super()._new_conn()
        if self.proxy is None:
            try:
                self.reach.check_address(connected.getpeername()[0], f"{self.host}:{self.port}")
            except Exception:
                connected.close()
                raise
        return connected

    def getresponse(self) -> Any:
        late = threading.Event()
        limit = self.timeout if isinstance(self.timeout, int | float) else None
        timer = threading.Timer(limit or 30.0, self._cut, (late,))
        timer.daemon = True
        timer.start()
        try:
            answer = super().getresponse()
        except Exception as error:
            if late.is_set():
                raise requests.ReadTimeout(TooSlow(str(error))) from None
            raise
        finally:
            timer.cancel()
        if late.is_set():  # headers that were cut off read like headers that ended
            answer.close()
            raise requests.ReadTimeout(TooSlow("the headers did not end"))
        return answer

    def _cut(self, late: threading.Event) -> None:
        late.set()
        if self.sock is not None:
            try:
                self.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # closed already: the reader sees it


class _CheckedTLS(_Checked, HTTPSConnection):
    pass


class _TLSPool(urllib3.HTTPSConnectionPool):
    """Without urllib3's warning at each request that insecureSkipTLSVerify was asked for."""

    def _validate_conn(self, conn: Any) -> None:
        if conn.is_closed:
            conn.connect()


class Adapter(requests.adapters.HTTPAdapter):
    """requests' adapter over checked connections; repeats nothing by itself."""

    def __init__(self, reach: Reach) -> None:
        plain = type("Connection", (_Checked,), {"reach": reach})
        encrypted = type("TLSConnection", (_CheckedTLS,), {"reach": reach})
        self._pools: dict[str, Any] = {
            "http": type("Pool", (urllib3.HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("TLSPool", (_TLSPool,), {"ConnectionCls": encrypted}),
        }
        super().__init__(pool_connections=MAX_CONNECTIONS, pool_maxsize=MAX_CONNECTIONS, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager


def root_causes(error: BaseException) -> list[BaseException]:
    """The chain of errors that requests and urllib3 wrap in one another, outermost first."""
    chain: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and at not in chain:
        chain.append(at)
        inner = getattr(at, "reason", None)
        inner = inner if isinstance(inner, BaseException) else next((a for a in at.args if isinstance(a, BaseException)), None)
        at = inner or at.__cause__
    return chain
