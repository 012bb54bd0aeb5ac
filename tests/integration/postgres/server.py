"""A real PostgreSQL for tests: Debian's, in a folder of its own, reached over a socket in it. It refuses to run as root.

Its order of texts is that of a language, as most servers have it, so that a column that relies on the order of bytes without
saying so is found out.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg

from extension.store.opening import open_store

KEY = bytes(range(32))
GUEST = "guest"
"""A user that needs a password."""
TEMPLATE = "store_template"
ROOM = 2**30
QUICK = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off"}
_PLAIN = {"listen_addresses": "", "shared_buffers": "64MB", "max_connections": "200", "log_min_messages": "fatal"}


def missing() -> str:
    """What to install, if anything."""
    return "" if _programs() else "PostgreSQL is not installed: apt-get install postgresql"


def _programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


def _user() -> dict[str, Any]:
    """Whom to run as, when this is root."""
    if os.geteuid() != 0:
        return {}
    found = pwd.getpwnam("nobody")
    return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}


class Server:
    """One server; `stop` and `kill` leave its data, `start` goes on with it."""

    def __init__(self, folder: Path, settings: Mapping[str, str] = QUICK, environment: Mapping[str, str] = {}) -> None:
        self.folder = folder
        self._environment = {**os.environ, **environment}
        self._settings = _PLAIN | dict(settings)
        self._count = 0
        programs = _programs()
        assert programs is not None, missing()
        self._programs = programs
        order = ("--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US")
        self.run("initdb", "-D", str(folder / "data"), "-U", "store", "-A", "trust", "-E", "UTF8", "--no-sync", *order)
        access = folder / "data" / "pg_hba.conf"
        access.write_text(f"local all {GUEST} scram-sha-256\n{access.read_text()}")
        self.start()
        self.template: str | None = None

    def run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._programs / program, *arguments], capture_output=True, text=True, cwd=self.folder, check=False, **_user()
        )
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        flags = [f"-c{name}={value}" for name, value in self._settings.items()]
        command = [self._programs / "postgres", "-D", str(self.folder / "data"), "-k", str(self.folder), *flags]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": self._environment}
        self._process = subprocess.Popen(command, cwd=self.folder, **quiet, **_user())
        deadline = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(self.url("postgres")).close()
            except psycopg.OperationalError:
                assert time.monotonic() < deadline and self._process.poll() is None, "PostgreSQL did not start"
                time.sleep(0.02)
            else:
                return

    def stop(self) -> None:
        """At once, but in order."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(30)

    def kill(self) -> None:
        """All its processes, with SIGKILL."""
        parent = self._process.pid
        children = [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
        self._process.kill()
        for pid in children:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait(30)
        deadline = time.monotonic() + 30
        while any(Path(f"/proc/{pid}").exists() for pid in children):
            assert time.monotonic() < deadline, "a process of PostgreSQL lives on"
            time.sleep(0.01)

    def url(self, database: str) -> str:
        return f"postgresql://store@/{database}?host={self.folder}"

    def execute(self, statement: str, database: str = "postgres") -> list[Any]:
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            found = connection.execute(statement)
            return found.fetchall() if found.description else []

    def make(self) -> str:
        """The URL of a new database with an empty store in it, under KEY."""
        if self.template is None:
            self.template = TEMPLATE
            self.execute(f"CREATE DATABASE {TEMPLATE}")
            open_store(self.url(TEMPLATE), key=KEY).close()
        return self.empty(f"TEMPLATE {TEMPLATE} STRATEGY file_copy")

    def empty(self, how: str = "") -> str:
        """The URL of a new database."""
        self._count += 1
        self.execute(f"CREATE DATABASE s{self._count} {how}")
        return self.url(f"s{self._count}")

    def drop(self, url: str) -> None:
        name = url.partition("@/")[2].partition("?")[0]
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _memory() -> str:
    """A folder in memory, if there is one with room: a new database is a copy of a thousand files."""
    folder = Path("/dev/shm")
    return str(folder) if folder.is_dir() and os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > ROOM else ""


@contextmanager
def running(settings: Mapping[str, str] = QUICK, environment: Mapping[str, str] = {}) -> Iterator[Server]:
    """A server with these settings, its processes with these variables beside the usual ones."""
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir=_memory() or "/tmp"))  # a socket's path is short
    if user := _user():
        os.chown(folder, user["user"], user["group"])
    try:
        server = Server(folder, settings, environment)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
