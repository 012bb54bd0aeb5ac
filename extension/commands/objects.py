"""`rancher-cd get`, `describe`, `create`, `delete`: objects of the service as tables for people, JSON and YAML for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import click
import orjson

from extension.client import ApiClient, Refused, path
from extension.commands.options import WORKSPACE, KindName, connection, read_text
from extension.commands.tables import KINDS, Kind, Row, age, aligned, at, kind, none, one_line, table
from extension.objects import yaml
from extension.objects.codec import decode
from extension.objects.states import modified_lines
from extension.objects.status import ModifiedStatus
from extension.objects.yaml_dump import dump, dump_all

DEPLOYMENTS = "fleet.cattle.io.bundledeployments"
BUNDLES = "fleet.cattle.io.bundles"
HEAVY = "spec.resources"
"""The field of Bundles that holds whole files: left out where only names and states are read."""
EVENTS = "events"
NEWEST = 10
"""So many events are told of an object."""
STEVE = ("id", "type", "links", "actions")
"""What the API adds to an object, and no file of objects has."""

SHAPE = ("apiVersion", "kind", "metadata", "spec", "status", "data", "binaryData", "stringData", "immutable", "_type")
"""What objects have in common, and what may be secret."""

_MADE = KindName(*(one.plural for one in KINDS if one.made))


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
    if name and (selector or all_namespaces):
        raise click.UsageError("a NAME is looked for in one workspace and without --selector")
    if name:
        rows = named(client, of, namespace, name)
    else:
        whole = output in ("json", "yaml")
        rows = _listed(client, of, "" if all_namespaces else namespace, selector, whole=whole)
    sys.stdout.write(shown(of, rows, output, one=bool(name) and of.plural != DEPLOYMENTS, workspaces=all_namespaces))
    if not rows:
        click.echo(none(of, namespace, everywhere=all_namespaces, selector=selector), err=True)


def named(client: ApiClient, of: Kind, workspace: str, name: str) -> list[Row]:
    """The object of that name; of deployments, which are named like their bundle, one a cluster. Raises click.ClickException."""
    if of.plural != DEPLOYMENTS:
        return [client.get(path(of.plural, workspace if of.namespaced else "", name))]
    found = list(client.list(path(of.plural), filter=[f"metadata.name={name}", _belongs(workspace)]))
    if not found:
        raise click.ClickException(f"no deployment of bundle {name} in workspace {workspace}; `rancher-cd get bd` shows what there is")
    return found


def _listed(client: ApiClient, of: Kind, workspace: str, selector: str, *, whole: bool) -> list[Row]:
    query: dict[str, Any] = {"labelSelector": selector} if selector else {}
    query |= {"exclude": HEAVY} if of.plural == BUNDLES and not whole else {}
    if of.plural == DEPLOYMENTS and workspace:
        return list(client.list(path(of.plural), filter=_belongs(workspace), **query))
    return list(client.list(path(of.plural, workspace if of.namespaced else ""), **query))


def _belongs(workspace: str) -> str:
    """A deployment's namespace is its cluster's; people mean the workspace, programs written for Fleet the namespace."""
    return f"metadata.labels[fleet.cattle.io/bundle-namespace]={workspace},metadata.namespace={workspace}"


def shown(of: Kind, rows: list[Row], output: str, *, one: bool, workspaces: bool) -> str:
    """The objects in one of the output forms: `one` as itself, several as a table, a List or documents."""
    if output == "table":
        return table(of, rows, workspaces=workspaces) if rows else ""
    if output == "name":
        return "".join(f"{of.names[0]}/{row['metadata']['name']}\n" for row in rows)
    plain = [_plain(row) for row in rows]
    if output == "json":
        listed: Any = plain[0] if one else {"apiVersion": "v1", "kind": "List", "items": plain}
        return orjson.dumps(listed, option=orjson.OPT_INDENT_2).decode() + "\n"
    return dump(plain[0]) if one else dump_all(plain)


def _plain(row: Row) -> Row:
    """The Kubernetes document of a resource; a Secret's own `type` is `_type` there. The cells of its table row are left out."""
    plain = {"type" if key == "_type" else key: value for key, value in row.items() if key not in STEVE}
    return plain | {"metadata": {key: value for key, value in row["metadata"].items() if key != "fields"}}


@click.command("describe")
@click.argument("of", metavar="KIND", type=KindName())
@click.argument("name")
@WORKSPACE
@connection
def describe(client: ApiClient, of: Kind, name: str, namespace: str) -> None:
    """Tell the state of an object, its conditions, what is not ready and why, and what happened to it last."""
    sys.stdout.write("\n".join(described(of, row, happened(client, of, row)) for row in named(client, of, namespace, name)))


def happened(client: ApiClient, of: Kind, row: Row) -> list[str]:
    """The newest events of an object of a kind that has them, a line each."""
    if EVENTS not in (row.get("links") or {}):
        return []
    meta = row["metadata"]
    try:
        found = client.get(path(of.plural, meta["namespace"], meta["name"], EVENTS), limit=str(NEWEST))["data"]
    except Refused as refused:  # where Kubernetes keeps them, who may read the object need not be one who may read its events
        if refused.status != 403:
            raise
        return [one_line(refused.message)]
    return [_line(f"{age(one, 'lastTimestamp')} {one['_type']} {one['reason']}{_times(one)}", one) for one in found]


