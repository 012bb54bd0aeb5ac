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


@contextmanager
def store_of(state_dir: str) -> Iterator[SqlStore]:
    """The store of the service with this folder. Raises ClickException where there is none, UserError where it can't be used."""
    settings = Settings(state_dir=Path(state_dir), database_url=os.environ.get(variable("database_url"), ""))
    if not settings.database_url and not settings.database.exists():
        raise click.ClickException(f"{settings.database} does not exist; start the service once, or name another --state-dir")
    store = open_store(settings.store, key_file=settings.store_key)
    try:
        yield store
    finally:
        store.close()
