"""Opening a cluster: from how it is reached to a Delivery."""

from __future__ import annotations

from pathlib import Path

from extension.delivery.directory import DirectoryDelivery
from extension.delivery.kubernetes import KubernetesDelivery
from extension.delivery.protocol import Delivery
from extension.rendering.pool import Pool


def open_directory(folder: Path, renders: Pool) -> Delivery:
    """The cluster whose manifests go to `folder`, made at the first write."""
    return DirectoryDelivery(folder, renders.render)


def open_kubernetes(kubeconfig: str, renders: Pool, releases: Pool, trusted: bool = False) -> Delivery:
    """The cluster behind a kubeconfig (its text, naming no files; that of a token where it is `trusted`). Raises Invalid for one
    that can't be used."""
    return KubernetesDelivery(kubeconfig, renders, releases, trusted)
