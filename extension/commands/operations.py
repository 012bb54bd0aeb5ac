"""`rancher-cd force-update` and `operation`: things done to many objects whose end can be waited for."""

from __future__ import annotations

import time
from typing import Any

import click

from extension.client import ApiClient, path
from extension.commands.options import WORKSPACE, KindName, connection
from extension.commands.tables import Kind, age, aligned, none

OPERATIONS = "operations"
AT_ONCE = 1000
"""Objects of one operation."""
PAUSE = 1.0
"""Seconds between two looks at an operation that is waited for."""
_UPDATED = KindName("fleet.cattle.io.gitrepos", "fleet.cattle.io.helmops", "fleet.cattle.io.clusters", "fleet.cattle.io.bundles")


@click.command("force-update")
@click.argument("of", metavar="gitrepo|helmop|bundle|cluster", type=_UPDATED)
@click.argument("names", nargs=-1)
@WORKSPACE
@click.option("-l", "--selector", default="", help="All that match this label selector.")
@click.option("--wait", type=click.IntRange(1), metavar="SECONDS", help="Wait so long for the end; exit 1 when not all are done.")
@connection
def force_update(  # noqa: PLR0917 (click's parameters)
    client: ApiClient, of: Kind, names: tuple[str, ...], namespace: str, selector: str, wait: int | None
) -> None:
    """Deploy again, whether anything changed or not."""
    if bool(names) == bool(selector):
        raise click.UsageError("name the objects, or choose them with --selector")
    chosen = names or tuple(o["metadata"]["name"] for o in client.list(path(of.plural, namespace), labelSelector=selector))
    if not chosen:
        click.echo(none(of, namespace, selector=selector), err=True)
    ids = [f"{namespace}/{name}" for name in chosen]
    made = [_begun(client, of, ids[at : at + AT_ONCE]) for at in range(0, len(ids), AT_ONCE)]
    for one in made:
        _told(one, of, "will be updated")
    if wait is not None:
        end = time.monotonic() + wait
        made = [_ended(client, one, end) for one in made]
        for one in made:
            _told(one, of, "is updated", again=True)
    if any(one["counts"].get("failed") or (wait is not None and one["state"] != "done") for one in made):
        raise click.exceptions.Exit(1)


@click.command("operation")
@click.argument("name", default="")
@click.option("--undo", is_flag=True, help="Move the clusters back.")
@click.option("--dry-run", is_flag=True, help="With --undo: only tell what would be.")
@connection
def operation(client: ApiClient, name: str, undo: bool, dry_run: bool) -> None:
    """Tell how far an operation is, object by object; without a NAME, list the newest."""
    if undo and not name:
        raise click.UsageError("name the operation that is to be taken back")
    if not name:
        click.echo(_listed(client.get(path(OPERATIONS))["data"]), nl=False)
        return
    query = {"action": "undo", **({"dryRun": "All"} if dry_run else {})}
    found = client.request("POST", path(OPERATIONS, name), query=query) if undo else client.get(path(OPERATIONS, name))
    click.echo(aligned([("ID", "STATE", "MESSAGE"), *((item["id"], item["state"], item["message"]) for item in found["items"])]), nl=False)


def _begun(client: ApiClient, of: Kind, ids: list[str]) -> dict[str, Any]:
    return client.request("POST", path(OPERATIONS), body={"kind": "forceUpdate", "type": of.plural, "ids": ids})


def _ended(client: ApiClient, made: dict[str, Any], end: float) -> dict[str, Any]:
    """The operation when it ended, or as it is at that time."""
    while made["state"] == "running" and time.monotonic() < end:
        time.sleep(min(PAUSE, max(0.0, end - time.monotonic())))
        made = client.get(path(OPERATIONS, made["id"]))
    return made


def _told(made: dict[str, Any], of: Kind, done: str, *, again: bool = False) -> None:
    """A line for each object; failures go to the other stream, once."""
    for item in made["items"]:
        name = f"{of.names[0]}/{item['id'].rpartition('/')[2]}"
        if item["state"] == "failed":
            if not again:
                click.echo(f"Error: {name}: {item['message']}", err=True)
        elif again and item["state"] != "done":
            click.echo(f"Error: {name} is {item['state']}: {item['message']}", err=True)
        else:
            click.echo(f"{name} {done}")


def _listed(found: list[dict[str, Any]]) -> str:
    titles = ("NAME", "KIND", "OBJECTS", "BY", "AGE")
    rows = [(one["id"], one["kind"], str(one["total"]), one["by"], age(one, "created")) for one in found]
    return aligned([titles, *rows])
