"""`rancher-cd get`, `describe`, `create`, `delete`: objects of the service as tables for people, JSON and YAML for programs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import orjson

from extension.client import ApiClient, connection, path
from extension.commands.tables import KINDS, Kind, Row, age, at, kind, table
from extension.objects import yaml
from extension.objects.errors import UserError
from extension.objects.yaml_dump import dump, dump_all

DEPLOYMENTS = "fleet.cattle.io.bundledeployments"
_STEVE = ("id", "type", "links", "actions")
WORKSPACE = click.option("-n", "--namespace", envvar="NAMESPACE", default="fleet-default", show_default=True, help="Workspace.")


class KindName(click.ParamType[Kind]):
    name = "kind"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Kind:
        found = value if isinstance(value, Kind) else kind(value)
        if found is None:
            self.fail(f"{value!r} is no kind; use one of {', '.join(one.names[0] for one in KINDS)}", param, ctx)
        return found


@click.command("get")
@click.argument("of", metavar="KIND", type=KindName())
@click.argument("name", required=False)
@WORKSPACE
@click.option("-A", "--all-namespaces", is_flag=True, help="All workspaces.")
@click.option("-l", "--selector", default="", help="Label selector.")
@click.option("-o", "--output", type=click.Choice(["table", "json", "yaml", "name"]), default="table", show_default=True)
@connection
def get(  # noqa: PLR0917 (click's parameters)
    client: ApiClient, of: Kind, name: str | None, namespace: str, all_namespaces: bool, selector: str, output: str
) -> None:
    """List objects of a KIND, or show the one called NAME."""
    workspace = namespace if of.namespaced else ""
    if name:
        rows = [client.get(path(of.plural, workspace, name))]
    else:
        query = {"labelSelector": selector} if selector else {}
        if of.plural == DEPLOYMENTS and not all_namespaces:
            # A deployment's namespace is its cluster's; people mean the workspace.
            query["filter"] = f"metadata.labels[fleet.cattle.io/bundle-namespace]={workspace}"
        everywhere = all_namespaces or not of.namespaced or of.plural == DEPLOYMENTS
        rows = list(client.list(path(of.plural) if everywhere else path(of.plural, workspace), **query))
    sys.stdout.write(shown(of, rows, output, one=bool(name), workspaces=all_namespaces))


def shown(of: Kind, rows: list[Row], output: str, *, one: bool, workspaces: bool) -> str:
    """The objects in one of the output forms."""
    if output == "table":
        return table(of, rows, workspaces=workspaces)
    if output == "name":
        return "".join(f"{of.names[0]}/{row['metadata']['name']}\n" for row in rows)
    plain = [{key: value for key, value in row.items() if key not in _STEVE} for row in rows]
    if output == "json":
        listed: Any = plain[0] if one else {"apiVersion": "v1", "kind": "List", "items": plain}
        return orjson.dumps(listed, option=orjson.OPT_INDENT_2).decode() + "\n"
    return dump(plain[0]) if one else dump_all(plain)


@click.command("describe")
@click.argument("of", metavar="KIND", type=KindName())
@click.argument("name")
@WORKSPACE
@connection
def describe(client: ApiClient, of: Kind, name: str, namespace: str) -> None:
    """Tell the state of an object, its conditions, and what is not ready and why."""
    row = client.get(path(of.plural, namespace if of.namespaced else "", name))
    sys.stdout.write(described(of, row))


def described(of: Kind, row: Row) -> str:
    meta, status = row["metadata"], row.get("status") or {}
    lines = [f"Kind:       {row.get('kind', of.names[0])}", f"Name:       {meta['name']}"]
    lines += [f"Workspace:  {meta['namespace']}"] if meta.get("namespace") else []
    lines += [f"Age:        {age(row)}", f"State:      {at(row, 'metadata.state.name')}"]
    lines += [f"Message:    {at(row, 'metadata.state.message')}"] if at(row, "metadata.state.message") else []
    for title, cell in of.columns:
        if title not in ("STATE", "MESSAGE") and cell(row):
            lines.append(f"{title.capitalize()}: {cell(row)}")
    labels = meta.get("labels") or {}
    lines += ["Labels:", *(f"  {key}={value}" for key, value in sorted(labels.items()))] if labels else []
    conditions = status.get("conditions") or ()
    lines += ["Conditions:"] if conditions else []
    for one in conditions:
        since = age({"t": one.get("lastTransitionTime") or ""}, "t")
        lines.append(f"  {one['type']}={one.get('status', '')} for {since}" + (f": {one['message']}" if one.get("message") else ""))
    late = (status.get("summary") or {}).get("nonReadyResources") or ()
    lines += ["Not ready:"] if late else []
    for one in late:
        lines.append(f"  {one.get('bundleState', '')} {one.get('name', '')}" + (f": {one['message']}" if one.get("message") else ""))
    return "\n".join(lines) + "\n"


@click.command("create")
@click.option("-f", "--file", required=True, help="File with the objects (- for standard input).")
@connection
def create(client: ApiClient, file: str) -> None:
    """Create the objects of a YAML file."""
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text()
        documents = [data for data in yaml.load_all(text, file) if isinstance(data, dict)]
    except (UserError, OSError) as error:
        raise click.ClickException(str(error)) from None
    for data in documents:
        of = kind(str(data.get("kind") or ""))
        if of is None:
            raise click.ClickException(f"{file}: kind {data.get('kind')!r} is not known")
        made = client.request("POST", path(of.plural), body=data)
        click.echo(f"{of.names[0]}/{made['metadata']['name']} created")


@click.command("delete")
@click.argument("of", metavar="KIND", type=KindName())
@click.argument("name")
@WORKSPACE
@connection
def delete(client: ApiClient, of: Kind, name: str, namespace: str) -> None:
    """Delete an object."""
    client.request("DELETE", path(of.plural, namespace if of.namespaced else "", name))
    click.echo(f"{of.names[0]}/{name} deleted")
