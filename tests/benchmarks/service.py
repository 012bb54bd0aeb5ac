"""The service as a whole, started as a person starts it, with what all its processes hold and use."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

SECONDS = 60.0


class Service:
    """A running `rancher-cd serve`; `url` and `token` as it printed them."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process, self._log = process, log
        self.url, self.token = self._line("url: "), self._line("token: ")
        self.headers = {"Authorization": f"Bearer {self.token}"}
        self._session = requests.Session()
        self._session.headers.update(self.headers)

    def _line(self, start: str) -> str:
        for _ in waiting(f"a line {start!r}"):
            found = re.search(rf"^{start}(.+)$", self._log.read_text(), re.MULTILINE)
            if found:
                return found[1]
            if self.process.poll() is not None:
                raise RuntimeError(self._log.read_text())
        raise AssertionError

    def get(self, path: str) -> Any:
        answer = self._session.get(self.url + path, timeout=SECONDS)
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, body: Any) -> Any:
        answer = self._session.post(self.url + path, json=body, timeout=SECONDS)
        answer.raise_for_status()
        return answer.json()

    def mib(self) -> float:
        """What all processes of the service hold, shared pages counted once (PSS)."""
        return sum(self.shares().values())

    def shares(self) -> dict[str, float]:
        """What each process holds of that, in MiB, by its place among them and its command."""
        return {f"{place} {command(pid)}": pss(pid) for place, pid in enumerate(self.pids())}

    def cpu(self) -> float:
        """Seconds of processor time that all processes have used."""
        fields = [of(pid, "stat").rpartition(")")[2].split() for pid in self.pids()]
        return sum(int(f[11]) + int(f[12]) for f in fields if f) / os.sysconf("SC_CLK_TCK")

    def pids(self) -> list[int]:
        found, new = [], [self.process.pid]
        while new:
            found += new
            new = [int(child) for pid in new for task in Path(f"/proc/{pid}/task").glob("*/children") for child in task.read_text().split()]
        return found


def of(pid: int, name: str) -> str:
    """A file of a process in /proc, empty when the process has ended: some live for milliseconds."""
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def pss(pid: int) -> float:
    """What a process holds in MiB, with its part of what it shares; 0 when it has ended."""
    found = re.search(r"^Pss:\s+(\d+)", of(pid, "smaps_rollup"), re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def command(pid: int) -> str:
    """The program a process runs, for Python the script or module."""
    program, *words = of(pid, "cmdline").split("\0")
    return Path(next((word for word in words if not word.startswith("-")), program)).name


@contextmanager
def served(folder: Path, *arguments: str) -> Iterator[Service]:
    """`rancher-cd serve` with these arguments and its state in `folder`."""
    log = folder / "log"
    command = [str(Path(sys.executable).parent / "rancher-cd"), "serve", "--port", "0", "--state-dir", str(folder / "state"), *arguments]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
    try:
        yield Service(process, log)
    finally:
        process.terminate()
        process.wait(30)


def waiting(what: str, seconds: float = SECONDS, pause: float = 0.02) -> Iterator[None]:
    """Turns until somebody is satisfied. Raises TimeoutError naming `what`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(pause)
    raise TimeoutError(f"waited {seconds:g} s for {what}")
