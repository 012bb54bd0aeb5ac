"""The process that renders: reads requests on standard input, answers on what was standard output.

`python -m extension.rendering.worker THREADS MEMORY MAX_REPLY`. It limits its own memory (bytes; so only it dies of a chart that
explodes) before the first request, answers several requests at a time, and ends with its input, whatever it is doing: who asked was
killed, and who comes next takes an operation that changes a cluster for one that was cut off. Anything the Go runtime prints goes to
standard error, never between two answers.
"""

from __future__ import annotations

import os
import resource
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

import msgspec

from extension.objects.errors import Invalid, UserError
from extension.rendering import operations, wire


def main(argv: list[str]) -> None:
    threads, memory, max_reply = (int(word) for word in argv)
    if memory:
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _serve(sys.stdin.buffer, answers, threads, max_reply)
    os._exit(0)


def _serve(requests: BinaryIO, answers: BinaryIO, threads: int, max_reply: int) -> None:
    lock = threading.Lock()

    def answer(request: wire.Request) -> None:
        reply = _answered(request, max_reply)
        with lock:
            wire.write(answers, reply)

    pool = ThreadPoolExecutor(threads)
    while (data := wire.read(requests)) is not None:
        pool.submit(answer, msgspec.msgpack.decode(data, type=wire.Request))


def _answered(request: wire.Request, max_reply: int) -> wire.Reply:
    try:
        result = _bounded(operations.find(request.name)(request.args), max_reply)
    except UserError as error:
        return wire.Reply(request.id, failure=wire.failure_of(error))
    except BaseException as error:  # whatever it is, the caller gets an answer
        return wire.Reply(request.id, failure=wire.failure_of(error))
    return wire.Reply(request.id, result)


def _bounded(result: bytes, most: int) -> bytes:
    if len(result) > most:
        raise Invalid(f"the result has {len(result)} bytes, more than {most}", hint="split the bundle")
    return result


if __name__ == "__main__":
    main(sys.argv[1:])
