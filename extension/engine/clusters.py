"""How a cluster served by this process is reached (`design.md` "Where things are deployed to").

A Kubernetes API needs a kubeconfig that was named: `--kubeconfig` for the local cluster (or `--service-account-dir`, where
it is the one this runs in), else the cluster's `spec.kubeConfigSecret`. A directory cluster is one with an annotation
(`objects.marks`), and the local cluster where nothing was named. Its folder is `<workspace>/<cluster>` in the service's own `clusters`
folder and nowhere else, so no tenant can name another's. Any other cluster waits for an agent of its own.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from extension.delivery.kubeconfig import from_file, in_cluster
from extension.delivery.opening import open_directory, open_kubernetes
from extension.delivery.protocol import Delivery
from extension.objects.base import Key
from extension.objects.errors import Invalid, NotFound
from extension.objects.kinds import Cluster, Secret
from extension.objects.marks import is_directory, is_local, wants_agent
from extension.objects.names import LOCAL_WORKSPACE
from extension.rendering.pool import Pool
from extension.settings import Settings
from extension.store.protocol import Store

_SYSTEM = ("cattle-fleet-system", "fleet-system")
SECRET_NAMESPACES = (LOCAL_WORKSPACE, "fleet-default", *_SYSTEM, *(name.replace("-system", "-clusters-system") for name in _SYSTEM))
"""Where a cluster's kubeconfig secret may be, besides the cluster's own workspace: also the older system namespace, and where
clusters register (1.8)."""


class Opening:
    """Callable: a Cluster -> (fingerprint of how it is reached, a function that opens it), None when an agent serves it.

    Both raise a UserError that says why: NotFound for a missing kubeconfig secret, Invalid for one that may not be used.
    """

    def __init__(self, store: Store, settings: Settings, renders: Pool, releases: Pool, environ: Mapping[str, str] = os.environ) -> None:
        self._store = store
        self._settings = settings
        self._renders = renders
        self._releases = releases
        self._environ = environ

    def __call__(self, cluster: Cluster) -> tuple[str, Callable[[], Delivery]] | None:
        if wants_agent(cluster):
            return None
        own = self._own() if is_local(cluster.key) else None
        text = own or self._kubeconfig(cluster)
        if text is not None:
            digest = hashlib.sha256(text.encode()).hexdigest()
            return f"kubernetes {digest}", lambda: open_kubernetes(text, self._renders, self._releases, trusted=own is not None)
        if not is_directory(cluster):
            return None
        folder = folder_of(self._settings, cluster.key)
        return f"directory {folder}", lambda: open_directory(folder, self._renders)

    def by_kubeconfig(self, cluster: Cluster) -> Delivery:
        """The cluster by its kubeconfig, whoever serves it. Raises NotFound without one."""
        text = self._kubeconfig(cluster)
        if text is None:
            raise NotFound("the cluster has no kubeConfigSecret", where=str(cluster.key), field="spec.kubeConfigSecret")
        return open_kubernetes(text, self._renders, self._releases)

    def _own(self) -> str | None:
        """The kubeconfig that the administrator named for the local cluster."""
        if self._settings.service_account_dir:
            return in_cluster(self._environ, Path(self._settings.service_account_dir))
        if self._settings.kubeconfig:
            return from_file(Path(self._settings.kubeconfig))
        return None

    def _kubeconfig(self, cluster: Cluster) -> str | None:
        name = cluster.spec.kube_config_secret
        if not name:
            return None
        namespace = cluster.spec.kube_config_secret_namespace or cluster.metadata.namespace
        if namespace not in (cluster.metadata.namespace, *SECRET_NAMESPACES):
            hint = f"move the secret to {cluster.metadata.namespace}, or to one of {', '.join(SECRET_NAMESPACES)}"
            field = "spec.kubeConfigSecretNamespace"
            raise Invalid(f"kubeConfigSecretNamespace {namespace} is not allowed", where=str(cluster.key), field=field, hint=hint)
        secret = self._store.find(Secret, namespace, name)
        if secret is None or "value" not in secret.data:
            raise NotFound(f"Secret {namespace}/{name} with key value is missing", where=str(cluster.key), field="spec.kubeConfigSecret")
        return secret.data["value"].decode(errors="replace")


def folder_of(settings: Settings, cluster: Key) -> Path:
    """Where a directory cluster's manifests go. Names of workspaces and clusters are DNS names, so they hold no slash."""
    return settings.directories / cluster.namespace / cluster.name
