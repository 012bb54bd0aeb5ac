"""`rancher-cd pause`, `unpause`: things done to GitRepos, HelmOps and clusters at once."""

from __future__ import annotations

import click

from extension.client import ApiClient, path
from extension.commands.operations import chosen
from extension.commands.options import WORKSPACE, KindName, connection
from extension.commands.tables import Kind

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
        for one in chosen(client, of, names, namespace, selector):
            client.request("POST", path(of.plural, namespace, one), query={"action": name})
            click.echo(f"{of.names[0]}/{one} {done}")

    return command


pause = _action("pause", "pause", "paused", "Hold back changes.")
unpause = _action("unpause", "unpause", "unpaused", "Let changes through again.")
