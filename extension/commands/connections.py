"""`rancher-cd test-connection`: how far the service gets to a repository."""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import Any

import click

from extension.client import ApiClient, path
from extension.commands.options import WORKSPACE, connection
from extension.commands.plan import OUTPUT, shown
from extension.objects.codec import decode
from extension.objects.connection import ConnectionReport


@click.command("test-connection")
@click.argument("repo")
@WORKSPACE
@click.option("--branch", default="", help="The branch; master, if left out.")
@click.option("--revision", default="", help="A tag or commit in place of a branch.")
@click.option("--client-secret", default="", help="The Secret of the workspace to log in with.")
@click.option("--git-ca-file", type=click.Path(exists=True, dir_okay=False), help="Certificates (PEM) that the repository's may be of.")
@click.option("--git-insecure-skip-tls-verify", is_flag=True, help="Do not check the repository's certificate.")
@click.option("--paths", is_flag=True, help="Also list the paths that a GitRepo may name.")
@OUTPUT
@connection
def command(client: ApiClient, repo: str, namespace: str, output: str, **asked: Any) -> None:
    """Tell hop by hop whether the service gets to the repository at the URL REPO, and what is there. Exits 1 when it does not."""
    body = {"namespace": namespace, "repo": repo, **_options(asked)}
    told = client.request("POST", path("connections"), body=body)
    report = decode(ConnectionReport, told)
    sys.stdout.write(shown(report, told, output))
    if not report.works:
        sys.exit(1)


def _options(asked: dict[str, Any]) -> dict[str, Any]:
    given = {"branch": asked["branch"], "revision": asked["revision"], "clientSecretName": asked["client_secret"]}
    if asked["git_ca_file"]:
        given["caBundle"] = base64.b64encode(Path(asked["git_ca_file"]).read_bytes()).decode()
    given |= {"insecureSkipTLSVerify": asked["git_insecure_skip_tls_verify"], "paths": asked["paths"]}
    return {name: value for name, value in given.items() if value}
