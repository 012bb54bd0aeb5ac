"""Opening a cluster: from how it is reached to a Delivery."""

from __future__ import annotations

from pathlib import Path

from extension.delivery.directory import DirectoryDelivery, Render
from extension.delivery.protocol import Delivery


def open_directory(folder: Path, render: Render) -> Delivery:
    """The cluster whose manifests go to `folder`, made at the first write."""
    return DirectoryDelivery(folder, render)
