"""`rancher-cd simulate`: agents that only pretend, against a running service, and what they met as JSON lines."""

from __future__ import annotations

import dataclasses
import json
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any

import click

from extension.client import ApiClient, path
from extension.commands.options import WORKSPACE, connection
from extension.objects import yaml
from extension.simulator.behaviour import Behaviour
from extension.simulator.doors import HttpDoor
from extension.simulator.running import Shard, at_once, join, total

TOKENS = "fleet.cattle.io.clusterregistrationtokens"


def behaviour_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """An option for every field of Behaviour."""
    for field in reversed(dataclasses.fields(Behaviour)):
        kind = click.FloatRange(0, field.metadata["most"])
        name = f"--{field.name.replace('_', '-')}"
        function = click.option(name, type=kind, default=field.default, show_default=True, help=field.metadata["help"])(function)
    return function


@click.command("simulate")
@WORKSPACE
@click.option("--agents", type=click.IntRange(1), default=100, show_default=True, help="How many.")
@click.option("--duration", type=click.FloatRange(0), default=60.0, show_default=True, help="Seconds after they have registered.")
@click.option("--connections", type=click.IntRange(1, 256), default=8, show_default=True, help="Connections they share.")
@click.option("--at-once", "many", type=click.IntRange(1, 1000), default=1000, show_default=True, help="Clusters of a registration.")
@click.option("--speed", type=click.FloatRange(0.01), default=1.0, show_default=True, help="Seconds of the agents' time in one second.")
@click.option("--registration-token", default="simulated", show_default=True, help="ClusterRegistrationToken; made if it is not there.")
@click.option("--prefix", default="", help="Begin of the clientIDs; a random one without, so that the clusters are new ones.")
@click.option("--compare", is_flag=True, help="Ask for all the service knows at the end; exits 1 when it lost what it acknowledged.")
@behaviour_options
@connection
def command(  # noqa: PLR0917 (click's parameters)
    client: ApiClient,
    namespace: str,
    agents: int,
    duration: float,
    connections: int,
    many: int,
    speed: float,
    registration_token: str,
    prefix: str,
    compare: bool,
    **behaves: float,
) -> None:
    """Let simulated agents register with the service and live for a time, to size it. Clusters stay until they are deleted."""
    behaviour = Behaviour(**behaves)
    url, secret = registration(client, namespace, registration_token)
    shards = [Shard(HttpDoor(url, client.verify), behaviour, seed, speed) for seed in range(min(connections, agents))]
    prefix = prefix or f"simulated-{secrets.token_hex(4)}"
    _say(simulated=str(behaviour), agents=agents, workspace=namespace, prefix=prefix, speed=speed)
    stopped = threading.Event()
    try:
        join(shards, secret, prefix, agents, many)
        at_once(shards, lambda shard: shard.run(shard.now() + duration * speed, stopped))
    except KeyboardInterrupt:
        stopped.set()
    _tell(shards, duration)
    if compare and not _is_known(shards):
        raise click.ClickException("the service does not know what it acknowledged")


def registration(client: ApiClient, workspace: str, name: str) -> tuple[str, str]:
    """Where agents of the token register, and with which secret."""
    if client.find(path(TOKENS, workspace, name)) is None:
        body = {"metadata": {"name": name, "namespace": workspace}}
        client.request("POST", path(TOKENS), body=body)
    for _ in range(50):
        if client.get(path(TOKENS, workspace, name)).get("status", {}).get("secretName"):
            break
        time.sleep(0.1)
    told = client.request("POST", path(TOKENS, workspace, name), query={"action": "values"})
    values = yaml.load(told["values"], "values")
    return str(values["apiServerURL"]), str(values["token"])


def _tell(shards: list[Shard], duration: float) -> None:
    figures = total(shards)
    for what, count in sorted(figures.told.items()):
        _say(what=what, count=count, a_second=round(count / duration, 1) if duration and what != "register" else None,
             milliseconds=figures.percentiles(what))  # fmt: skip
    _say(refused=dict(figures.refused), unsent=sum(shard.agents.pending for shard in shards), simulator_late_seconds=round(figures.late, 3))


def _is_known(shards: list[Shard]) -> bool:
    at_once(shards, Shard.settle)
    differences = [one for shard in shards for one in shard.compared()]
    for one in differences[:20]:
        _say(cluster=one.cluster, bundle=one.bundle_id, acknowledged=one.told, known=one.known)
    _say(compared=sum(len(known) for shard in shards for known in shard.agents.known.values()), different=len(differences))
    return not differences


def _say(**line: Any) -> None:
    click.echo(json.dumps({key: value for key, value in line.items() if value is not None}))
