"""How a cluster served by this process is reached (`design.md` "Where things are deployed to").

A Kubernetes API needs a kubeconfig that was named: `--kubeconfig` for the local cluster, else the cluster's
`spec.kubeConfigSecret`. A directory cluster is one with the annotation below, and the local cluster when no
kubeconfig was named; its folder is inside the service's own `clusters` folder and nowhere else. Any other cluster
waits for an agent of its own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

from extension.delivery.opening import open_directory, open_kubernetes
from extension.delivery.protocol import Delivery
from extension.engine.bootstrap import LOCAL_CLUSTER, LOCAL_WORKSPACE
from extension.objects.base import Key
from extension.objects.errors import Invalid, NotFound
from extension.objects.kinds import Cluster, Secret
from extension.settings import Settings
from extension.store.protocol import Store

DIRECTORY = "continuous-delivery.cattle.io/directory"
"""Annotation: the folder of a directory cluster, `<name>` or `<name>/<name>`; `true` means `<workspace>/<cluster>`."""

_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}(/[A-Za-z0-9][A-Za-z0-9._-]{0,62})?")

SECRET_NAMESPACES = (LOCAL_WORKSPACE, "fleet-default", "cattle-fleet-system")


class Opening:
    """Callable: a Cluster -> (fingerprint of how it is reached, a function that opens it), None when an agent serves it."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    def __call__(self, cluster: Cluster) -> tuple[str, Callable[[], Delivery]] | None:
        folder = self.folder(cluster)
        if folder is not None:
            return f"directory {folder}", lambda: open_directory(folder)
        text = self._kubeconfig(cluster)
        if text is None:
            return None
        digest = hashlib.sha256(text.encode()).hexdigest()
        return f"kubernetes {digest}", lambda: open_kubernetes(text)

    def folder(self, cluster: Cluster) -> Path | None:
        """Where a directory cluster's manifests go, None for another cluster. Raises Invalid for a name that could leave."""
        named = cluster.metadata.annotations.get(DIRECTORY, "")
        if not named and is_local(cluster.key) and not self._settings.kubeconfig and not cluster.spec.kube_config_secret:
            named = "true"
        if not named:
            return None
        if named == "true":
            named = f"{cluster.metadata.namespace}/{cluster.metadata.name}"
        if not _FOLDER.fullmatch(named) or ".." in named:
            raise Invalid(f"annotation {DIRECTORY}: {named!r} is not a folder name", where=str(cluster.key), hint="use NAME or NAME/NAME")
        return self._settings.directories / named

    def _kubeconfig(self, cluster: Cluster) -> str | None:
        if is_local(cluster.key) and self._settings.kubeconfig:
            return Path(self._settings.kubeconfig).read_text()
        name, namespace = cluster.spec.kube_config_secret, cluster.spec.kube_config_secret_namespace
        if not name:
            return None
        namespace = namespace or cluster.metadata.namespace
        if namespace not in (cluster.metadata.namespace, *SECRET_NAMESPACES):
            raise Invalid(f"kubeConfigSecretNamespace {namespace!r} is not allowed", where=str(cluster.key))
        secret = self._store.find(Secret, namespace, name)
        if secret is None or "value" not in secret.data:
            raise NotFound(f"Secret {namespace}/{name} with key value is missing", where=str(cluster.key), field="spec.kubeConfigSecret")
        return secret.data["value"].decode()


def is_local(key: Key) -> bool:
    return (key.namespace, key.name) == (LOCAL_WORKSPACE, LOCAL_CLUSTER)
