"""A service of its own for a test: started as a person starts it, read through its terminal and its API."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

START = [sys.executable, "-c", "from extension.cli import main; main()", "serve", "--port", "0"]
SECONDS = 60.0


@dataclass
class Service:
    process: subprocess.Popen[str]
    state: Path
    log: Path

    def line(self, start: str) -> str:
        def look() -> str:
            found = re.search(rf"^{start}(.*)$", self.log.read_text(), re.MULTILINE)
            assert found or self.process.poll() is None, self.log.read_text()
            return found[1] if found else ""

        return wait_for(look, f"a line {start!r} in:\n{self.log.read_text()}")

    @property
    def url(self) -> str:
        return self.line("url: ")

    def get(self, path: str) -> Any:
        answer = requests.get(f"{self.url}{path}", headers={"Authorization": f"Bearer {self.line('token: ')}"}, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def call(self, method: str, path: str, **body: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.line('token: ')}", **body.pop("headers", {})}
        return requests.request(method, f"{self.url}{path}", headers=headers, timeout=10, **body)

    def ready(self) -> bool:
        """Whether it answers, and can work."""
        try:
            return requests.get(f"{self.url}/readyz", timeout=5).ok
        except requests.RequestException:
            return False

    def repo(self, workspace: str, name: str) -> Any:
        return self.get(f"/v1/fleet.cattle.io.gitrepos/{workspace}/{name}")

    def deployed(self, *parts: str) -> Path:
        return self.state.joinpath("clusters", *parts)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(how)
        self.process.wait(20)


def wait_for(check: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + SECONDS
    while not (found := check()):
        assert time.monotonic() < deadline, f"waited too long for {what}"
        time.sleep(0.1)
    return found


def start(state: Path, *arguments: str, prefix: Sequence[str] = (), command: Sequence[str] = START, **environment: str) -> Service:
    """`rancher-cd serve` with these arguments, and these variables beside the usual ones; `prefix` is a command that starts it, `command`
    another way to call it."""
    log = state.parent / f"{time.monotonic_ns()}.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [*prefix, *command, "--state-dir", str(state), *arguments],
            env={**os.environ, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
    return Service(process, state, log)
