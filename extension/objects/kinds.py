"""Every kind by its name (`fleet-semantics.md` 1): the one place that knows all of them."""

from __future__ import annotations

from extension.objects.base import Object, prepare
from extension.objects.clusters import (
    AgentStatus,
    BundleNamespaceMapping,
    Cluster,
    ClusterGroup,
    ClusterGroupSpec,
    ClusterGroupStatus,
    ClusterRegistrationToken,
    ClusterRegistrationTokenSpec,
    ClusterRegistrationTokenStatus,
    ClusterSpec,
    ClusterStatus,
    FleetWorkspace,
    FleetWorkspaceStatus,
)
from extension.objects.core import (
    ConfigMap,
    Secret,
)
from extension.objects.gitops import (
    Bundle,
    BundleDeployment,
    BundleDeploymentSpec,
    BundleDeploymentStatus,
    BundlePath,
    BundleRef,
    BundleResource,
    BundleSpec,
    BundleStatus,
    BundleTarget,
    GitRepo,
    GitRepoSpec,
    GitRepoStatus,
    GitTarget,
    HelmOpOptions,
    ImageScanCommit,
    Partition,
    PartitionStatus,
    RolloutStrategy,
)
from extension.objects.helmop import HelmOp, HelmOpSpec, HelmOpStatus
from extension.objects.imagescan import ImageScan, ImageScanSpec, ImageScanStatus
from extension.objects.policies import GitRepoPolicy, GitRepoRestriction, HelmOpPolicy, Policy
from extension.objects.schedule import (
    Schedule,
    ScheduleSpec,
    ScheduleStatus,
    ScheduleTargets,
)

__all__ = [
    "DOCUMENT_KINDS",
    "KINDS",
    "AgentStatus",
    "Bundle",
    "BundleDeployment",
    "BundleDeploymentSpec",
    "BundleDeploymentStatus",
    "BundleNamespaceMapping",
    "BundlePath",
    "BundleRef",
    "BundleResource",
    "BundleSpec",
    "BundleStatus",
    "BundleTarget",
    "Cluster",
    "ClusterGroup",
    "ClusterGroupSpec",
    "ClusterGroupStatus",
    "ClusterRegistrationToken",
    "ClusterRegistrationTokenSpec",
    "ClusterRegistrationTokenStatus",
    "ClusterSpec",
    "ClusterStatus",
    "ConfigMap",
    "FleetWorkspace",
    "FleetWorkspaceStatus",
    "GitRepo",
    "GitRepoPolicy",
    "GitRepoRestriction",
    "GitRepoSpec",
    "GitRepoStatus",
    "GitTarget",
    "HelmOp",
    "HelmOpOptions",
    "HelmOpPolicy",
    "HelmOpSpec",
    "HelmOpStatus",
    "ImageScan",
    "ImageScanCommit",
    "ImageScanSpec",
    "ImageScanStatus",
    "Partition",
    "PartitionStatus",
    "Policy",
    "RolloutStrategy",
    "Schedule",
    "ScheduleSpec",
    "ScheduleStatus",
    "ScheduleTargets",
    "Secret",
]

DOCUMENT_KINDS: tuple[type[Object], ...] = (
    GitRepo,
    HelmOp,
    Bundle,
    Cluster,
    ClusterGroup,
    ClusterRegistrationToken,
    BundleNamespaceMapping,
    FleetWorkspace,
    Schedule,
    ImageScan,
    GitRepoRestriction,
    Policy,
    Secret,
    ConfigMap,
)
"""Kinds stored as documents. BundleDeployment is a view over rows."""

_ALL: tuple[type[Object], ...] = (*DOCUMENT_KINDS, BundleDeployment)
KINDS: dict[str, type[Object]] = {cls.KIND: cls for cls in _ALL}

prepare(*KINDS.values())
