"""`rancher-cd deploy`: a Content and a BundleDeployment rendered, or deployed, as `fleet deploy` (section 6)."""

from __future__ import annotations

import base64
import gzip
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from extension.commands.options import read_text
from extension.commands.tables import at
from extension.delivery.kubeconfig import from_file
from extension.delivery.protocol import Deployment
from extension.objects import yaml
from extension.objects.codec import decode, decode_object
from extension.objects.content import sha256_sum
from extension.objects.errors import Invalid
from extension.objects.kinds import BundleDeployment, BundleResource
from extension.objects.yaml_dump import dump
from extension.rendering.helm import DEFAULT_KUBE_VERSION, NativeHelm
from extension.rendering.kustomize import Kubectl
from extension.rendering.render import Input, render
from extension.rendering.versions import full

Pair = tuple[BundleDeployment, tuple[BundleResource, ...]]


@click.command("deploy")
@click.option("-i", "--input-file", required=True, help="File with the Content and BundleDeployment (- for standard input).")
@click.option("-d", "--dry-run", is_flag=True, help="Print the objects and deploy nothing.")
@click.option("-n", "--namespace", default="", help="Release namespace where the options name none.")
@click.option("--kube-version", default=DEFAULT_KUBE_VERSION, show_default=True, help="Kubernetes version a dry run assumes.")
@click.option("--kubeconfig", envvar="KUBECONFIG", show_envvar=True, help="The cluster to deploy to.")
def command(input_file: str, dry_run: bool, namespace: str, kube_version: str, kubeconfig: str | None) -> None:
    """Render a BundleDeployment, or deploy it as a Helm release."""
    if not dry_run and kubeconfig is None:
        raise click.UsageError("name the cluster with --kubeconfig, or use --dry-run")
    pairs = list(_pairs(read_text(input_file), input_file))
    if not pairs:
        raise Invalid("holds no BundleDeployment", where=input_file, hint="give the whole output of `rancher-cd target`")
    for deployment, resources in pairs:
        if dry_run or kubeconfig is None:
            sys.stdout.write(dump(rendered(deployment, resources, namespace, kube_version)))
        else:
            _deploy(deployment, resources, namespace, Path(kubeconfig))


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
        kube_version=full(kube_version or DEFAULT_KUBE_VERSION),
    )
    found = render(given, NativeHelm(), Kubectl())
    return [*found.objects, *(hook.object for hook in found.hooks)]


def _deploy(deployment: BundleDeployment, resources: tuple[BundleResource, ...], namespace: str, kubeconfig: Path) -> None:
    """Deploys and tells what. Raises Invalid with what Helm or the cluster refused."""
    from extension.delivery.opening import open_kubernetes  # noqa: PLC0415 (processes only where they are needed)
    from extension.rendering.pool import Pool  # noqa: PLC0415

    access = from_file(kubeconfig)
    renders, releases = Pool(), Pool(memory=0)
    delivery = open_kubernetes(access, renders, releases, trusted=True)
    try:
        meta, spec = deployment.metadata, deployment.spec
        options = msgspec.structs.replace(spec.options, default_namespace=spec.options.default_namespace or namespace)
        status = delivery.deploy(Deployment(meta.name, meta.namespace, spec.deployment_id, options, lambda: resources))
    finally:
        delivery.close()
        renders.close()
        releases.close()
    failed = [c for c in status.conditions if c.status == "False" and c.type in ("Deployed", "Installed")]
    if failed:
        raise Invalid(failed[0].message, where=deployment.metadata.name)
    click.echo(f"{status.release} deployed, objects: {len(status.resources)}")


def _pairs(text: str, where: str) -> Iterator[Pair]:
    """Every BundleDeployment with the resources of the Content its deployment ID names."""
    contents: dict[str, tuple[BundleResource, ...]] = {}
    documents = [data for data in yaml.load_all(text, where) if isinstance(data, dict)]
    for data in documents:
        if data.get("kind") == "Content":
            contents[at(data, "metadata.name")] = _resources(data, where)
    for data in documents:
        if data.get("kind") == "BundleDeployment":
            deployment = decode_object(BundleDeployment, data, where)
            name = (deployment.spec.deployment_id or deployment.spec.staged_deployment_id).partition(":")[0]
            if name not in contents:
                raise Invalid(f"Content {name} is missing", where=where, hint="give the whole output of `rancher-cd target`")
            yield deployment, contents[name]


def _resources(data: dict[str, Any], where: str) -> tuple[BundleResource, ...]:
    try:
        packed = base64.b64decode(data.get("content") or "")
        found = yaml.load(gzip.decompress(packed) if packed[:2] == b"\x1f\x8b" else packed, where)
    except (Invalid, ValueError, TypeError, OSError, EOFError, zlib.error):
        found = None
    if not isinstance(found, dict):
        raise Invalid(f"Content {at(data, 'metadata.name')} can't be read", where=where, hint="it is gzipped JSON in base64")
    resources = decode(tuple[BundleResource, ...], found.get("resources") or [], where, "resources")
    if data.get("sha256sum") not in (None, "", sha256_sum(resources)):
        raise Invalid(
            f"Content {at(data, 'metadata.name')} does not match its sha256sum", where=where, hint="get it again, it was changed on its way"
        )
    return resources
