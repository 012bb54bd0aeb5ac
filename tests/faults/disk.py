"""A small disk of its own for a service's state, and filling it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.service.running import Service

SMALL = 48
"""MiB."""


def small(megabytes: int = SMALL) -> tuple[str, ...]:
    """A command that starts another one with such a disk at a place: the place, and the command, come after it."""
    return ("unshare", "--mount", "sh", "-c", f'mkdir -p "$0" && mount -t tmpfs -o size={megabytes}m tmpfs "$0" && exec "$@"')


def missing(probe: Path) -> str:
    """What is needed, if anything."""
    failed = subprocess.run([*small(), str(probe), "true"], check=False, capture_output=True).returncode
    return "mounting a small disk needs root and unshare (util-linux)" if failed else ""


def seen(service: Service) -> Path:
    """The state of a service that has a disk of its own, as it can be reached from outside."""
    return Path(f"/proc/{service.process.pid}/root{service.state}")


@contextmanager
def full(service: Service) -> Iterator[None]:
    """While this lasts no byte is left."""
    filler = seen(service) / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    try:
        yield
    finally:
        filler.unlink()
