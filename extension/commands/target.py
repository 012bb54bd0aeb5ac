"""`rancher-cd target`: which clusters a Bundle goes to, and with which options, as `fleet target` (section 6)."""

from __future__ import annotations

import base64
import gzip
import sys
from collections.abc import Iterable
from typing import Any

import click
import msgspec

from extension.client import ApiClient, path
from extension.commands.objects import STEVE, in_workspace
from extension.commands.options import connection, read_text
from extension.objects import yaml
from extension.objects.base import ObjectMeta, document
from extension.objects.codec import decode, decode_object
from extension.objects.content import content_id, manifest, sha256_sum
from extension.objects.errors import Invalid
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
@connection
def command(client: ApiClient, bundle_file: str, namespace: str, clusters_file: str | None, dump_input_list: bool) -> None:
    """Print the Content and the BundleDeployments of a Bundle."""
    bundles = list(_bundles(read_text(bundle_file), bundle_file, namespace))
    if not bundles:
        raise Invalid("holds no Bundle", where=bundle_file, hint="give what `rancher-cd apply -o -` printed")
    found = [in_workspace(one, namespace) for one in (_served(client) if clusters_file is None else _documents(clusters_file))]
    if dump_input_list:
        click.echo(dump_all(found), err=True)
    sys.stdout.write(dump_all([one for bundle in bundles for one in targeted(bundle, found)]))


def targeted(bundle: Bundle, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The documents for one Bundle: its Content, also where no cluster matches, and the deployments. Raises Invalid, naming the
    clusters, when options can't be computed for all of them."""
    universe = MemoryUniverse(
        [_placed(decode_object(Cluster, one)) for one in found if one.get("kind") == "Cluster"],
        [decode_object(ClusterGroup, one) for one in found if one.get("kind") == "ClusterGroup"],
        [decode_object(BundleNamespaceMapping, one) for one in found if one.get("kind") == "BundleNamespaceMapping"],
        dict(_namespace(one) for one in found if one.get("kind") == "Namespace"),
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
    return [content, *documents]


def _namespace(one: dict[str, Any]) -> tuple[str, dict[str, str]]:
    meta = decode(ObjectMeta, one.get("metadata") or {}, "Namespace", "metadata")
    return meta.name, meta.labels


def _bundles(text: str, where: str, namespace: str) -> Iterable[Bundle]:
    """The Bundles of a file; documents without a separator between them, as `apply -o -` of old wrote them, are YAML too."""
    for data in yaml.load_all(text, where):
        if isinstance(data, dict) and data.get("kind") == "Bundle":
            bundle = decode_object(Bundle, data, where)
            yield msgspec.structs.replace(bundle, metadata=msgspec.structs.replace(bundle.metadata, namespace=namespace))


def _documents(file: str) -> Iterable[dict[str, Any]]:
    return (data for data in yaml.load_all(read_text(file), file) if isinstance(data, dict))


def _served(client: ApiClient) -> Iterable[dict[str, Any]]:
    """What bundles are targeted by, as the service has it; its workspaces are the namespaces."""
    for plural in ("clusters", "clustergroups", "bundlenamespacemappings"):
        yield from ({k: v for k, v in one.items() if k not in STEVE} for one in client.list(path(f"fleet.cattle.io.{plural}")))
    for one in client.list(path("management.cattle.io.fleetworkspaces")):
        yield {"kind": "Namespace", "metadata": {"name": one["metadata"]["name"], "labels": one["metadata"].get("labels") or {}}}


def _placed(cluster: Cluster) -> Cluster:
    if cluster.status.namespace:
        return cluster
    namespace = cluster_namespace(cluster.metadata.namespace, cluster.metadata.name)
    return msgspec.structs.replace(cluster, status=msgspec.structs.replace(cluster.status, namespace=namespace))
