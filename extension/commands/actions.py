"""`rancher-cd pause`, `unpause`, `move`: things done to GitRepos, HelmOps and clusters at once."""

from __future__ import annotations

from typing import Any

import click

from extension.client import ApiClient, path
from extension.commands.options import WORKSPACE, KeyValue, KindName, connection
from extension.commands.tables import Kind, none

CLUSTERS = "fleet.cattle.io.clusters"


def _action(verb: str, name: str, done: str, text: str) -> click.Command:
    """A verb that does one action to objects by name, or to all a selector matches."""

    @click.command(verb, help=text)
    @click.argument("of", metavar="gitrepo|helmop|cluster", type=KindName("fleet.cattle.io.gitrepos", "fleet.cattle.io.helmops", CLUSTERS))
    @click.argument("names", nargs=-1)
    @WORKSPACE
    @click.option("-l", "--selector", default="", help="All that match this label selector.")
    @connection
    def command(client: ApiClient, of: Kind, names: tuple[str, ...], namespace: str, selector: str) -> None:
        if bool(names) == bool(selector):
            raise click.UsageError("name the objects, or choose them with --selector")
        chosen = names or tuple(o["metadata"]["name"] for o in client.list(path(of.plural, namespace), labelSelector=selector))
        for one in chosen:
            client.request("POST", path(of.plural, namespace, one), query={"action": name})
            click.echo(f"{of.names[0]}/{one} {done}")
        if not chosen:
            click.echo(none(of, namespace, selector=selector), err=True)

    return command


pause = _action("pause", "pause", "paused", "Hold back changes.")
unpause = _action("unpause", "unpause", "unpaused", "Let changes through again.")


@click.command("move")
@click.argument("cluster")
@click.argument("workspace")
@WORKSPACE
@click.option("-l", "--label", "labels", multiple=True, type=KeyValue(), metavar="KEY=VALUE", help="Labels to set on the cluster.")
@click.option("--dry-run", is_flag=True, help="Only tell what would leave and come.")
@connection
def move(  # noqa: PLR0917 (click's parameters)
    client: ApiClient, cluster: str, workspace: str, namespace: str, labels: tuple[tuple[str, str], ...], dry_run: bool
) -> None:
    """Move CLUSTER to another WORKSPACE; tells which bundles leave it and which come."""
    query = {"action": "move", **({"dryRun": "All"} if dry_run else {})}
    body: dict[str, Any] = {"workspace": workspace, **({"labels": dict(labels)} if labels else {})}
    told = client.request("POST", path(CLUSTERS, namespace, cluster), query=query, body=body)
    for name, text in (("leaves", "leaves"), ("comes", "comes ")):
        for bundle in told.get(name) or ():
            click.echo(f"{text} {bundle}")
    click.echo(f"{namespace}/{cluster} {'would be' if dry_run else 'is'} moved to {workspace}")
