"""What a pull agent and the hub say to each other (`docs/agents.md`): the wire types of `/agent/v1`.

Kinds of Fleet are in them as they are (options, statuses), so that an agent needs no second model.
"""

from __future__ import annotations

from typing import Any

import msgspec

from extension.objects.base import Struct, prepare
from extension.objects.kinds import BundleDeploymentStatus, BundleRef, HelmOpOptions
from extension.objects.moving import Leaving
from extension.objects.options import BundleDeploymentOptions

REGISTRATION_VALUES = "fleet.cattle.io/cluster-registration-values"
"""Type of the Secret that belongs to a ClusterRegistrationToken (`fleet-semantics.md` 0)."""
MOST_WORDS = 1024
"""Characters of why an agent can't reach its cluster."""


class RegistrationRequest(Struct, frozen=True):
    """A cluster that wants in (`fleet-semantics.md` 3.8). `client_id` says which one it is, and stays the same for ever."""

    client_id: str = msgspec.field(default="", name="clientID")
    cluster_labels: dict[str, str] = {}


class Registration(Struct, frozen=True):
    """What a cluster is called from now on, and the key its agent shows with every request."""

    client_id: str = msgspec.field(default="", name="clientID")
    cluster_namespace: str = ""
    cluster_name: str = ""
    deployment_namespace: str = ""
    key: str = ""

    def __repr__(self) -> str:
        return f"Registration({self.cluster_namespace}/{self.cluster_name})"


class AgentKey(Struct, frozen=True):
    """Another key for an agent, which takes the place of the one that it asked with once it is used."""

    key: str = ""

    def __repr__(self) -> str:
        return "AgentKey()"


class CheckIn(Struct, frozen=True):
    """`since` is that of the newest work the agent has, empty when it has none."""

    since: str = ""


class WorkItem(Struct, frozen=True):
    """One deployment as it should be; `bundle_id` is what reports name it by. `status` is the agent's own last report, sent along
    with complete work only: an agent that starts anew knows nothing. `coming` is what a rollout holds back and takes something over from
    other bundles: of its options what and where, so that these leave it there. `held`: there is nothing else to do yet."""

    bundle_id: int = msgspec.field(default=0, name="bundleID")
    bundle_namespace: str = ""
    bundle_name: str = ""
    revision: int = 0
    labels: dict[str, str] = {}
    deployment_id: str = msgspec.field(default="", name="deploymentID")
    staged_deployment_id: str = msgspec.field(default="", name="stagedDeploymentID")
    options: BundleDeploymentOptions = BundleDeploymentOptions()
    content_sha256: str = msgspec.field(default="", name="contentSHA256")
    commit: str = ""
    depends_on: tuple[BundleRef, ...] = ()
    paused: bool = False
    deleting: bool = False
    chart: HelmOpOptions | None = None
    coming: BundleDeploymentOptions | None = None
    held: bool = False
    status: BundleDeploymentStatus | None = None


class Work(Struct, frozen=True):
    """What changed for a cluster. `complete`: these are all its deployments, anything else goes. `sequence` is the highest the hub
    has had a report with, `reported` the sum of the sequences of the newest report of each deployment: an agent whose acknowledged
    reports add up to something else tells all anew. `key`, if there is one, takes the old one's place. `agent_generation` is how often an
    update of the agent was forced; it says with its reports which one it has done. `dismissed`: the cluster is being deleted, and its
    agent is to say that it knows and to do nothing any more. `leaving`: what a move left it to do."""

    since: str = ""
    complete: bool = False
    sequence: int = 0
    reported: int = 0
    key: str = ""
    agent_generation: int = 0
    dismissed: bool = False
    leaving: tuple[Leaving, ...] = ()
    items: tuple[WorkItem, ...] = ()

    def __repr__(self) -> str:
        return f"Work(since={self.since}, complete={self.complete}, items={len(self.items)})"


class DeploymentReport(Struct, frozen=True):
    """How a deployment is. `sequence` rises with every report of the agent; `revision` is that of the work item it answers.
    `removed`: the release is gone."""

    bundle_id: int = msgspec.field(default=0, name="bundleID")
    sequence: int = 0
    revision: int = 0
    removed: bool = False
    status: BundleDeploymentStatus = BundleDeploymentStatus()


class ReportBatch(Struct, frozen=True):
    """`agent_generation` is the newest forced update of the agent that it has done, where it says so. `dismissed`: it knows that it is
    let go. `left`: what it was told to do after a move and has done. `unreachable`: why it can't reach its API server, empty when it can
    again, where that is news."""

    reports: tuple[DeploymentReport, ...] = ()
    agent_generation: int | None = None
    dismissed: bool = False
    left: tuple[Leaving, ...] = ()
    unreachable: str | None = None


class StaleReport(Struct, frozen=True):
    """A report that was dropped, since the hub has one with a higher `sequence`."""

    bundle_id: int = msgspec.field(default=0, name="bundleID")
    sequence: int = 0


class ReportAnswer(Struct, frozen=True):
    """What became of a batch that is on disk. `gone` are bundles that are not deployed to the cluster any more."""

    accepted: int = 0
    stale: tuple[StaleReport, ...] = ()
    gone: tuple[int, ...] = ()


class ClusterCopies(Struct, frozen=True):
    """The Secrets and ConfigMaps that are copied beside a deployment (`downstreamResources`), as manifests without a namespace;
    `generation` is another one whenever one of their sources is."""

    objects: tuple[dict[str, Any], ...] = ()
    generation: int = 0

    def __repr__(self) -> str:
        return f"ClusterCopies({len(self.objects)}, generation={self.generation})"


prepare(RegistrationRequest, Registration, AgentKey, CheckIn, Work, ReportBatch, ReportAnswer, ClusterCopies)
