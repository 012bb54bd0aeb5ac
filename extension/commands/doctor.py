"""`rancher-cd doctor`: looks for what is wrong with a service, on its machine."""

from __future__ import annotations

import os
from pathlib import Path

import click


@click.command("doctor")
@click.option("--audit", is_flag=True, required=True, help="Compare all that the store has twice: counters, indices, pointers.")
@click.option("--state-dir", type=click.Path(exists=True, file_okay=False), required=True, help="The service's folder.")
def command(audit: bool, state_dir: str) -> None:
    """Look for what is wrong with a service, beside it or while it is stopped. Exits 1 when something is."""
    from extension.settings import Settings, variable  # noqa: PLC0415 (the store only where it is read)
    from extension.store.opening import open_store  # noqa: PLC0415

    settings = Settings(state_dir=Path(state_dir), database_url=os.environ.get(variable("database_url"), ""))
    if not settings.database_url and not settings.database.exists():
        raise click.ClickException(f"{settings.database} does not exist; name another --state-dir")
    store = open_store(settings.store, key_file=settings.store_key)
    try:
        findings = list(store.audit())
    finally:
        store.close()
    for one in findings:
        click.echo(f"not so: {one.rule}: {one.count} rows, such as {'; '.join(one.examples)}")
    if findings:
        raise click.ClickException("the store contradicts itself; keep a copy of it, restore a backup, and report this")
    click.echo("all that the store has twice agrees")
