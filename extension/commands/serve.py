"""`rancher-cd serve`: the API in gunicorn workers, one of which works as the embedded engine too (`design.md` decision 7).

The parent process only watches: it imports neither the API nor the engine, and Helm's runtime is loaded in a process of its
own, so nothing that dislikes a fork is there before one. Each worker has a place, and with it a name that the worker which
takes its place has again: a lease that a killed one held is its successor's at once.
"""

from __future__ import annotations

import atexit
import dataclasses
import importlib
import itertools
import os
import shutil
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

import click
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from extension import __version__
from extension.commands.examples import make_repository, repository
from extension.commands.folders import lock
from extension.commands.settings import settings_options
from extension.commands.worker import Worker
from extension.objects.errors import Invalid, UserError
from extension.settings import Settings, load

METRICS = "metrics"
MEMORY = "/dev/shm"  # noqa: S108 (the folder in it is made under a name of its own, for this user alone)


class Server(BaseApplication):  # type: ignore[misc]
    """Workers of many threads; one that dies is started anew and goes on from the store. `name` is that of this service."""

    def __init__(self, settings: Settings, name: str, demo: bool) -> None:
        self._settings = settings
        self._name = name
        self._demo = demo
        self._place = 0
        self._is_first = True
        self._running: Any = None
        super().__init__()

    def load_config(self) -> None:
        settings = self._settings
        options = {
            "bind": settings.addresses,
            "workers": settings.processes,
            "pre_fork": self._placed,
            "worker_class": Worker if settings.inside_rancher else "extension.commands.kept.KeptWorker",
            "sendfile": not settings.inside_rancher,  # it would go past TLS
            "threads": settings.threads,
            "timeout": 120,
            "graceful_timeout": 5,
            "keepalive": 30,
            "loglevel": "warning",
            "control_socket_disable": True,
            "forwarder_headers": "",  # a proxy that is believed may say which scheme was used, and never which path was asked for
            "worker_exit": lambda _server, _worker: self._stop(),
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """The WSGI application; called in the worker, so everything starts after the fork. A worker that can't start says why
        and ends the service."""
        service = importlib.import_module("extension.commands.service")
        try:
            self._running = service.start(self._settings, f"{self._name}-{self._place}", self._is_first, self._demo)
        except (UserError, OSError) as error:
            click.echo(f"Error: {error}", err=True)
            sys.exit(Arbiter.WORKER_BOOT_ERROR)
        return self._running.app

    @property
    def tls_port(self) -> int | None:
        return self._settings.tls_port if self._settings.api_service else None

    def door(self) -> Any:
        """How a connection to the TLS port is taken now; None while that can't be."""
        return self._running.door()

    def _placed(self, arbiter: Any, worker: Any) -> None:
        """Called in the parent before each fork: the first place that no worker has."""
        taken = {getattr(other, "place", None) for other in arbiter.WORKERS.values()}
        self._place = worker.place = next(place for place in itertools.count() if place not in taken)
        self._is_first = worker.age == 1

    def _stop(self) -> None:
        if self._running is not None:
            self._running.stop()


@click.command("serve")
@settings_options
@click.option("--config", type=click.Path(exists=True, dir_okay=False), help="Settings file (YAML): a key such as stateDir for an option.")
@click.option("--demo", is_flag=True, help="Deploy the examples to directory clusters first.")
def command(config: str | None, demo: bool, **flags: Any) -> None:
    """Run the service. An option wins over its variable, a variable over the settings file."""
    settings = load(flags, os.environ, Path(config) if config else None)
    settings = dataclasses.replace(settings, host=settings.host.strip("[]"), state_dir=settings.state_dir.resolve())
    settings = dataclasses.replace(settings, port=_free_port(settings, settings.port))
    if settings.api_service:
        settings = dataclasses.replace(settings, tls_port=_free_port(settings, settings.tls_port, "--tls-port"))
        if settings.tls_port == settings.port:
            raise Invalid(f"{settings.port} is the plain port already", where="--tls-port", hint="name another one")
    if demo and settings.inside_rancher:
        raise Invalid("the demonstration calls with a token of its own, which Rancher does not know", where="--demo")
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    lock(settings.state_dir)
    if settings.processes > 1:
        _count_together(settings.state_dir / METRICS)
    if demo:
        settings = dataclasses.replace(settings, allow_file_repos=True, polling_interval=min(settings.polling_interval, 5.0))
        make_repository(repository(settings.state_dir))
    click.echo(f"rancher-cd {__version__}, state in {settings.state_dir}", err=True)
    # A file is this service's alone, so whoever has it next is the same one, on whatever host.
    name = f"{socket.gethostname()}-{settings.state_dir}" if settings.database_url else "process"
    _run(Server(settings, name, demo))


def _run(server: Server) -> None:
    """Serves until told to stop. A service that can't start exits 1 as every verb; gunicorn's own code for it stays with its
    worker, which comes by here too."""
    watcher = os.getpid()
    try:
        server.run()
    except SystemExit as ended:
        if os.getpid() == watcher and ended.code == Arbiter.WORKER_BOOT_ERROR:
            sys.exit(1)
        raise


def _count_together(link: Path) -> None:
    """Has the processes keep their metrics in a folder of this start, in memory where there is such a place: they are files that a process
    writes as its own memory, and where their disk is full that kills it. `link` leads there, so that the next start clears them away
    after a kill."""
    shutil.rmtree(link.resolve(), ignore_errors=True)
    link.unlink(missing_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="rancher-cd-metrics-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None))
    link.symlink_to(folder)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    watcher = os.getpid()
    atexit.register(lambda: shutil.rmtree(folder, ignore_errors=True) if os.getpid() == watcher else None)


def _free_port(settings: Settings, port: int, flag: str = "--port") -> int:
    """The port to listen on. Raises OSError when it can't be had, before anything is started."""
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, port))
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or error
            raise OSError(f"can't listen on {settings.at(port)}: {why}; choose another with --host and {flag}") from None
        return int(probe.getsockname()[1])
