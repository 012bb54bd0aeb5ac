"""`rancher-cd token`: API tokens, through the service or, for the first one, on its store."""

from __future__ import annotations

import sys
from typing import Any

import click

from extension.client import ApiClient, path
from extension.commands.options import KeyValue, connection
from extension.commands.tables import aligned


@click.group("token")
def command() -> None:
    """Create, list and revoke API tokens."""


@command.command("create")
@click.argument("name")
@click.option("--role", "roles", multiple=True, type=KeyValue("admin", "member", "read-only"), metavar="WORKSPACE=ROLE",
              default=("*=admin",), show_default=True, help="admin, member or read-only in a workspace; * is all.")  # fmt: skip
@click.option("--ttl", help="How long it lives, such as 24h; without, until it is revoked.")
@click.option("--state-dir", type=click.Path(exists=True, file_okay=False), help="Write to this service's store, on its machine.")
@connection
def create(client: ApiClient, name: str, roles: tuple[tuple[str, str], ...], ttl: str | None, state_dir: str | None) -> None:
    """Create a token and show it, once."""
    if state_dir is not None:
        click.echo(f"token: {_direct(state_dir, name, dict(roles), ttl)}")
        return
    body: dict[str, Any] = {"name": name, "roles": dict(roles), **({"ttl": ttl} if ttl else {})}
    click.echo(f"token: {client.request('POST', path('tokens'), body=body)['token']}")


def _direct(state_dir: str, name: str, roles: dict[str, str], ttl: str | None) -> str:
    """A token written to the store itself. Raises UserError."""
    from extension.commands.stores import store_of  # noqa: PLC0415 (the store only where it is written to)
    from extension.objects.durations import seconds  # noqa: PLC0415

    lifetime = seconds(ttl, "--ttl") if ttl else None
    with store_of(state_dir) as store:
        return store.tokens.create(name, roles, lifetime)


@command.command("list")
@connection
def listed(client: ApiClient) -> None:
    """List tokens, without their secrets."""
    lines = [["ID", "NAME", "ROLES", "EXPIRES"]]
    for token in client.get(path("tokens"))["data"]:
        roles = ",".join(f"{workspace}={role}" for workspace, role in sorted(token["roles"].items()))
        lines.append([token["id"], token["name"], roles, token.get("expires", "never")])
    sys.stdout.write(aligned(lines))


@command.command("revoke")
@click.argument("token_id")
@connection
def revoke(client: ApiClient, token_id: str) -> None:
    """Revoke a token by its id (token-xxxxx)."""
    client.request("DELETE", path("tokens", token_id))
    click.echo(f"{token_id} revoked")
