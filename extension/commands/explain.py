"""`rancher-cd explain`, `rancher-cd trace`: why a cluster gets what it gets or is in a group, and where an object on it comes from."""

from __future__ import annotations

import sys
from typing import Any

import click

from extension.client import ApiClient, path
from extension.commands.options import WORKSPACE, connection
from extension.commands.plan import OUTPUT, shown
from extension.objects.codec import decode
from extension.objects.explanation import Explanations, Membership, Trace, TracedObjects


@click.command("explain")
@click.argument("cluster")
@WORKSPACE
@click.option("--bundle", default="", help="The bundle.")
@click.option("--gitrepo", default="", help="All bundles of this GitRepo.")
@click.option("--group", default="", help="In place of these: why it is in this cluster group or not.")
@click.option("--bundle-namespace", default="", help="Workspace of the bundle or GitRepo, if it is another than the cluster's.")
@OUTPUT
@connection
def explain(  # noqa: PLR0917 (click's parameters)
    client: ApiClient, cluster: str, namespace: str, bundle: str, gitrepo: str, group: str, bundle_namespace: str, output: str
) -> None:
    """Tell step by step why CLUSTER gets a bundle or not, with which options, and what it waits for; or why it is in a group."""
    if [bool(bundle), bool(gitrepo), bool(group)].count(True) != 1:
        raise click.UsageError("name a bundle with --bundle, a GitRepo with --gitrepo, or a cluster group with --group")
    if group:
        body = {"cluster": f"{namespace}/{cluster}", "group": f"{namespace}/{group}"}
        told = client.request("POST", path("explanations", "groups"), body=body)
        sys.stdout.write(shown(decode(Membership, told), told, output))
        return
    of = f"{bundle_namespace or namespace}/{bundle or gitrepo}"
    body = {"cluster": f"{namespace}/{cluster}", "bundle" if bundle else "gitrepo": of}
    told = client.request("POST", path("explanations"), body=body)
    sys.stdout.write(shown(decode(Explanations, told), told, output))


@click.command("trace")
@click.argument("kind", required=False)
@click.argument("name", required=False)
@WORKSPACE
@click.option("--cluster", default="", help="The cluster that has the object.")
@click.option("--object-namespace", default="", help="Namespace of the object; any, if left out.")
@click.option("--api-version", default="", help="API version of the object; any, if left out.")
@click.option("--gitrepo", default="", help="Trace the other way: what comes from a path of this GitRepo.")
@click.option("--path", "folder", default="", help="A folder or file of the GitRepo's repository; all, if left out.")
@OUTPUT
@connection
def trace(client: ApiClient, namespace: str, output: str, **asked: Any) -> None:
    """Tell where the object KIND NAME on a cluster comes from; or with --gitrepo which objects come from a path."""
    object_named = bool(asked["kind"] and asked["name"] and asked["cluster"])
    if object_named == bool(asked["gitrepo"]):
        raise click.UsageError("name KIND, NAME and --cluster, or --gitrepo")
    if asked["gitrepo"]:
        _paths(client, f"{namespace}/{asked['gitrepo']}", asked["folder"] or ".", output)
        return
    named = {"kind": asked["kind"], "name": asked["name"], "namespace": asked["object_namespace"], "apiVersion": asked["api_version"]}
    told = client.request("POST", path("traces"), body={"cluster": f"{namespace}/{asked['cluster']}", **named})
    sys.stdout.write(shown(decode(Trace, told), told, output))


def _paths(client: ApiClient, gitrepo: str, folder: str, output: str) -> None:
    """Page after page as text; as a document all of them in one."""
    body = {"gitrepo": gitrepo, "path": folder}
    whole = told = client.request("POST", path("traces", "objects"), body=body)
    while told["continue"]:
        told = client.request("POST", path("traces", "objects"), body={**body, "continue": told["continue"]})
        whole = {**whole, "objects": [*whole["objects"], *told["objects"]], "continue": ""}
    sys.stdout.write(shown(decode(TracedObjects, whole), whole, output))
