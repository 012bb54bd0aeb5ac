"""`rancher-cd apply`: folders in, Bundles out, as `fleet apply` (`fleet-semantics.md` 6)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import msgspec

from extension.bundles import Reading, Scan, read
from extension.bundles.scalars import IN_TARGETS_FILE, with_texts
from extension.client import ApiClient
from extension.commands import applying
from extension.commands.durations import go_duration
from extension.commands.options import KeyValue, connection
from extension.objects import yaml
from extension.objects.base import document
from extension.objects.codec import canonical, decode
from extension.objects.kinds import BundlePath, BundleSpec
from extension.objects.options import CorrectDrift
from extension.objects.yaml_dump import dump_all
from extension.sources.folder import FolderTree


class LocalCharts:
    """Charts for a reading on this machine; what fetches and packs them is loaded when the first one is asked for."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options
        self._charts: Any = None

    def fetch(self, chart: str, repo: str = "", version: str = "", *, path: str = "") -> Mapping[str, bytes]:
        found: Mapping[str, bytes] = self._loaded().fetch(chart, repo, version, path=path)
        return found

    def update(self, tree: Any, folder: str) -> Mapping[str, bytes]:
        found: Mapping[str, bytes] = self._loaded().update(tree, folder)
        return found

    def _loaded(self) -> Any:
        if self._charts is None:
            from extension.commands import charts  # noqa: PLC0415 (Helm and HTTP only where a chart needs them)

            self._charts = charts.local(self._options)
        return self._charts


@click.command("apply")
@click.argument("name")
@click.argument("paths", nargs=-1)
@click.option("-n", "--namespace", envvar="NAMESPACE", default="fleet-local", help="Workspace of the bundles.")
@click.option("-o", "--output", help="Write the Bundles as YAML to this file (- for standard output) instead of the service.")
@click.option("-l", "--label", "labels", multiple=True, type=KeyValue(), metavar="KEY=VALUE", help="Labels of every bundle.")
@click.option("-f", "--file", default="", help="Options file instead of fleet.yaml.")
@click.option("-c", "--compress", is_flag=True, help="Compress all resources.")
@click.option("-a", "--service-account", default="", help="Service account to deploy as.")
@click.option("--targets-file", type=click.Path(exists=True, dir_okay=False), help="File with targets and targetRestrictions.")
@click.option("--sync-generation", type=int, default=0, help="Another number deploys again, whether anything changed or not.")
@click.option("--target-namespace", default="", help="Namespace forced on all resources.")
@click.option("--paused", is_flag=True, help="Hold the bundles back.")
@click.option("--commit", envvar="COMMIT", default="", help="Commit the bundles are labelled with; else that of the current folder.")
@click.option("--keep-resources", is_flag=True, help="Leave what was deployed when a bundle goes.")
@click.option("--delete-namespace", is_flag=True, help="Remove the namespace of a bundle that goes.")
@click.option("--correct-drift", is_flag=True, help="Undo changes made on clusters.")
@click.option("--correct-drift-force", is_flag=True, help="Replace what can't be changed back.")
@click.option("--correct-drift-keep-fail-history", is_flag=True, help="Keep the releases of corrections that failed.")
@click.option("--driven-scan", is_flag=True, help="Every path is one bundle: BASE or BASE:OPTIONS.")
@click.option("--driven-scan-sep", default=":", help="What stands between base and options file.")
@click.option("--imagescan-enabled", is_flag=True, help="Take imageScans of fleet.yaml instead of refusing them.")
@click.option("--username", envvar="HELM_USERNAME", default="", help="User for Helm repositories.")
@click.option("--password-file", type=click.Path(exists=True, dir_okay=False), help="Password for Helm repositories.")
@click.option("--cacerts-file", type=click.Path(exists=True, dir_okay=False), help="Certificates to trust for Helm repositories.")
@click.option("--ssh-privatekey-file", type=click.Path(exists=True, dir_okay=False), help="Key for charts fetched with git.")
@click.option("--helm-repo-url-regex", default="", help="Helm credentials are sent only where this matches.")
@click.option("--helm-credentials-by-path-file", type=click.Path(exists=True, dir_okay=False), help="Helm credentials by path (YAML).")
@click.option("--helm-basic-http", is_flag=True, help="Reach OCI registries by plain HTTP.")
@click.option("--helm-insecure-skip-tls", is_flag=True, help="Trust any certificate of a Helm repository.")
@connection
def command(client: ApiClient, name: str, paths: tuple[str, ...], **options: Any) -> None:
    """Make Bundles of the folders PATHS (or the current one) for the repository NAME."""
    scan = _scan(name, paths, options)
    reading = read(FolderTree("."), scan, LocalCharts(options))
    for warning in reading.warnings:
        click.echo(f"warning: {warning}", err=True)
    if reading.failures:
        raise click.ClickException("\n".join(str(failure.error) for failure in reading.failures))
    _warn(reading, online=options["output"] is None)
    if options["output"] is None:
        applying.write(client, reading.bundles, name, options["namespace"])
        return
    text = printed(reading)
    if options["output"] == "-":
        sys.stdout.write(text)
    else:
        Path(options["output"]).write_text(text)


