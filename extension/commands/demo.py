"""The demonstration of `rancher-cd serve --demo`: a Git repository made of examples/, clusters, a group, GitRepos.

It is ordinary use: a repository somebody can commit to, directory clusters somebody can edit, objects somebody can
change; nothing of it is special to the engine. What is there from an earlier run stays as it is.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import click

from extension.commands.examples import repository
from extension.engine.stored import listed
from extension.objects.base import Object, ObjectMeta
from extension.objects.kinds import Cluster, ClusterGroup, ClusterGroupSpec, FleetWorkspace, GitRepo, GitRepoSpec, GitTarget
from extension.objects.marks import DIRECTORY
from extension.objects.options import CorrectDrift
from extension.objects.selectors import LabelSelector
from extension.settings import Settings
from extension.store.protocol import Store

FOLDERS = ("01-raw-overlays", "02-helm-subchart", "03-kustomize", "04-depends-on")
TIMEOUT = 60.0
_WIDTHS = (15, 10, 10, 10, 10, 0)


def begin(store: Store, settings: Settings, url: str, token: str) -> None:
    """Makes the objects, and tells on the terminal how they become ready, without holding up the service. The repository is
    there already."""
    repo = repository(settings.state_dir)
    for obj in objects(repo):
        if store.find(type(obj), obj.metadata.namespace, obj.metadata.name) is None:
            store.create(obj)
    threading.Thread(target=_tell, args=(store, settings, url, token, repo), name="demo", daemon=True).start()


def objects(repo: Path) -> tuple[Object, ...]:
    def cluster(workspace: str, name: str, **labels: str) -> Cluster:
        return Cluster(metadata=ObjectMeta(name=name, namespace=workspace, labels=labels, annotations={DIRECTORY: "true"}))

    def gitrepo(workspace: str, name: str, paths: tuple[str, ...], *targets: GitTarget, correct: bool = False) -> GitRepo:
        drift = CorrectDrift(enabled=True) if correct else None
        spec = GitRepoSpec(repo=f"file://{repo}", branch="main", paths=paths, targets=targets, correct_drift=drift)
        return GitRepo(metadata=ObjectMeta(name=name, namespace=workspace), spec=spec)

    everything = GitTarget(name="all", cluster_selector=LabelSelector())
    staging = GitTarget(name="staging", cluster_selector=LabelSelector(match_labels={"env": "staging"}))
    production = GitTarget(name="production", cluster_group="production")
    return (
        FleetWorkspace(metadata=ObjectMeta(name="edge")),
        cluster("fleet-default", "berlin", env="production", region="eu"),
        cluster("fleet-default", "boston", env="production", region="us"),
        cluster("fleet-default", "staging", env="staging", region="eu"),
        cluster("edge", "kiosk-001", env="edge", region="eu"),
        ClusterGroup(
            metadata=ObjectMeta(name="production", namespace="fleet-default"),
            spec=ClusterGroupSpec(selector=LabelSelector(match_labels={"env": "production"})),
        ),
        gitrepo("fleet-default", "shop", (FOLDERS[1], FOLDERS[3]), production, staging),
        gitrepo("fleet-default", "welcome", (FOLDERS[0],), production, staging, correct=True),
        gitrepo("edge", "kiosks", (FOLDERS[2],), everything),
        gitrepo("fleet-local", "welcome", (FOLDERS[0],)),
    )


def _tell(store: Store, settings: Settings, url: str, token: str, repo: Path) -> None:
    deadline = time.monotonic() + TIMEOUT
    shown: list[str] = []
    while time.monotonic() < deadline:
        rows, ready = _rows(store)
        if rows != shown:
            _print(rows, len(shown))
            shown = rows
        if ready:
            break
        time.sleep(0.2)
    click.echo("")
    click.echo("Try next:")
    edited = settings.directories / "fleet-default" / "berlin" / "welcome" / "welcome-01-raw-overlays" / "welcome_configmap_welcome.yaml"
    for text in (
        f"sed -i 's/Hello/Good morning/' {repo}/01-raw-overlays/configmap.yaml && git -C {repo} commit -qam 'Say good morning'",
        f"sed -i 's/greeting: .*/greeting: tampered/' {edited} && sleep 20 && grep greeting {edited}",
        f"curl -s -H 'Authorization: Bearer {token}' {url}/v1/fleet.cattle.io.gitrepos",
    ):
        click.echo(f"  {text}")
    click.echo("ready" if _rows(store)[1] else "not everything is ready yet; see the states above")


def _rows(store: Store) -> tuple[list[str], bool]:
    """The lines of the table, and whether every GitRepo is ready."""
    repos = listed(store, GitRepo)
    rows = [_row("WORKSPACE", "GITREPO", "COMMIT", "CLUSTERS", "BUNDLES", "STATE")]
    ready = bool(repos)
    for repo in repos:
        status = repo.status
        done = status.commit and not status.display.state and status.summary.desired_ready > 0
        ready = ready and bool(done)
        state = "Ready" if done else status.display.state or "Pending"
        rows.append(
            _row(
                repo.metadata.namespace,
                repo.metadata.name,
                status.commit[:7] or "-",
                f"{status.ready_clusters}/{status.desired_ready_clusters}",
                status.display.ready_bundle_deployments,
                state,
            )
        )
    return rows, ready


def _row(*cells: str) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, _WIDTHS, strict=True))


def _print(rows: list[str], before: int) -> None:
    """Prints the table, over the one before on a terminal."""
    if before and sys.stdout.isatty():
        click.echo(f"\033[{before}A\033[J", nl=False)
    for row in rows:
        click.echo(row)
    sys.stdout.flush()
