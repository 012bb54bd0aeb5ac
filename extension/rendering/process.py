"""One rendering process as its parent sees it: requests go in from any thread, each waits for its own answer.

The process is started anew (`worker.py`), never forked from this one, with an environment that holds nothing but what it is given
here, and a scratch HOME. When it dies, everything that waited for it is told so at once.
"""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from typing import BinaryIO, cast

import msgspec

from extension.rendering import wire

_FATAL = re.compile(rb"^(?:fatal error|panic|runtime): [^\n]{0,200}", re.MULTILINE)


class Died(Exception):
    """The process ended before it answered."""


class TooLong(Exception):
    """No answer within the time limit; the process was ended."""


class _Waiting:
    def __init__(self) -> None:
        self.answered = threading.Event()
        self.reply: wire.Reply | None = None


class Process:
    """A running worker. `memory` and `max_reply` are bytes, `memory` 0 is no limit."""

    def __init__(self, threads: int, memory: int, max_reply: int, environment: Mapping[str, str]) -> None:
        self._home = tempfile.TemporaryDirectory(prefix="rancher-cd-render-")
        path = os.pathsep.join(place for place in sys.path if place)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "extension.rendering.worker", str(threads), str(memory), str(max_reply)],
            cwd=self._home.name,
            env={"HOME": self._home.name, "TMPDIR": self._home.name, "PYTHONPATH": path, "LANG": "C.UTF-8", **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._waiting: dict[int, _Waiting] = {}
        self._dead = False
        self._said = b""
        self._readers = [threading.Thread(target=target, daemon=True) for target in (self._read_answers, self._read_errors)]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return not self._dead

    def call(self, name: str, args: bytes, timeout: float) -> wire.Reply:
        """The answer. Raises Died, or TooLong after `timeout` seconds, which ends the process for all who wait."""
        waiting = _Waiting()
        with self._lock:
            if self._dead:
                raise Died(self.cause)
            number = next(self._ids)
            self._waiting[number] = waiting
            try:
                wire.write(cast(BinaryIO, self._process.stdin), wire.Request(number, name, args))
            except (BrokenPipeError, ValueError):
                self._waiting.pop(number)
                raise Died(self.cause) from None
        if not waiting.answered.wait(timeout):
            self._process.kill()
            raise TooLong
        if waiting.reply is None:
            raise Died(self.cause)
        return waiting.reply

    @property
    def cause(self) -> str:
        """Why it died, in the words of its runtime where there are any."""
        found = _FATAL.search(self._said)
        return found[0].decode(errors="replace") if found else f"it ended with code {self._process.poll()}"

    def close(self) -> None:
        """Ends the process; idle ones end by themselves when their input ends, others are killed."""
        with self._lock:
            busy = bool(self._waiting)
            self._dead = True
        if busy:
            self._process.kill()
        try:
            cast(BinaryIO, self._process.stdin).close()
        except BrokenPipeError:
            self._process.kill()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for reader in self._readers:
            reader.join(5)
        for stream in (self._process.stdout, self._process.stderr):
            cast(BinaryIO, stream).close()
        self._home.cleanup()

    def _read_answers(self) -> None:
        stream = cast(BinaryIO, self._process.stdout)
        while (data := wire.read(stream)) is not None:
            reply = msgspec.msgpack.decode(data, type=wire.Reply)
            with self._lock:
                waiting = self._waiting.pop(reply.id, None)
            if waiting is not None:
                waiting.reply = reply
                waiting.answered.set()
        self._process.wait()
        self._readers[1].join(5)
        with self._lock:
            self._dead = True
            left, self._waiting = self._waiting, {}
        for waiting in left.values():
            waiting.answered.set()

    def _read_errors(self) -> None:
        stream = cast(BinaryIO, self._process.stderr)
        while chunk := stream.read1(65536):  # type: ignore[attr-defined]
            if len(self._said) < 65536:
                self._said += chunk
