"""The agent of a cluster that is reached by a kubeconfig, installed by the hub where somebody asked for that (`fleet-semantics.md` 3.8,
manager-initiated): then nothing but the agent's own way in is needed any more, and the kubeconfig only to install another one.

It is a Helm release of the agent's chart like any that the product makes. It is made anew when the chart, what the Cluster says of its
agent, or `spec.redeployAgentGeneration` changed; each time with a registration token that is good, so that an agent whose key the hub does
not know any more is the same cluster's again. Deleting the Cluster takes it away, last of all.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import structlog

from extension.delivery.protocol import Delivery, Deployment, Release
from extension.engine.stored import changed, ensure_finalizer, imported, without_finalizer
from extension.objects import yaml
from extension.objects.base import Key, ObjectMeta
from extension.objects.content import pack
from extension.objects.departing import FINALIZER
from extension.objects.errors import NotFound, UserError
from extension.objects.kinds import BundleResource, Cluster, ClusterRegistrationToken, ClusterRegistrationTokenSpec, Secret
from extension.objects.marks import AGENT_FINALIZER, wants_agent
from extension.objects.names import AGENT_BUNDLE
from extension.objects.options import BundleDeploymentOptions, HelmOptions
from extension.settings import Settings
from extension.store.protocol import Store

log = structlog.get_logger()

NAMESPACE = "cattle-continuous-delivery-system"
INSTALLED = "continuous-delivery.cattle.io/agent-installed"
"""Annotation: the hash of what was installed."""
TTL = "12h"
SOON, RETRY = 1.0, 60.0
SHARED = Path("/usr/share/rancher-cd")


class Installer:
    """Handler of a queue of Clusters. `open_delivery` opens one by its kubeconfig; `chart` is the folder of the agent's chart."""

    def __init__(self, store: Store, open_delivery: Callable[[Cluster], Delivery], chart: Path) -> None:
        self._store, self._open, self._chart = store, open_delivery, chart

    def __call__(self, key: Key) -> float | None:
        cluster = self._store.find(Cluster, key.namespace, key.name)
        if cluster is None:
            return None
        try:
            if cluster.metadata.deletion_timestamp or not wants_agent(cluster):
                return self._take_away(cluster)
            return self._install(cluster)
        except UserError as error:
            imported(self._store, cluster.key, "False", f"its agent can't be installed: {error}")
            return RETRY

    def _install(self, cluster: Cluster) -> float | None:
        cluster = self._named(ensure_finalizer(self._store, cluster, AGENT_FINALIZER))
        files = _files(self._chart)
        wanted = _values(cluster)
        digest = hashlib.sha256(msgspec.json.encode([files, wanted], order="sorted")).hexdigest()[:16]
        if cluster.metadata.annotations.get(INSTALLED) == digest:
            return None
        registration = self._registration(cluster)
        if not registration:
            return SOON
        error = self._deployed(cluster, f"agent-{digest}", {**wanted, **registration}, files)
        imported(self._store, cluster.key, "False" if error else "True", error)
        if not error:
            changed(self._store, cluster, lambda one: _noted(one, {INSTALLED: digest}))
            log.info("agent installed", cluster=str(cluster.key))
        return RETRY if error else None

    def _named(self, cluster: Cluster) -> Cluster:
        """The cluster with a clientID, which its agent registers with."""
        if cluster.spec.client_id:
            return cluster
        return self._store.update(msgspec.structs.replace(cluster, spec=msgspec.structs.replace(cluster.spec, client_id=str(uuid.uuid4()))))

    def _registration(self, cluster: Cluster) -> dict[str, Any]:
        """What its agent registers with; empty until the Secret is there, which may still be that of a token before this one."""
        place, name = cluster.metadata.namespace, f"import-token-{cluster.metadata.name}"
        token = self._store.find(ClusterRegistrationToken, place, name)
        if token is None:
            made = ClusterRegistrationToken(metadata=ObjectMeta(name=name, namespace=place), spec=ClusterRegistrationTokenSpec(ttl=TTL))
            token = self._store.create(made)
        secret = self._store.find(Secret, place, name) if token.status.secret_name else None
        values = yaml.load(secret.data["values"]) if secret else {}
        return values if isinstance(values, dict) else {}

    def _deployed(self, cluster: Cluster, id_: str, values: dict[str, Any], files: tuple[BundleResource, ...]) -> str:
        """Installs the agent; why that failed, empty when it did not."""
        helm = HelmOptions(release_name=AGENT_BUNDLE, values=values, take_ownership=True)
        options = BundleDeploymentOptions(default_namespace=_namespace(cluster), helm=helm)
        with closing(self._open(cluster)) as delivery:
            status = delivery.deploy(Deployment(AGENT_BUNDLE, cluster.metadata.namespace, id_, options, lambda: files))
        if status.applied_deployment_id == id_:
            return ""
        return next((c.message for c in status.conditions if c.type == "Deployed" and c.message), "it was not deployed")

    def _take_away(self, cluster: Cluster) -> float | None:
        """Uninstalls the agent: of a cluster that is deleted once it was let go."""
        if AGENT_FINALIZER not in cluster.metadata.finalizers or FINALIZER in cluster.metadata.finalizers:
            return None
        with closing(self._open(cluster)) as delivery:
            delivery.remove(Release(AGENT_BUNDLE, _namespace(cluster), AGENT_BUNDLE, ""))
        changed(self._store, cluster, lambda one: without_finalizer(_noted(one, {INSTALLED: ""}), AGENT_FINALIZER))
        return None


def _namespace(cluster: Cluster) -> str:
    return cluster.spec.agent_namespace or NAMESPACE


def _noted(cluster: Cluster, notes: dict[str, str]) -> Cluster:
    annotations = {**cluster.metadata.annotations, **notes}
    return msgspec.structs.replace(cluster, metadata=msgspec.structs.replace(cluster.metadata, annotations=annotations))


def _values(cluster: Cluster) -> dict[str, Any]:
    """The chart's values that the Cluster asks for, without those of its registration."""
    spec = cluster.spec
    return {
        "clientID": spec.client_id,
        "agentGeneration": spec.redeploy_agent_generation,
        "agentEnvVars": list(spec.agent_env_vars),
        "global": {"cattle": {"systemDefaultRegistry": spec.private_repo_url}},
        "fleetAgent": {
            "tolerations": list(spec.agent_tolerations),
            "affinity": spec.agent_affinity or {},
            "resources": spec.agent_resources or {},
            "hostNetwork": bool(spec.host_network),
            "schedulingCustomization": spec.agent_scheduling_customization or {},
        },
    }


def chart_of(settings: Settings) -> Path:
    """The folder of the agent's chart: in a source tree its own, else where the image has it."""
    own = Path(__file__).parents[2] / "helm" / AGENT_BUNDLE
    return Path(settings.agent_chart) if settings.agent_chart else own if own.is_dir() else SHARED / AGENT_BUNDLE


def _files(chart: Path) -> tuple[BundleResource, ...]:
    """The chart's files. Raises NotFound."""
    if not (chart / "Chart.yaml").is_file():
        raise NotFound(f"{chart} holds no chart of the agent", hint="name the folder with --agent-chart")
    found = sorted(path for path in chart.rglob("*") if path.is_file())
    return tuple(pack(str(path.relative_to(chart)), path.read_bytes()) for path in found)
