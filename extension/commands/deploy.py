"""`rancher-cd deploy`: a Content and a BundleDeployment rendered, or deployed, as `fleet deploy` (section 6)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from extension.delivery.kubeconfig import inlined
from extension.delivery.protocol import Deployment
from extension.objects import yaml
from extension.objects.codec import decode, decode_object
from extension.objects.errors import Invalid, UserError
from extension.objects.kinds import BundleDeployment, BundleResource
from extension.objects.yaml_dump import dump
from extension.rendering.helm import DEFAULT_KUBE_VERSION, NativeHelm
from extension.rendering.kustomize import Kubectl
from extension.rendering.render import Input, render

Pair = tuple[BundleDeployment, tuple[BundleResource, ...]]


@click.command("deploy")
@click.option("-i", "--input-file", required=True, help="File with the Content and BundleDeployment (- for standard input).")
@click.option("-d", "--dry-run", is_flag=True, help="Print the objects and deploy nothing.")
@click.option("-n", "--namespace", default="", help="Release namespace where the options name none.")
@click.option("--kube-version", default=DEFAULT_KUBE_VERSION, show_default=True, help="Kubernetes version a dry run assumes.")
@click.option("--kubeconfig", envvar="KUBECONFIG", type=click.Path(exists=True, dir_okay=False), help="The cluster to deploy to.")
def command(input_file: str, dry_run: bool, namespace: str, kube_version: str, kubeconfig: str | None) -> None:
    """Render a BundleDeployment, or deploy it as a Helm release."""
    try:
        text = sys.stdin.read() if input_file == "-" else Path(input_file).read_text()
        for deployment, resources in _pairs(text, input_file):
            if dry_run:
                sys.stdout.write(dump(rendered(deployment, resources, namespace, kube_version)))
            elif kubeconfig is None:
                raise click.UsageError("name the cluster with --kubeconfig, or use --dry-run")
            else:
                _deploy(deployment, resources, Path(kubeconfig))
    except (UserError, OSError) as error:
        raise click.ClickException(str(error)) from None


def rendered(
    deployment: BundleDeployment, resources: tuple[BundleResource, ...], namespace: str, kube_version: str
) -> list[dict[str, Any]]:
    """The objects of a dry run, hooks last. Raises Invalid."""
    given = Input(
        name=deployment.metadata.name,
        options=deployment.spec.options,
        resources=resources,
        namespace=namespace,
        set_id_prefix="",
        kube_version=kube_version.removeprefix("v"),
    )
    found = render(given, NativeHelm(), Kubectl())
    return [*found.objects, *(hook.object for hook in found.hooks)]


def _deploy(deployment: BundleDeployment, resources: tuple[BundleResource, ...], kubeconfig: Path) -> None:
    from extension.delivery.opening import open_kubernetes  # noqa: PLC0415 (processes only where they are needed)
    from extension.rendering.pool import Pool  # noqa: PLC0415

    renders, releases = Pool(), Pool(memory=0)
    try:
        delivery = open_kubernetes(inlined(kubeconfig.read_text(), str(kubeconfig), kubeconfig.resolve().parent), renders, releases)
        meta, spec = deployment.metadata, deployment.spec
        status = delivery.deploy(Deployment(meta.name, meta.namespace, spec.deployment_id, spec.options, lambda: resources))
    finally:
        renders.close()
        releases.close()
    failed = [c for c in status.conditions if c.status == "False" and c.type in ("Deployed", "Installed")]
    if failed:
        raise Invalid(failed[0].message, where=deployment.metadata.name)
    click.echo(f"{status.release} deployed, {len(status.resources)} objects")


def _pairs(text: str, where: str) -> Iterator[Pair]:
    """Every BundleDeployment with the resources of the Content its deployment ID names."""
    contents: dict[str, tuple[BundleResource, ...]] = {}
    documents = [data for data in yaml.load_all(text, where) if isinstance(data, dict)]
    for data in documents:
        if data.get("kind") == "Content":
            contents[data["metadata"]["name"]] = _resources(data, where)
    for data in documents:
        if data.get("kind") == "BundleDeployment":
            deployment = decode_object(BundleDeployment, data, where)
            name = (deployment.spec.deployment_id or deployment.spec.staged_deployment_id).partition(":")[0]
            if name not in contents:
                raise Invalid(f"Content {name} is missing", where=where, hint="give the whole output of `rancher-cd target`")
            yield deployment, contents[name]


def _resources(data: dict[str, Any], where: str) -> tuple[BundleResource, ...]:
    import base64  # noqa: PLC0415
    import gzip  # noqa: PLC0415

    try:
        packed = base64.b64decode(data.get("content") or "")
        found = yaml.load(gzip.decompress(packed) if packed[:2] == b"\x1f\x8b" else packed, where)
    except (ValueError, OSError):
        raise Invalid("the Content can't be read", where=where) from None
    return decode(tuple[BundleResource, ...], found.get("resources") or [], where, "resources")
