"""The running service: store, sources, engine and API, put together in the worker."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from extension import __version__
from extension.commands import demo
from extension.engine.runtime import Engine
from extension.engine.sources import EngineSources
from extension.logs import configure
from extension.objects.kinds import Secret
from extension.rendering.pool import Pool
from extension.settings import Settings
from extension.sources.build import build
from extension.store.sql import SqlStore, open_store

ADMIN = "admin"
DEMO = "demo"


@dataclass(frozen=True)
class Running:
    app: Any
    stop: Callable[[], None]


def start(settings: Settings, with_demo: bool) -> Running:
    """Opens the store, starts the engine, says where it listens and, the first time, the token."""
    configure(settings.log_level, settings.log_format)
    store = open_store(settings.database, offline_after=settings.offline_after)
    pool = Pool()

    def secret(namespace: str, name: str) -> Secret | None:
        return store.find(Secret, namespace, name)

    sources = build(settings, os.environ, secret, allow_file=settings.allow_file_repos)
    engine = Engine(store, EngineSources(sources, pool), pool, settings)
    engine.start()

    def stop() -> None:
        engine.stop()
        store.close()

    api = importlib.import_module("api.app")
    services = api.Services(
        store, store.tokens, settings, __version__, engine.moves.move, allow_file=settings.allow_file_repos, agents=engine.hub
    )
    click.echo(f"url: {settings.url}")
    token = _token(store, with_demo)
    click.echo(f"token: {token or 'as before; `rancher-cd token create --state-dir DIR` makes another'}")
    if with_demo:
        demo.begin(store, settings, settings.url, token or "")
    return Running(api.create_app(services), stop)


def _token(store: SqlStore, with_demo: bool) -> str | None:
    """The clear token to show: a new one for a store that has none, and for each demonstration."""
    known = store.tokens.list()
    if with_demo:
        for token in known:
            if token.name == DEMO:
                store.tokens.revoke(token.id)
        return store.tokens.create(DEMO, {"*": "admin"})
    return None if known else store.tokens.create(ADMIN, {"*": "admin"})
