"""Where things are deployed to: workspaces, clusters, their groups and registration (`fleet-semantics.md` 1.8 to 1.11, 1.18)."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from extension.objects.base import Condition, Object, Struct
from extension.objects.selectors import LabelSelector
from extension.objects.status import BundleSummary, Display, ResourceCounts


class ClusterSpec(Struct, frozen=True):
    paused: bool = False
    client_id: str = msgspec.field(default="", name="clientID")
    kube_config_secret: str = ""
    kube_config_secret_namespace: str = ""
    redeploy_agent_generation: int = 0
    agent_env_vars: tuple[dict[str, Any], ...] = ()
    agent_namespace: str = ""
    private_repo_url: str = msgspec.field(default="", name="privateRepoURL")
    template_values: dict[str, Any] = {}
    agent_tolerations: tuple[dict[str, Any], ...] = ()
    agent_affinity: dict[str, Any] | None = None
    agent_resources: dict[str, Any] | None = None
    host_network: bool | None = None
    agent_scheduling_customization: dict[str, Any] | None = None


class AgentStatus(Struct, frozen=True):
    last_seen: str = ""
    namespace: str = ""


class ClusterStatus(Struct, frozen=True):
    conditions: tuple[Condition, ...] = ()
    namespace: str = ""
    summary: BundleSummary = BundleSummary()
    resource_counts: ResourceCounts = ResourceCounts()
    ready_git_repos: int = 0
    desired_ready_git_repos: int = 0
    ready_helm_ops: int = 0
    desired_ready_helm_ops: int = 0
    agent_deployed_generation: int | None = None
    display: Display = Display()
    agent: AgentStatus = AgentStatus()
    scheduled: bool = False
    active_schedule: bool = False


class Cluster(Object, frozen=True, kw_only=True):
    KIND: ClassVar[str] = "Cluster"
    PLURAL: ClassVar[str] = "clusters"
    spec: ClusterSpec = ClusterSpec()
    status: ClusterStatus = ClusterStatus()


class ClusterGroupSpec(Struct, frozen=True):
    """`selector` absent matches nothing, empty matches every cluster of the workspace."""

    selector: LabelSelector | None = None


class ClusterGroupStatus(Struct, frozen=True):
    cluster_count: int = 0
    non_ready_cluster_count: int = 0
    non_ready_clusters: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    summary: BundleSummary = BundleSummary()
    display: Display = Display()
    resource_counts: ResourceCounts = ResourceCounts()


class ClusterGroup(Object, frozen=True, kw_only=True):
    KIND: ClassVar[str] = "ClusterGroup"
    PLURAL: ClassVar[str] = "clustergroups"
    spec: ClusterGroupSpec = ClusterGroupSpec()
    status: ClusterGroupStatus = ClusterGroupStatus()


class ClusterRegistrationTokenSpec(Struct, frozen=True):
    ttl: str | None = None


class ClusterRegistrationTokenStatus(Struct, frozen=True):
    """`registered_clusters` is ours: so many clusters were made with the token, whatever became of them."""

    expires: str | None = None
    secret_name: str = ""
    registered_clusters: int = 0


class ClusterRegistrationToken(Object, frozen=True, kw_only=True):
    KIND: ClassVar[str] = "ClusterRegistrationToken"
    PLURAL: ClassVar[str] = "clusterregistrationtokens"
    spec: ClusterRegistrationTokenSpec = ClusterRegistrationTokenSpec()
    status: ClusterRegistrationTokenStatus = ClusterRegistrationTokenStatus()


class BundleNamespaceMapping(Object, frozen=True, kw_only=True):
    KIND: ClassVar[str] = "BundleNamespaceMapping"
    PLURAL: ClassVar[str] = "bundlenamespacemappings"
    bundle_selector: LabelSelector | None = None
    namespace_selector: LabelSelector | None = None


class FleetWorkspaceStatus(Struct, frozen=True):
    conditions: tuple[Condition, ...] = ()


class FleetWorkspace(Object, frozen=True, kw_only=True):
    """A workspace; its namespace has the same name (1.18)."""

    API_VERSION: ClassVar[str] = "management.cattle.io/v3"
    KIND: ClassVar[str] = "FleetWorkspace"
    PLURAL: ClassVar[str] = "fleetworkspaces"
    NAMESPACED: ClassVar[bool] = False
    status: FleetWorkspaceStatus = FleetWorkspaceStatus()
