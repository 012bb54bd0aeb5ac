"""`rancher-cd agent`: the agent of one cluster, as a program that runs in it, or beside a folder."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from extension.agent.identity import FileKeep, Keep, SecretKeep
from extension.agent.link import HttpLink
from extension.agent.program import Program, Registering
from extension.commands.options import KeyValue
from extension.delivery.client import Client
from extension.delivery.kubeconfig import from_file, in_cluster, read, read_file
from extension.delivery.opening import open_directory, open_kubernetes
from extension.delivery.protocol import Delivery
from extension.logs import configure
from extension.objects import yaml
from extension.objects.errors import Invalid, MissingRequired
from extension.rendering.pool import Pool
from extension.sources.http import Http
from extension.sources.network import Network
from extension.sources.trust import TLS, check_pem

POD = "/var/run/secrets/kubernetes.io/serviceaccount"
NAMESPACE = "cattle-continuous-delivery-system"
STATE = "/var/lib/rancher-cd-agent"


def _variable(name: str) -> str:
    return f"RANCHER_CD_AGENT_{name}"


@click.command("agent")
@click.option("--server-url", envvar=_variable("SERVER_URL"), help="URL of the service.")
@click.option("--server-ca", type=click.Path(exists=True, dir_okay=False), envvar=_variable("SERVER_CA"), help="Its CA certificates (PEM).")
@click.option("--values", type=click.Path(exists=True, dir_okay=False), envvar=_variable("VALUES"),
              help="File with the values of a ClusterRegistrationToken: URL, CA and token.")  # fmt: skip
@click.option("--registration-token-file", type=click.Path(dir_okay=False), envvar=_variable("REGISTRATION_TOKEN_FILE"),
              help="File with the token to register with; read only when that is needed.")  # fmt: skip
@click.option("--client-id", default="", envvar=_variable("CLIENT_ID"), help="What tells this cluster from all others, for ever.")
@click.option("-l", "--label", "labels", multiple=True, type=KeyValue(), metavar="KEY=VALUE", help="Labels to register with.")
@click.option("--kubeconfig", type=click.Path(exists=True, dir_okay=False), envvar=_variable("KUBECONFIG"),
              help="The cluster to deploy to; in a pod the one that it runs in.")  # fmt: skip
@click.option("--directory", type=click.Path(file_okay=False), envvar=_variable("DIRECTORY"), help="A folder to deploy to instead.")
@click.option("--namespace", default=NAMESPACE, show_default=True, envvar=_variable("NAMESPACE"), help="Where its Secret is kept.")
@click.option("--state-dir", type=click.Path(file_okay=False), default=STATE, show_default=True, envvar=_variable("STATE_DIR"),
              help="Where a folder's identity is kept, and certificates are.")  # fmt: skip
@click.option("--drift-interval", type=click.FloatRange(0.1), default=300.0, show_default=True, envvar=_variable("DRIFT_INTERVAL"),
              help="Seconds between looks for drift at what can't be watched.")  # fmt: skip
@click.option("--key-days", type=click.FloatRange(0.0), default=30.0, show_default=True, envvar=_variable("KEY_DAYS"),
              help="Days after which its key is replaced by another; 0 for never.")  # fmt: skip
@click.option("--log-level", type=click.Choice(("debug", "info", "warning", "error")), default="info", show_default=True,
              envvar=_variable("LOG_LEVEL"))  # fmt: skip
@click.option("--log-format", type=click.Choice(("text", "json")), default="text", show_default=True, envvar=_variable("LOG_FORMAT"))
def command(**given: Any) -> None:
    """Register this cluster with a service, deploy what it is told, and tell how that is.

    Proxies are those of HTTPS_PROXY, HTTP_PROXY and NO_PROXY, for the cluster as for the service: name it in NO_PROXY where it is reached
    without, as the chart does.
    """
    configure(given["log_level"], given["log_format"])
    state = Path(given["state_dir"])
    values = _values(given)
    registering = Registering(lambda: _token(given, values), given["client_id"] or values.get("clientID", ""), dict(given["labels"]))
    renders, releases = Pool(), Pool(memory=0)
    deliver, keep = _folder(given, state, renders) if given["directory"] else _cluster(given, renders, releases)
    program = Program(
        _link(given, values, state), keep, registering, deliver, drift_interval=given["drift_interval"], key_days=given["key_days"]
    )
    for one in (signal.SIGTERM, signal.SIGINT):
        # In a thread of its own: the one that is interrupted may hold what stopping takes.
        signal.signal(one, lambda *_: threading.Thread(target=program.stop).start())
    try:
        program.run()
    finally:
        renders.close()
        releases.close()


def _values(given: dict[str, Any]) -> dict[str, Any]:
    if not given["values"]:
        return {}
    found = yaml.load(Path(given["values"]).read_bytes(), given["values"])
    if not isinstance(found, dict):
        raise Invalid("it holds no values of a ClusterRegistrationToken", where=given["values"])
    return found


def _token(given: dict[str, Any], values: dict[str, Any]) -> str:
    """Raises MissingRequired without a token, Invalid for a file that can't be read."""
    if given["registration_token_file"]:
        return read_file(Path(given["registration_token_file"]), "--registration-token-file").strip()
    if values.get("token"):
        return str(values["token"])
    hint = "see `?action=values` of a ClusterRegistrationToken"
    raise MissingRequired("the cluster has not registered yet, and there is no token", where="--registration-token-file", hint=hint)


def _link(given: dict[str, Any], values: dict[str, Any], state: Path) -> HttpLink:
    url = given["server_url"] or values.get("apiServerURL")
    if not url:
        raise MissingRequired("the service's URL is required", where="--server-url", hint="name it, or a file with --values")
    pem = Path(given["server_ca"]).read_bytes() if given["server_ca"] else str(values.get("apiServerCA") or "").encode()
    if pem:
        check_pem(pem, "--server-ca")
    return HttpLink(Http(Network.of(os.environ, state / "ca")), str(url), TLS(pem))


def _folder(given: dict[str, Any], state: Path, renders: Pool) -> tuple[Callable[[], Delivery], Keep]:
    folder = Path(given["directory"]).absolute()
    return lambda: open_directory(folder, renders), FileKeep(state / "identity.json")


def _cluster(given: dict[str, Any], renders: Pool, releases: Pool) -> tuple[Callable[[], Delivery], Keep]:
    text = from_file(Path(given["kubeconfig"])) if given["kubeconfig"] else in_cluster(os.environ, Path(POD))
    keep = SecretKeep(Client(read(text, folder=Path("/"))), given["namespace"])
    return lambda: open_kubernetes(text, renders, releases, trusted=True), keep