def _warn(reading: Reading, *, online: bool) -> None:
    """Tells on standard error what of the folders has no effect."""
    unwritten = [f"image scan {scan.name} is not written: only GitRepos bring theirs" for scan in reading.image_scans if online]
    for text in (*reading.warnings, *unwritten):
        click.echo(f"Warning: {text}", err=True)


def printed(reading: Reading) -> str:
    """The Bundles and ImageScans of a reading as YAML documents."""
    documents = [_shown(document(msgspec.structs.replace(b, status=type(b.status)()))) for b in reading.bundles]
    for scan in reading.image_scans:
        where = f"imageScans: {scan.name}"
        timed = msgspec.structs.replace(scan.spec, interval=go_duration(scan.spec.interval, where, "interval"))
        spec = msgspec.json.decode(canonical(timed))
        documents.append({"apiVersion": "fleet.cattle.io/v1alpha1", "kind": "ImageScan", "metadata": {"name": scan.name}, "spec": spec})
    return dump_all(documents)


def _shown(bundle: dict[str, Any]) -> dict[str, Any]:
    """The Bundle without what is a cluster's own: finalizers, status, and what kubectl noted in labels and annotations."""
    meta = bundle["metadata"]
    meta.pop("finalizers", None)
    for field in ("labels", "annotations"):
        kept = {key: value for key, value in meta.pop(field, {}).items() if not key.startswith("kubectl.kubernetes.io/")}
        meta |= {field: kept} if kept else {}
    bundle.pop("status", None)
    return bundle


def _scan(name: str, paths: tuple[str, ...], options: dict[str, Any]) -> Scan:
    targets, restrictions = _targets(options["targets_file"])
    drift = None
    if options["correct_drift"]:
        drift = CorrectDrift(True, options["correct_drift_force"], options["correct_drift_keep_fail_history"])
    bundles = tuple(_driven(path, options["driven_scan_sep"]) for path in paths or (".",)) if options["driven_scan"] else ()
    return Scan(
        name=name,
        namespace=options["namespace"],
        paths=() if bundles else paths,
        bundles=bundles,
        labels=dict(options["labels"]),
        targets=targets,
        target_restrictions=restrictions,
        target_namespace=options["target_namespace"],
        service_account=options["service_account"],
        sync_generation=options["sync_generation"],
        paused=options["paused"],
        keep_resources=options["keep_resources"],
        delete_namespace=options["delete_namespace"],
        correct_drift=drift,
        compress=options["compress"],
        image_scan=options["imagescan_enabled"],
        commit=options["commit"] or _current_commit(),
        file=options["file"],
    )


def _driven(path: str, separator: str) -> BundlePath:
    base, *named = path.split(separator) if separator else [path]
    if len(named) > 1:
        raise click.BadParameter(f"{path!r} has more than one {separator!r} (choose another with --driven-scan-sep)", param_hint="PATHS")
    return BundlePath(base, *named)


def _targets(path: str | None) -> tuple[Any, Any]:
    if path is None:
        return None, ()
    found = yaml.load(Path(path).read_bytes(), path) or {}
    spec = decode(BundleSpec, with_texts(found, IN_TARGETS_FILE) if isinstance(found, dict) else found, path)
    return spec.targets, spec.target_restrictions


def _current_commit() -> str:
    """The commit of the current folder; empty outside a repository."""
    if not any((folder / ".git").exists() for folder in (Path.cwd(), *Path.cwd().parents)):
        return ""
    found = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, env=os.environ, check=False)
    return found.stdout.strip() if found.returncode == 0 else ""
