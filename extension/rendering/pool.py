"""Rendering in a process apart, so that a chart that loops or explodes costs nobody else anything.

Started at the first need, used by many threads at once, given back after some idle seconds (Helm's runtime holds some 80 MB).
When the process dies, each request that was in it is tried once more, alone; the one that kills it again is the culprit and gets an
error. A request over its time limit ends the process and is not repeated; the others are. Operations that change
a cluster are never repeated (`repeat=False`), and belong in a Pool of their own, away from what tenants render.

Invariants: a plain bundle never starts the process; it inherits no variable of this one's environment.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from extension.objects.errors import Invalid, Unavailable
from extension.rendering import operations, render, wire
from extension.rendering.helm import ChartRendering, ChartRequest
from extension.rendering.kustomize import Kubectl
from extension.rendering.postrender import Scopes
from extension.rendering.process import Died, Process, TooLong

TIMEOUT = 60.0
MEMORY = 1 << 30
MAX_REPLY = 64 << 20
IDLE = 20.0
"""Longer than the usual interval of polling, so a repository that changes all the time finds the process there. To start it takes a
quarter of a second."""


class Pool:
    """`threads` requests run at a time, for `timeout` seconds each at most; the process may hold `memory` bytes of data.

    After `idle` seconds without a request the process is ended. `environment` is all that it gets (a proxy, a CA file).
    """

    def __init__(
        self,
        *,
        threads: int = 4,
        timeout: float = TIMEOUT,
        memory: int = MEMORY,
        idle: float = IDLE,
        max_reply: int = MAX_REPLY,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._threads, self._timeout, self._memory, self._idle, self._max_reply = threads, timeout, memory, idle, max_reply
        self._environment = dict(environment or {})
        self._slots = threading.BoundedSemaphore(threads)
        self._alone = threading.Lock()
        self._lock = threading.Lock()
        self._process: Process | None = None
        self._timer: threading.Timer | None = None
        self._active = 0
        self._last_used = 0.0
        self._closed = False
        self.helm = PoolHelm(self)
        self.kubectl = Kubectl(memory=memory)

    @property
    def pid(self) -> int | None:
        """The process that renders now, if there is one."""
        with self._lock:
            return self._process.pid if self._process and self._process.alive else None

    def render(self, given: render.Input, scopes: Scopes | None = None) -> render.Rendering:
        """See `render.render`; only charts and templates reach the process. Raises Invalid also for what exceeds its limits."""
        return render.render(given, self.helm, self.kubectl, scopes)

    def evaluate(self, source: str, context: Mapping[str, Any], name: str) -> str:
        """See `Helm.evaluate`: an engine for `GoTemplates`."""
        return self.helm.evaluate(source, context, name)

    def call(self, name: str, args: bytes, timeout: float | None = None, repeat: bool = True) -> bytes:
        """The result of the operation `name` (`operations.py`), run in the process within `timeout` seconds.

        Raises the operation's UserError; Invalid when it exceeds time or memory; Unavailable when the process died
        and the operation may not be repeated.
        """
        limit = self._timeout if timeout is None else timeout
        try:
            with self._slots:
                reply = self._tried(name, args, limit)
        except Died as death:
            if not repeat:
                raise Unavailable(f"the process that ran {name} ended: {death}", hint="it will be looked at again") from None
            reply = self._again(name, args, limit)
        if reply.failure is not None:
            raise wire.error_of(reply.failure)
        return reply.result

    def close(self) -> None:
        """Ends the process; requests that wait for it fail."""
        with self._lock:
            self._closed = True
            process, self._process = self._process, None
            timer, self._timer = self._timer, None
        if timer:
            timer.cancel()
        if process:
            process.close()

    def _again(self, name: str, args: bytes, limit: float) -> wire.Reply:
        """The request once more, in a process that does nothing else: if that dies too, it is this request's doing."""
        with self._alone:
            process = self._started()
            try:
                return process.call(name, args, limit)
            except Died as death:
                raise Invalid(
                    f"rendering ended its process: {death}", hint=f"it may hold {self._memory >> 20} MiB; look for a loop or a huge value"
                ) from None
            except TooLong:
                raise self._too_long(limit) from None
            finally:
                process.close()

    def _tried(self, name: str, args: bytes, limit: float) -> wire.Reply:
        process = self._running()
        try:
            return process.call(name, args, limit)
        except TooLong:
            raise self._too_long(limit) from None
        finally:
            self._release(process)

    @staticmethod
    def _too_long(limit: float) -> Invalid:
        return Invalid(f"rendering did not end within {limit:g} s", hint="look for a loop in its templates")

    def _started(self) -> Process:
        return Process(self._threads, self._memory, self._max_reply, self._environment)

    def _running(self) -> Process:
        dead = None
        with self._lock:
            if self._closed:
                raise Unavailable("the renderer is stopping")
            if self._process is not None and not self._process.alive:
                dead, self._process = self._process, None
            if self._process is None:
                self._process = self._started()
            self._active += 1
            process = self._process
        if dead:
            dead.close()
        return process

    def _release(self, process: Process) -> None:
        dead = None
        with self._lock:
            self._active -= 1
            self._last_used = time.monotonic()
            if not process.alive and self._process is process:
                dead, self._process = process, None
            if self._process and self._timer is None and not self._closed:
                self._arm(self._idle)
        if dead:
            dead.close()

    def _arm(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._retire)
        self._timer.daemon = True
        self._timer.start()

    def _retire(self) -> None:
        with self._lock:
            self._timer = None
            left = self._idle if self._active else self._last_used + self._idle - time.monotonic()
            if self._process is None or self._closed:
                return
            if left > 0:
                self._arm(left)
                return
            process, self._process = self._process, None
        process.close()


class PoolHelm:
    """`Helm` by a Pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def render(self, request: ChartRequest) -> ChartRendering:
        return msgspec.msgpack.decode(self._pool.call("operations.render", msgspec.msgpack.encode(request)), type=ChartRendering)

    def evaluate(self, source: str, context: Mapping[str, Any], name: str) -> str:
        args = msgspec.msgpack.encode(operations.Evaluation(source, dict(context), name))
        return self._pool.call("operations.evaluate", args).decode()

    def satisfying(self, constraint: str, versions: tuple[str, ...]) -> tuple[str, ...]:
        args = msgspec.msgpack.encode(operations.Satisfying(constraint, versions))
        return msgspec.msgpack.decode(self._pool.call("operations.satisfying", args), type=tuple[str, ...])

    def update_dependencies(self, folder: str) -> None:
        self._pool.call("operations.update_dependencies", folder.encode(), repeat=False)
