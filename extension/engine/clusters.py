"""How a cluster served by this process is reached (`design.md` "Where things are deployed to").

A directory cluster is one with the annotation below, and the local cluster. Its folder is `<workspace>/<cluster>` in
the service's own `clusters` folder and nowhere else, so no tenant can name another's. Any other cluster waits for an
agent of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from extension.delivery.directory import Render
from extension.delivery.opening import open_directory
from extension.delivery.protocol import Delivery
from extension.engine.bootstrap import LOCAL_CLUSTER, LOCAL_WORKSPACE
from extension.objects.base import Key
from extension.objects.kinds import Cluster
from extension.settings import Settings

DIRECTORY = "continuous-delivery.cattle.io/directory"
"""Annotation: `true` on a cluster whose manifests go to a folder."""


class Opening:
    """Callable: a Cluster -> (fingerprint of how it is reached, a function that opens it), None when an agent serves it."""

    def __init__(self, settings: Settings, render: Render) -> None:
        self._settings = settings
        self._render = render

    def __call__(self, cluster: Cluster) -> tuple[str, Callable[[], Delivery]] | None:
        if not is_directory(cluster):
            return None
        folder = folder_of(self._settings, cluster.key)
        return f"directory {folder}", lambda: open_directory(folder, self._render)


def is_directory(cluster: Cluster) -> bool:
    return cluster.metadata.annotations.get(DIRECTORY) == "true" or is_local(cluster.key)


def folder_of(settings: Settings, cluster: Key) -> Path:
    """Where a directory cluster's manifests go. Names of workspaces and clusters are DNS names, so they hold no slash."""
    return settings.directories / cluster.namespace / cluster.name


def is_local(key: Key) -> bool:
    return (key.namespace, key.name) == (LOCAL_WORKSPACE, LOCAL_CLUSTER)
