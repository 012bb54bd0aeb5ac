"""`rancher-cd doctor`: looks for what is wrong with a service, on its machine."""

from __future__ import annotations

import click


@click.command("doctor")
@click.option("--audit", is_flag=True, required=True, help="Compare all that the store has twice: counters, indices, pointers.")
@click.option("--state-dir", type=click.Path(exists=True, file_okay=False), required=True, help="The service's folder.")
def command(audit: bool, state_dir: str) -> None:
    """Look for what is wrong with a service, beside it or while it is stopped. Exits 1 when something is."""
    from extension.commands.stores import store_of  # noqa: PLC0415 (the store only where it is read)

    with store_of(state_dir) as store:
        findings = list(store.audit())
    for one in findings:
        click.echo(f"not so: {one.rule}: {one.count} rows, such as {'; '.join(one.examples)}")
    if findings:
        raise click.ClickException("the store contradicts itself; keep a copy of it, restore a backup, and report this")
    click.echo("all that the store has twice agrees")