def _times(event: Row) -> str:
    return f" ({event['count']} times)" if event["count"] > 1 else ""


def described(of: Kind, row: Row, events: Sequence[str] = ()) -> str:
    meta, status = row["metadata"], row.get("status") or {}
    facts = [("Kind", row.get("kind", of.names[0])), ("Name", meta["name"]), ("Workspace", meta.get("namespace", "")), ("Age", age(row))]
    facts += [("State", at(row, "metadata.state.name")), ("Message", at(row, "metadata.state.message"))]
    facts += [(title.capitalize(), cell(row)) for title, cell in of.columns if title not in ("STATE", "MESSAGE")]
    text = aligned((f"{title}:", value) for title, value in facts if value)
    conditions = [_line(f"{c['type']}={c.get('status', '')}{_since(c)}", c) for c in status.get("conditions") or ()]
    late = (status.get("summary") or {}).get("nonReadyResources") or ()
    return text + "".join(
        f"{title}:\n" + "".join(f"  {line}\n" for line in lines)
        for title, lines in (
            ("Labels", [f"{key}={value}" for key, value in sorted((meta.get("labels") or {}).items())]),
            ("Conditions", conditions),
            ("Not as deployed", _differing(status)),
            ("Not ready", [_line(f"{one.get('bundleState', '')} {one.get('name', '')}", one) for one in late]),
            ("Says", _says(row)),
            ("Events", events),
        )
        if lines
    )


def _differing(status: Row) -> list[str]:
    """What agents told of objects that are not as deployed: of a deployment, or of those that a summary names."""
    late = (status.get("summary") or {}).get("nonReadyResources") or ()
    of = [("", status.get("modifiedStatus")), *((f"{one.get('name', '')}: ", one.get("modifiedStatus")) for one in late)]
    modified = ((where, decode(ModifiedStatus, one)) for where, found in of for one in found or ())
    return [one_line(f"{where}{line}") for where, one in modified for line in modified_lines(one)]


def _says(row: Row) -> list[str]:
    """What an object says that has no spec: a Policy, a restriction, a mapping. Never what a Secret or ConfigMap holds."""
    own = {key: value for key, value in row.items() if key not in (*STEVE, *SHAPE)}
    return [one_line(line) for line in dump(own).splitlines()] if own else []


def _since(condition: Row) -> str:
    shown = age(condition, "lastTransitionTime")
    return f" for {shown}" if shown else ""


def _line(text: str, one: Row) -> str:
    return one_line(f"{text}: {one['message']}" if one.get("message") else text)


@click.command("create")
@click.option("-f", "--file", required=True, help="File with the objects (- for standard input).")
@click.option("-n", "--namespace", envvar="NAMESPACE", default="fleet-default", show_default=True,
              help="Workspace of objects that name none.")  # fmt: skip
@connection
def create(client: ApiClient, file: str, namespace: str) -> None:
    """Create the objects of a YAML file, in order; one that is refused ends it."""
    for of, given in _documents(file):
        data = in_workspace(given, namespace) if of.namespaced else given
        name = f"{of.names[0]} {at(data, 'metadata.name')}".strip()
        try:
            made = client.request("POST", path(of.plural), body=data)
        except Refused as refused:
            raise click.ClickException(f"{file}: {name}: {refused.message}") from None
        click.echo(f"{of.names[0]}/{made['metadata']['name']} created")


def _documents(file: str) -> list[tuple[Kind, dict[str, Any]]]:
    """What a file holds, each with its kind. Raises Invalid, and click.ClickException for what can't be created."""
    found = []
    for data in _single(yaml.load_all(read_text(file), file)):
        of = kind(str(data.get("kind") or "")) if isinstance(data, dict) else None
        if of is None or not of.made:
            said = f"kind {data.get('kind')!r} can't be created" if isinstance(data, dict) else "a document is no object"
            known = ", ".join(one.names[0] for one in KINDS if one.made)
            raise click.ClickException(f"{file}: {said}; use one of {known}")
        found.append((of, data))
    if not found:
        raise click.ClickException(f"{file}: holds no objects")
    return found


def _single(documents: Iterable[Any]) -> Iterator[Any]:
    """The documents without the empty ones, those of a List one by one, as `get -o json` writes them."""
    for data in documents:
        if isinstance(data, dict) and data.get("kind") == "List" and isinstance(data.get("items"), list):
            yield from data["items"]
        elif data is not None:
            yield data


def in_workspace(data: dict[str, Any], namespace: str) -> dict[str, Any]:
    """The object in the given workspace where it names none, as kubectl takes files. Metadata of a wrong type is left to
    whoever decodes it."""
    metadata = data.get("metadata") or {}
    if not isinstance(metadata, dict) or metadata.get("namespace"):
        return data
    return {**data, "metadata": {**metadata, "namespace": namespace}}


@click.command("delete")
@click.argument("of", metavar="KIND", type=_MADE)
@click.argument("name")
@WORKSPACE
@connection
def delete(client: ApiClient, of: Kind, name: str, namespace: str) -> None:
    """Delete an object."""
    client.request("DELETE", path(of.plural, namespace if of.namespaced else "", name))
    click.echo(f"{of.names[0]}/{name} deleted")
