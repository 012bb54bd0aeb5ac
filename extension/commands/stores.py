"""The store of a service, for verbs that work on its machine without asking it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from extension.settings import Settings, variable
from extension.store.opening import open_store
from extension.store.sql import SqlStore


def of_folder(state_dir: str) -> Settings:
    """What says where the store of the service with this folder is."""
    return Settings(state_dir=Path(state_dir), database_url=os.environ.get(variable("database_url"), ""))


def used(state_dir: str) -> Settings:
    """As `of_folder`, of a service that was started before. Raises ClickException."""
    settings = of_folder(state_dir)
    if not settings.database_url and not settings.database.exists():
        raise click.ClickException(f"{settings.database} does not exist; start the service once, or name another --state-dir")
    return settings


@contextmanager
def store_of(state_dir: str) -> Iterator[SqlStore]:
    """The store of the service with this folder. Raises ClickException where there is none, UserError where it can't be used."""
    settings = used(state_dir)
    store = open_store(settings.store, key_file=settings.store_key)
    try:
        yield store
    finally:
        store.close()
