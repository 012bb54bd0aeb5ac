"""Running a program that talks to somebody else's server: bounded in time, in silence and in output.

A killed git leaves ssh and index-pack behind, so every program gets a process group of its own and the group is
killed. Invariant: when `run` returns or raises, nothing it started is still running.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import msgspec

_CHUNK = 65536
_KEPT_ERRORS = 16 * 1024


class Limits(msgspec.Struct, frozen=True):
    """Seconds in all, seconds without any output (0: no matter), bytes of output, bytes of one written file (0: any)."""

    seconds: float = 30.0
    silence: float = 0.0
    output: int = 64 * 1024 * 1024
    file_size: int = 0


class Timeout(Exception):
    """The program was killed after the time it had; the argument is that time in seconds."""


class TooMuchOutput(Exception):
    """The program was killed after writing more than it may."""


class Failed(Exception):
    """The program ended with an error: `status` (negative: the signal), `stderr` is the end of what it said."""

    def __init__(self, status: int, stderr: str) -> None:
        super().__init__(f"exit status {status}: {stderr}")
        self.status = status
        self.stderr = stderr


def run(args: Sequence[str], *, env: Mapping[str, str], cwd: Path | None = None, limits: Limits = Limits()) -> bytes:
    """What `args` wrote to standard output. Raises Failed, Timeout, TooMuchOutput, or OSError when it can't be started."""
    if limits.file_size:
        blocks = str(limits.file_size // 512)
        args = ("sh", "-c", 'ulimit -f "$0" && exec "$@"', blocks, *args)
    process = subprocess.Popen(
        args,
        env=dict(env),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        out, errors = _read(process, limits)
        status = process.wait(timeout=max(1.0, limits.seconds))
    except subprocess.TimeoutExpired:
        raise Timeout(limits.seconds) from None
    finally:
        _end(process)
    if status:
        raise Failed(status, errors.decode(errors="replace"))
    return out


def _read(process: subprocess.Popen[bytes], limits: Limits) -> tuple[bytes, bytes]:
    started = heard = time.monotonic()
    taken: dict[int, bytearray] = {}
    with selectors.DefaultSelector() as selector:
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                taken[stream.fileno()] = bytearray()
                selector.register(stream, selectors.EVENT_READ)
        out, errors = taken.values()
        while selector.get_map():
            now = time.monotonic()
            if now - started > limits.seconds:
                raise Timeout(limits.seconds)
            if limits.silence and now - heard > limits.silence:
                raise Timeout(limits.silence)
            for key, _ in selector.select(timeout=0.5):
                heard = time.monotonic()
                _take(selector, key.fileobj, taken[key.fd])  # type: ignore[arg-type]  # registered above as streams
            del errors[:-_KEPT_ERRORS]
            if len(out) > limits.output:
                raise TooMuchOutput
    return bytes(out), bytes(errors)


def _take(selector: selectors.BaseSelector, stream: IO[bytes], into: bytearray) -> None:
    data = os.read(stream.fileno(), _CHUNK)
    if data:
        into += data
    else:
        selector.unregister(stream)


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()
