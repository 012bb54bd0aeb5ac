"""`rancher-cd backup` and `restore`: a store into a file and out of it, whichever database the service has, on its machine."""

from __future__ import annotations

import os
import time
from pathlib import Path

import click

from extension.commands.folders import lock
from extension.commands.stores import of_folder, used
from extension.settings import Settings
from extension.store.copying import Place, copy_store

TELL_SECONDS = 2.0


@click.command("backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--state-dir", type=click.Path(exists=True, file_okay=False), required=True, help="The service's folder.")
def backup(file: Path, state_dir: str) -> None:
    """Copy the store of a service, running or not, into FILE as it is at this moment, and its key into FILE.key."""
    key_file = Path(f"{file}.key")
    rows = copy_store(_of(used(state_dir)), Place(file, key_file), _Progress())
    click.echo(f"{rows} rows are in {file}, their key is in {key_file}")


@click.command("restore")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--key-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The key of FILE; FILE.key without.")
@click.option("--state-dir", type=click.Path(file_okay=False), required=True, help="Folder of the service that is to have it.")
def restore(file: Path, key_file: Path | None, state_dir: str) -> None:
    """Copy the store in FILE, a backup or the store.db of a service, into a folder or, with RANCHER_CD_DATABASE_URL, a database
    that has none yet."""
    settings = of_folder(state_dir)
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    held, place = lock(settings.state_dir), _of(settings)
    try:
        rows = copy_store(Place(file, key_file or Path(f"{file}.key")), place, _Progress())
    finally:
        os.close(held)
    click.echo(f"{rows} rows are in {'the database' if settings.database_url else place.where}, their key is in {place.key_file}")


def _of(settings: Settings) -> Place:
    return Place(settings.store, settings.store_key)


class _Progress:
    """Tells on standard error how far a copy is: every few seconds, and when a table is done."""

    def __init__(self) -> None:
        self._told = time.monotonic()

    def __call__(self, table: str, done: int, total: int) -> None:
        if done and (done == total or time.monotonic() - self._told > TELL_SECONDS):
            self._told = time.monotonic()
            click.echo(f"{table}: {done} of {total} rows", err=True)
