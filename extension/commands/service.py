"""A process of the service, put together: its store, its part for agents and its API; and the engine, in the one that leads."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from extension import __version__
from extension.commands import demo
from extension.engine.connections import Connections
from extension.engine.contents import Contents
from extension.engine.errands import Wanted, asked_for
from extension.engine.hub import Hub
from extension.engine.leadership import PAUSE, SECONDS, Leadership
from extension.engine.planning import Planner
from extension.engine.reports import Reports
from extension.engine.runtime import Engine
from extension.engine.seen import Seen
from extension.engine.sources import EngineSources
from extension.logs import configure
from extension.objects.base import Key
from extension.objects.kinds import Secret
from extension.objects.moving import Move, Moved
from extension.rancher.opening import Inside, opened
from extension.rendering.gotemplate import GoTemplates
from extension.rendering.pool import Pool
from extension.settings import FLEET, Settings
from extension.sources.build import additional_ca, build
from extension.store.lease import Lease
from extension.store.opening import open_store
from extension.store.operations import StoredOperations
from extension.store.protocol import Store
from extension.store.sql import SqlStore

ADMIN = "admin"
DEMO = "demo"
ALONE = (3600.0, 600.0)
"""For how long the lease is taken, and how often it is renewed, where nobody waits for it: a write each time would be for nothing."""


@dataclass(frozen=True)
class Running:
    """`door` gives how to take a connection to the TLS port now, None while that can't be."""

    app: Any
    stop: Callable[[], None]
    door: Callable[[], Any]


class Term:
    """The engine while this process leads, on a twin of the store that can't write once the lease is another's."""

    def __init__(self, store: SqlStore, settings: Settings, lease: Lease, extra_ca: bytes) -> None:
        self._store = store
        self._store.lease.guard(lease)
        pool = Pool()
        found = sources(self._store, settings, pool, extra_ca)
        self._engine = Engine(self._store, found, pool, settings, lease.epoch)
        self.move = self._engine.moves.move

    def start(self) -> None:
        self._engine.start()

    def stop(self) -> None:
        self._engine.stop()


class Process:
    """What every process has, whether it leads or not. `name` is that of its place in the service."""

    def __init__(self, settings: Settings, name: str) -> None:
        extra_ca = additional_ca(settings)  # before anything is opened: it may be none
        self.store = open_store(settings.store, key_file=settings.store_key, offline_after=settings.offline_after, alone=settings.alone)
        self._reports = Reports(self.store)
        self._pool = Pool()
        found = sources(self.store, settings, self._pool, extra_ca)
        self.hub = Hub(self.store, self._reports, settings, Contents(self.store, found))
        self.planner = planner(self.store, settings, self._pool, found)
        self.connections = Connections(self.store, found)
        self._seen = Seen(self.store, numbers=self.hub.reached)
        seconds, pause = ALONE if settings.alone else (SECONDS, PAUSE)

        def begin(lease: Lease) -> Term:
            return Term(self.store.twin(), settings, lease, extra_ca)

        self._leadership = Leadership(self.store.lease, name, begin, self.hub.start, seconds=seconds, pause=pause)

    def start(self) -> None:
        self._reports.start()
        self._leadership.start()
        self._seen.start()

    def stop(self) -> None:
        for part in (self._leadership, self.hub, self._seen, self._reports):
            part.stop()
        self._pool.close()
        self.store.close()

    def move(self, cluster: Key, wanted: Move, dry_run: bool) -> Moved:
        """`Moves.move`, by the engine, wherever it is."""
        term = self._leadership.engine
        if isinstance(term, Term):
            return term.move(cluster, wanted, dry_run)
        return asked_for(self.store.errands, Wanted(cluster, wanted, dry_run))


def sources(store: Store, settings: Settings, pool: Pool, extra_ca: bytes) -> EngineSources:
    """Where commits and charts come from, with the Secrets of this store."""

    def secret(namespace: str, name: str) -> Secret | None:
        return store.find(Secret, namespace, name)

    found = build(settings, os.environ, secret, extra_ca=extra_ca, allow_file=settings.allow_file_repos)
    return EngineSources(found, pool)


def planner(store: Store, settings: Settings, pool: Pool, found: EngineSources) -> Planner:
    """What plans in this process, whether it leads or not: its pool starts a process with the first chart."""
    templates = GoTemplates(pool.evaluate)
    return Planner(store, found, pool.render, templates, image_scan=settings.imagescan_enabled, offline_after=settings.offline_after)


def start(settings: Settings, name: str, first: bool, with_demo: bool) -> Running:
    """Starts a process. The `first` one says where the service listens and, the first time, the token."""
    configure(settings.log_level, settings.log_format)
    inside = opened(settings)
    if settings.engine == FLEET:
        return _before_fleet(settings, name, first, inside)
    process = Process(settings, name)
    process.start()
    inside.start()
    api = importlib.import_module("api.app")
    store = process.store
    services = api.Services(
        store, store.tokens, settings, __version__, process.move, StoredOperations(store), ready=inside.problems,
        allow_file=settings.allow_file_repos, agents=process.hub, plans=process.planner, connections=process.connections,
        rancher=inside.doors, repairs=inside.repairs,
    )  # fmt: skip
    if first:
        _announce(store, settings, with_demo)

    def stop() -> None:
        inside.stop()
        process.stop()

    return Running(api.create_app(services), stop, lambda: inside.door)


def _before_fleet(settings: Settings, name: str, first: bool, inside: Inside) -> Running:
    """A process of the service where Rancher's Fleet deploys."""
    assert inside.doors is not None, "the settings of this engine have a door"
    process = importlib.import_module("extension.commands.fleet").FleetProcess(settings, name, inside.doors.reviews)
    process.start()
    inside.start()
    api = importlib.import_module("api.app")
    services = api.Services(
        process.store, process.tokens, settings, __version__, process.move, process.operations,
        ready=lambda: {**inside.problems(), **process.problems()}, allow_file=settings.allow_file_repos, plans=process.planner,
        connections=process.connections, rancher=inside.doors, repairs=inside.repairs, acting=process.acting,
    )  # fmt: skip
    if first:
        _announce_address(settings)

    def stop() -> None:
        inside.stop()
        process.stop()

    return Running(api.create_app(services), stop, lambda: inside.door)


def _announce_address(settings: Settings) -> None:
    click.echo(f"url: {settings.url}")
    if settings.api_service:
        click.echo(f"tls url: https://{settings.at(settings.tls_port)}")
    if settings.inside_rancher:
        click.echo("token: none; callers are Rancher's")


def _announce(store: SqlStore, settings: Settings, with_demo: bool) -> None:
    _announce_address(settings)
    if settings.inside_rancher:
        return
    token = _token(store, settings, with_demo)
    click.echo(f"token: {token or 'not made anew; `rancher-cd token create --state-dir DIR` makes one'}")
    if with_demo:
        demo.begin(store, settings, settings.url, token or "")


def _token(store: SqlStore, settings: Settings, with_demo: bool) -> str | None:
    """The clear token to show: a new one for a store that has none, and for each demonstration."""
    known = store.tokens.list()
    if with_demo:
        for token in known:
            if token.name == DEMO:
                store.tokens.revoke(token.id)
        return store.tokens.create(DEMO, {"*": "admin"})
    return None if known or settings.without_token else store.tokens.create(ADMIN, {"*": "admin"})
