"""Trouble inside real processes, turned on and off while they run: every flush to disk takes longer, their clock is wrong.

A library that is loaded before the C library's (`LD_PRELOAD`) takes the place of fsync, fdatasync and of the functions that read the
wall clock, and looks into a file for what to do: two numbers of 64 bits, milliseconds and seconds.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SOURCE = Path(__file__).with_name("trouble.c")


def missing() -> str:
    """What to install, if anything."""
    return "" if shutil.which("cc") else "a C compiler is missing: apt-get install gcc libc6-dev"


class Trouble:
    def __init__(self, folder: Path) -> None:
        library, self._told = folder / "trouble.so", folder / "told"
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", str(library), str(SOURCE), "-ldl"], check=True)
        self.environment = {"LD_PRELOAD": str(library), "TROUBLE": str(self._told)}
        self._flush, self._clock = 0, 0
        self._told.write_bytes(self._numbers())

    def flush(self, milliseconds: int) -> None:
        """By how much longer every fsync takes from now on."""
        self._flush = milliseconds
        self._tell()

    def clock(self, hours: float) -> None:
        """By how much the wall clock is wrong from now on."""
        self._clock = round(hours * 3600)
        self._tell()

    def _numbers(self) -> bytes:
        return struct.pack("=qq", self._flush, self._clock)

    def _tell(self) -> None:
        with self._told.open("r+b") as file:  # the same file: processes have it in their memory
            file.write(self._numbers())


@contextmanager
def prepared() -> Iterator[Trouble]:
    """In a folder that every user can read, since PostgreSQL runs as one of its own."""
    with tempfile.TemporaryDirectory(prefix="trouble-") as folder:
        Path(folder).chmod(0o755)
        yield Trouble(Path(folder))
