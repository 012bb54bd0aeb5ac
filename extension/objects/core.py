"""Kubernetes' own kinds that credentials and values come in."""

from __future__ import annotations

from typing import ClassVar

from extension.objects.base import Object

MANAGED = "fleet.cattle.io/managed"
BACKUP = "resources.cattle.io/backup"
"""Labels of Secrets: Rancher's backup operator takes those with the first from namespaces named `fleet-`, with the second from any."""


class Secret(Object, frozen=True, kw_only=True):
    """Credentials and values. `data` is encrypted at rest and never listed in clear."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "Secret"
    PLURAL: ClassVar[str] = "secrets"
    type: str = "Opaque"
    data: dict[str, bytes] = {}
    immutable: bool | None = None

    def __repr__(self) -> str:
        return f"Secret({self.metadata.namespace}/{self.metadata.name}, type={self.type}, keys={sorted(self.data)})"


class ConfigMap(Object, frozen=True, kw_only=True):
    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "ConfigMap"
    PLURAL: ClassVar[str] = "configmaps"
    data: dict[str, str] = {}
    binary_data: dict[str, bytes] = {}
    immutable: bool | None = None
