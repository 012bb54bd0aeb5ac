"""`rancher-cd force-update`, `move` and `operation`: things done to many objects whose end can be waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import click

from extension.client import ApiClient, path
from extension.commands.options import WORKSPACE, KeyValue, KindName, connection
from extension.commands.tables import KINDS, Kind, age, aligned, none

OPERATIONS = "operations"
AT_ONCE = 1000
"""Objects of one operation."""
_CLUSTER = next(of for of in KINDS if of.plural == "fleet.cattle.io.clusters")
PAUSE = 1.0
"""Seconds between two looks at an operation that is waited for."""
ERRORS = "errorgroups"
_UPDATED = KindName("fleet.cattle.io.gitrepos", "fleet.cattle.io.helmops", "fleet.cattle.io.clusters", "fleet.cattle.io.bundles", ERRORS)


@click.command("force-update")
@click.argument("of", metavar="gitrepo|helmop|bundle|cluster|error", type=_UPDATED)
@click.argument("names", nargs=-1)
@WORKSPACE
@click.option("-l", "--selector", default="", help="All that match this label selector.")
@click.option("--wait", type=click.IntRange(1), metavar="SECONDS", help="Wait so long for the end; exit 1 when not all are done.")
@connection
def force_update(  # noqa: PLR0917 (click's parameters)
    client: ApiClient, of: Kind, names: tuple[str, ...], namespace: str, selector: str, wait: int | None
) -> None:
    """Deploy again, whether anything changed or not; for an error, try again on the clusters that say it and on no others."""
    if of.plural == ERRORS:
        if not names or selector:
            raise click.UsageError("name the errors: they have no labels")
        made = [client.request("POST", path(ERRORS, namespace, name), query={"action": "retry"}) for name in names]
    else:
        ids = [f"{namespace}/{name}" for name in chosen(client, of, names, namespace, selector)]
        made = [_begun(client, {"kind": "forceUpdate", "type": of.plural}, ids[at : at + AT_ONCE]) for at in range(0, len(ids), AT_ONCE)]
    updated = _CLUSTER if of.plural == ERRORS else of
    _followed(client, made, wait, lambda one, again: _told(one, updated, "is updated" if again else "will be updated", again=again))


@click.command("move")
@click.argument("names", metavar="CLUSTER...", nargs=-1)
@click.argument("workspace")
@WORKSPACE
@click.option("--selector", default="", help="All clusters that match this label selector.")
@click.option("-l", "--label", "labels", multiple=True, type=KeyValue(), metavar="KEY=VALUE", help="Labels to set on the clusters.")
@click.option("--keep-resources", is_flag=True, help="Leave the objects of bundles that leave a cluster on it.")
@click.option("--no-adopt", is_flag=True, help="Refuse to take over bundles that are in both workspaces.")
@click.option("--dry-run", is_flag=True, help="Only tell what would leave, be taken over and come.")
@click.option("--wait", type=click.IntRange(1), metavar="SECONDS", help="Wait so long for the end; exit 1 when not all are done.")
@connection
def move(  # noqa: PLR0917 (click's parameters)
    client: ApiClient, names: tuple[str, ...], workspace: str, namespace: str, selector: str, labels: tuple[tuple[str, str], ...],
    keep_resources: bool, no_adopt: bool, dry_run: bool, wait: int | None,
) -> None:  # fmt: skip
    """Move clusters to another WORKSPACE; tells which bundles leave them, are taken over and come."""
    ids = [f"{namespace}/{name}" for name in chosen(client, _CLUSTER, names, namespace, selector)]
    body: dict[str, Any] = {"kind": "move", "workspace": workspace, **({"labels": dict(labels)} if labels else {})}
    body |= {name: value for name, value, asked in (("keepResources", True, keep_resources), ("adopt", False, no_adopt)) if asked}
    made = [_begun(client, body, ids[at : at + AT_ONCE], dry_run) for at in range(0, len(ids), AT_ONCE)]
    done = f"would be moved to {workspace}" if dry_run else f"is moved to {workspace}"
    _followed(client, made, None if dry_run else wait, lambda one, again: _told(one, _CLUSTER, done, again=again))


@click.command("operation")
@click.argument("name", default="")
@click.option("--undo", "action", flag_value="undo", help="Move the clusters back.")
@click.option("--retry", "action", flag_value="retry", help="Do again what failed, and nothing of the rest.")
@click.option("--dry-run", is_flag=True, help="With --undo and --retry: only tell what would be.")
@connection
def operation(client: ApiClient, name: str, action: str | None, dry_run: bool) -> None:
    """Tell how far an operation is, object by object; without a NAME, list the newest."""
    if action and not name:
        raise click.UsageError("name the operation that is to be taken back or done again")
    if not name:
        click.echo(_listed(client.get(path(OPERATIONS))["data"]), nl=False)
        return
    query = {"action": action, **({"dryRun": "All"} if dry_run else {})} if action else {}
    found = client.request("POST", path(OPERATIONS, name), query=query) if action else client.get(path(OPERATIONS, name))
    click.echo(aligned([("ID", "STATE", "MESSAGE"), *((item["id"], item["state"], item["message"]) for item in found["items"])]), nl=False)


def chosen(client: ApiClient, of: Kind, names: tuple[str, ...], namespace: str, selector: str) -> tuple[str, ...]:
    """The names that were given, or those of all that a selector matches; that there are none is said."""
    if bool(names) == bool(selector):
        raise click.UsageError("name the objects, or choose them with --selector")
    found = names or tuple(o["metadata"]["name"] for o in client.list(path(of.plural, namespace), labelSelector=selector))
    if not found:
        click.echo(none(of, namespace, selector=selector), err=True)
    return found


def _begun(client: ApiClient, body: dict[str, Any], ids: list[str], dry_run: bool = False) -> dict[str, Any]:
    return client.request("POST", path(OPERATIONS), query={"dryRun": "All"} if dry_run else {}, body={**body, "ids": ids})


def _followed(client: ApiClient, made: list[dict[str, Any]], wait: int | None, told: Callable[[dict[str, Any], bool], None]) -> None:
    """Tells of operations that have begun, and with `wait` of their end. Exits 1 when not all of it is done."""
    for one in made:
        told(one, False)
    if wait is not None:
        end = time.monotonic() + wait
        made = [_ended(client, one, end) for one in made]
        for one in made:
            told(one, True)
    if any(one["counts"].get("failed") or (wait is not None and one["state"] != "done") for one in made):
        raise click.exceptions.Exit(1)


def _ended(client: ApiClient, made: dict[str, Any], end: float) -> dict[str, Any]:
    """The operation when it ended, or as it is at that time."""
    while made["state"] == "running" and time.monotonic() < end:
        time.sleep(min(PAUSE, max(0.0, end - time.monotonic())))
        made = client.get(path(OPERATIONS, made["id"]))
    return made


def _told(made: dict[str, Any], of: Kind, done: str, *, again: bool) -> None:
    """A line for each object, and for each bundle that a move concerns; failures go to the other stream, once."""
    for item in made["items"]:
        name = f"{of.names[0]}/{item['id'].rpartition('/')[2]}"
        if item["state"] == "failed":
            if not again:
                click.echo(f"Error: {name}: {item['message']}", err=True)
        elif again and item["state"] != "done":
            click.echo(f"Error: {name} is {item['state']}: {item['message']}", err=True)
        else:
            for field in ("leaves", "adopts", "comes"):
                for bundle in item.get("result", {}).get(field, ()):
                    click.echo(f"{field:<6} {bundle}")
            click.echo(f"{name} {done}")


def _listed(found: list[dict[str, Any]]) -> str:
    titles = ("NAME", "KIND", "OBJECTS", "BY", "AGE")
    rows = [(one["id"], one["kind"], str(one["total"]), one["by"], age(one, "created")) for one in found]
    return aligned([titles, *rows])
