"""`rancher-cd target`: which clusters a Bundle goes to, and with which options, as `fleet target` (section 6)."""

from __future__ import annotations

import base64
import gzip
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
import msgspec

from extension.objects import yaml
from extension.objects.base import document
from extension.objects.codec import decode_object
from extension.objects.content import content_id, manifest, sha256_sum
from extension.objects.errors import Invalid, UserError
from extension.objects.kinds import Bundle, BundleNamespaceMapping, Cluster, ClusterGroup
from extension.objects.names import cluster_namespace
from extension.objects.plan import Progress
from extension.objects.yaml_dump import dump_all
from extension.rendering.gotemplate import GoTemplates
from extension.rendering.helm import NativeHelm
from extension.targeting import MemoryUniverse, deployments, plan, restrictions, step


@click.command("target")
@click.option("-b", "--bundle-file", required=True, help="File with the Bundle (- for standard input).")
@click.option("-n", "--namespace", envvar="NAMESPACE", default="fleet-local", help="Workspace of the Bundle.")
@click.option("--clusters", "clusters_file", type=click.Path(exists=True, dir_okay=False), help="File with Cluster, ClusterGroup, "
              "BundleNamespaceMapping, GitRepoRestriction, Policy and Namespace objects; without it the service is asked.")  # fmt: skip
@click.option("-l", "--dump-input-list", is_flag=True, help="Print what was targeted from to standard error.")
def command(bundle_file: str, namespace: str, clusters_file: str | None, dump_input_list: bool) -> None:
    """Print the Content and the BundleDeployments of a Bundle."""
    try:
        text = sys.stdin.read() if bundle_file == "-" else Path(bundle_file).read_text()
        found = [_in(namespace, one) for one in _documents(clusters_file)]
        if dump_input_list:
            click.echo(dump_all(found), err=True)
        sys.stdout.write(dump_all([one for bundle in _bundles(text, bundle_file, namespace) for one in targeted(bundle, found)]))
    except (UserError, OSError) as error:
        raise click.ClickException(str(error)) from None


def targeted(bundle: Bundle, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The documents for one Bundle. Raises Invalid, naming the clusters, when options can't be computed for all of them."""
    universe = MemoryUniverse(
        [_placed(decode_object(Cluster, one)) for one in found if one.get("kind") == "Cluster"],
        [decode_object(ClusterGroup, one) for one in found if one.get("kind") == "ClusterGroup"],
        [decode_object(BundleNamespaceMapping, one) for one in found if one.get("kind") == "BundleNamespaceMapping"],
        {one["metadata"]["name"]: one["metadata"].get("labels") or {} for one in found if one.get("kind") == "Namespace"},
    )
    sha = sha256_sum(bundle.spec.resources)
    manifest_id = bundle.spec.contents_id or content_id(sha)
    limits = restrictions(bundle, [one for one in found if one.get("kind") in ("GitRepoRestriction", "Policy")])
    planned = plan(bundle, universe, GoTemplates(NativeHelm().evaluate), manifest_id=manifest_id, restrictions=limits)
    if planned.errors:
        told = (f"{e.message} (clusters {', '.join(universe.cluster(c).metadata.name for c in e.clusters)})" for e in planned.errors)
        raise Invalid("; ".join(told), where=f"bundle {bundle.metadata.name}")
    written = step(planned, Progress(), universe, max_new=len(planned.clusters))
    content = {
        "apiVersion": "fleet.cattle.io/v1alpha1",
        "kind": "Content",
        "metadata": {"name": manifest_id},
        "sha256sum": sha,
        "content": base64.b64encode(gzip.compress(manifest(bundle.spec.resources), mtime=0)).decode(),
    }
    documents = [document(deployment) for deployment in deployments(planned, bundle, written, universe.cluster)]
    for one in documents:
        one.pop("status", None)
    return [content, *documents] if documents else []


def _bundles(text: str, where: str, namespace: str) -> Iterable[Bundle]:
    """The Bundles of a file; documents without a separator between them, as `apply -o -` of old wrote them, are YAML too."""
    for data in yaml.load_all(text, where):
        if isinstance(data, dict) and data.get("kind") == "Bundle":
            bundle = decode_object(Bundle, data, where)
            yield msgspec.structs.replace(bundle, metadata=msgspec.structs.replace(bundle.metadata, namespace=namespace))


def _documents(file: str | None) -> Iterable[dict[str, Any]]:
    if file is not None:
        for data in yaml.load_all(Path(file).read_bytes(), file):
            if isinstance(data, dict):
                yield data
        return
    import os  # noqa: PLC0415

    from extension.client import ApiClient, path  # noqa: PLC0415 (HTTP only where the service is asked)

    client = ApiClient(os.environ.get("RANCHER_CD_URL", "http://127.0.0.1:8080"), os.environ.get("RANCHER_CD_TOKEN", ""))
    for plural in ("clusters", "clustergroups", "bundlenamespacemappings"):
        yield from ({k: v for k, v in one.items() if k not in _STEVE} for one in client.list(path(f"fleet.cattle.io.{plural}")))
    for one in client.list(path("management.cattle.io.fleetworkspaces")):
        yield {"kind": "Namespace", "metadata": {"name": one["metadata"]["name"], "labels": one["metadata"].get("labels") or {}}}


def _in(namespace: str, one: dict[str, Any]) -> dict[str, Any]:
    """The object in the given workspace where it names none, as kubectl takes files."""
    metadata = one.get("metadata") or {}
    return one if metadata.get("namespace") else {**one, "metadata": {**metadata, "namespace": namespace}}


_STEVE = ("id", "type", "links", "actions")


def _placed(cluster: Cluster) -> Cluster:
    if cluster.status.namespace:
        return cluster
    namespace = cluster_namespace(cluster.metadata.namespace, cluster.metadata.name)
    return msgspec.structs.replace(cluster, status=msgspec.structs.replace(cluster.status, namespace=namespace))
