"""Messages between the pool and its processes: a length in eight bytes, then msgpack; errors as values."""

from __future__ import annotations

import struct
import traceback
from pathlib import PurePath
from typing import BinaryIO

import msgspec

from extension.objects import errors
from extension.objects.base import prepare
from extension.objects.errors import Unavailable, UserError

_LENGTH = struct.Struct("!Q")


class Request(msgspec.Struct, frozen=True):
    id: int
    name: str
    args: bytes


class Failure(msgspec.Struct, frozen=True):
    """A UserError as data; `kind` is its class."""

    kind: str
    message: str
    where: str = ""
    field: str = ""
    hint: str = ""


class Reply(msgspec.Struct, frozen=True):
    id: int
    result: bytes = b""
    failure: Failure | None = None


def write(stream: BinaryIO, message: Request | Reply) -> None:
    data = msgspec.msgpack.encode(message)
    stream.write(_LENGTH.pack(len(data)))
    stream.write(data)
    stream.flush()


def read(stream: BinaryIO) -> bytes | None:
    """The next message, None at the end of the stream, also in the middle of a message."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    data = stream.read(length)
    return data if len(data) == length else None


def failure_of(error: BaseException) -> Failure:
    """The error as data. What is no UserError keeps its type and nothing of its text, which could hold anything."""
    if isinstance(error, UserError):
        return Failure(type(error).__name__, error.message, error.where, error.field, error.hint)
    if isinstance(error, MemoryError):
        return Failure("Invalid", "rendering needs more memory than it may have")
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({PurePath(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return Failure("Unavailable", f"the renderer failed with {type(error).__name__}{place}")


def error_of(failure: Failure) -> UserError:
    found = getattr(errors, failure.kind, Unavailable)
    error: UserError = found(failure.message, where=failure.where, field=failure.field, hint=failure.hint)
    return error


prepare(Request, Reply)
