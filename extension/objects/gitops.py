"""What people put in Git and what comes of it: GitRepo, Bundle, BundleDeployment (`fleet-semantics.md` 1.1 to 1.7)."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from extension.objects.base import Condition, Object, Struct
from extension.objects.options import BundleDeploymentOptions, CorrectDrift
from extension.objects.selectors import LabelSelector
from extension.objects.status import (
    BundleSummary,
    Correction,
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
    last_synced_image_scan_time: str = ""
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


def unsummed(partitions: tuple[PartitionStatus, ...]) -> tuple[PartitionStatus, ...]:
    """The partitions without their summaries, which are computed when they are read."""
    return tuple(msgspec.structs.replace(partition, summary=BundleSummary()) for partition in partitions)


class PendingTargets(Struct, frozen=True):
    """Targets that have no deployment yet: how many, and the first by name as `workspace/cluster`. Fleet only adds them to the summary."""

    count: int = 0
    clusters: tuple[str, ...] = ()


class BundleStatus(Struct, frozen=True):
    conditions: tuple[Condition, ...] = ()
    summary: BundleSummary = BundleSummary()
    newly_created: int = 0
    unavailable: int = 0
    unavailable_partitions: int = 0
    max_unavailable: int = 0
    max_unavailable_partitions: int = 0
    partitions: tuple[PartitionStatus, ...] = ()
    pending: PendingTargets = PendingTargets()
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
    """What an agent reports of one deployment (`fleet-semantics.md` 1.7, 4.6). `corrections`, which Fleet has not, are its account of the
    drift that it corrected of late."""

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
    downstream_resources_generation: int = 0
    corrections: tuple[Correction, ...] = ()


class BundleDeployment(Object, frozen=True, kw_only=True):
    """A view over a deployment row; never stored as a document."""

    KIND: ClassVar[str] = "BundleDeployment"
    PLURAL: ClassVar[str] = "bundledeployments"
    spec: BundleDeploymentSpec = BundleDeploymentSpec()
    status: BundleDeploymentStatus = BundleDeploymentStatus()
