"""Fleet's kinds (`fleet-semantics.md` 1) and the two core ones a GitRepo needs, and their registry."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from extension.objects.base import Condition, Object, Struct, prepare
from extension.objects.options import BundleDeploymentOptions, CorrectDrift
from extension.objects.selectors import LabelSelector
from extension.objects.status import (
    BundleSummary,
    Display,
    ModifiedStatus,
    NonReadyStatus,
    ResourceCounts,
    ResourceKey,
    StatusBase,
)


class GitTarget(Struct, frozen=True):
    """Which clusters: all given criteria must hold; none given matches nothing (3.3)."""

    name: str = ""
    cluster_name: str = ""
    cluster_selector: LabelSelector | None = None
    cluster_group: str = ""
    cluster_group_selector: LabelSelector | None = None


class BundlePath(Struct, frozen=True):
    base: str = ""
    options: str = ""


class ImageScanCommit(Struct, frozen=True):
    author_name: str = ""
    author_email: str = ""
    message_template: str = ""


class GitRepoSpec(Struct, frozen=True):
    repo: str = ""
    branch: str = ""
    revision: str = ""
    target_namespace: str = ""
    client_secret_name: str = ""
    helm_secret_name: str = ""
    helm_secret_name_for_paths: str = ""
    helm_repo_url_regex: str = msgspec.field(default="", name="helmRepoURLRegex")
    ca_bundle: bytes = b""
    insecure_skip_tls_verify: bool = msgspec.field(default=False, name="insecureSkipTLSVerify")
    paths: tuple[str, ...] = ()
    paused: bool = False
    service_account: str = ""
    targets: tuple[GitTarget, ...] = ()
    polling_interval: str | None = None
    disable_polling: bool = False
    force_sync_generation: int = 0
    image_scan_interval: str | None = None
    image_scan_commit: ImageScanCommit | None = None
    keep_resources: bool = False
    delete_namespace: bool = False
    correct_drift: CorrectDrift | None = None
    oci_registry_secret: str = ""
    webhook_secret: str = ""
    bundles: tuple[BundlePath, ...] = ()


class GitRepoStatus(StatusBase, frozen=True):
    observed_generation: int = 0
    update_generation: int = 0
    commit: str = ""
    webhook_commit: str = ""
    last_webhook_time: str = ""
    polling_commit: str = ""
    git_job_status: str = ""
    last_polling_triggered: str = ""


class GitRepo(Object, frozen=True, kw_only=True):
    KIND: ClassVar[str] = "GitRepo"
    PLURAL: ClassVar[str] = "gitrepos"
    spec: GitRepoSpec = GitRepoSpec()
    status: GitRepoStatus = GitRepoStatus()


class BundleResource(Struct, frozen=True):
    """A file of a bundle. `encoding` is empty, or `base64+gz` for binary and large content."""

    name: str = ""
    content: str = ""
    encoding: str = ""


class BundleRef(Struct, frozen=True):
    name: str = ""
    selector: LabelSelector | None = None
    accepted_states: tuple[str, ...] = ()


class Partition(Struct, frozen=True):
    name: str = ""
    max_unavailable: int | str | None = None
    cluster_name: str = ""
    cluster_selector: LabelSelector | None = None
    cluster_group: str = ""
    cluster_group_selector: LabelSelector | None = None


class RolloutStrategy(Struct, frozen=True):
    max_unavailable: int | str | None = None
    max_unavailable_partitions: int | str | None = None
    auto_partition_size: int | str | None = None
    auto_partition_threshold: int | None = None
    max_new: int | None = None
    partitions: tuple[Partition, ...] = ()


class BundleTarget(BundleDeploymentOptions, frozen=True):
    name: str = ""
    cluster_name: str = ""
    cluster_selector: LabelSelector | None = None
    cluster_group: str = ""
    cluster_group_selector: LabelSelector | None = None
    do_not_deploy: bool = False


class HelmOpOptions(Struct, frozen=True):
    helm_op_secret_name: str = msgspec.field(default="", name="helmOpSecretName")
    helm_op_insecure_skip_tls_verify: bool = msgspec.field(default=False, name="helmOpInsecureSkipTLSVerify")
    helm_op_ca_bundle: bytes = msgspec.field(default=b"", name="helmOpCABundle")


class BundleSpec(BundleDeploymentOptions, frozen=True):
    paused: bool = False
    rollout_strategy: RolloutStrategy | None = None
    resources: tuple[BundleResource, ...] = ()
    target_customization_mode: str = ""
    targets: tuple[BundleTarget, ...] = ()
    target_restrictions: tuple[GitTarget, ...] = ()
    depends_on: tuple[BundleRef, ...] = ()
    contents_id: str = msgspec.field(default="", name="contentsId")
    helm_op_options: HelmOpOptions | None = None
    values_hash: str = ""


class PartitionStatus(Struct, frozen=True):
    name: str = ""
    count: int = 0
    max_unavailable: int = 0
    unavailable: int = 0
    summary: BundleSummary = BundleSummary()


class BundleStatus(Struct, frozen=True):
    conditions: tuple[Condition, ...] = ()
    summary: BundleSummary = BundleSummary()
    newly_created: int = 0
    unavailable: int = 0
    unavailable_partitions: int = 0
    max_unavailable: int = 0
    max_unavailable_partitions: int = 0
    partitions: tuple[PartitionStatus, ...] = ()
    display: Display = Display()
    oci_reference: str = ""
    observed_generation: int = 0
    resources_sha256_sum: str = msgspec.field(default="", name="resourcesSha256Sum")


class Bundle(Object, frozen=True, kw_only=True):
    KIND: ClassVar[str] = "Bundle"
    PLURAL: ClassVar[str] = "bundles"
    spec: BundleSpec = BundleSpec()
    status: BundleStatus = BundleStatus()


class BundleDeploymentSpec(Struct, frozen=True):
    paused: bool = False
    staged_options: BundleDeploymentOptions = BundleDeploymentOptions()
    staged_deployment_id: str = msgspec.field(default="", name="stagedDeploymentID")
    options: BundleDeploymentOptions = BundleDeploymentOptions()
    deployment_id: str = msgspec.field(default="", name="deploymentID")
    depends_on: tuple[BundleRef, ...] = ()
    correct_drift: CorrectDrift | None = None
    oci_contents: bool = msgspec.field(default=False, name="ociContents")
    helm_chart_options: HelmOpOptions | None = None
    values_hash: str = ""
    off_schedule: bool = False


class BundleDeploymentStatus(Struct, frozen=True):
    """What an agent reports of one deployment (`fleet-semantics.md` 1.7, 4.6)."""

    conditions: tuple[Condition, ...] = ()
    applied_deployment_id: str = msgspec.field(default="", name="appliedDeploymentID")
    release: str = ""
    ready: bool = False
    non_modified: bool = False
    non_ready_status: tuple[NonReadyStatus, ...] = ()
    modified_status: tuple[ModifiedStatus, ...] = ()
    incomplete_state: bool = False
    display: Display = Display()
    sync_generation: int | None = None
    resources: tuple[ResourceKey, ...] = ()
    resource_counts: ResourceCounts = ResourceCounts()


class BundleDeployment(Object, frozen=True, kw_only=True):
    """A view over a deployment row; never stored as a document."""

    KIND: ClassVar[str] = "BundleDeployment"
    PLURAL: ClassVar[str] = "bundledeployments"
    spec: BundleDeploymentSpec = BundleDeploymentSpec()
    status: BundleDeploymentStatus = BundleDeploymentStatus()


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
    expires: str | None = None
    secret_name: str = ""


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


DOCUMENT_KINDS: tuple[type[Object], ...] = (
    GitRepo,
    Bundle,
    Cluster,
    ClusterGroup,
    ClusterRegistrationToken,
    BundleNamespaceMapping,
    FleetWorkspace,
    Secret,
    ConfigMap,
)
"""Kinds stored as documents. BundleDeployment is a view over rows."""

_ALL: tuple[type[Object], ...] = (*DOCUMENT_KINDS, BundleDeployment)
KINDS: dict[str, type[Object]] = {cls.KIND: cls for cls in _ALL}


prepare(*KINDS.values())
