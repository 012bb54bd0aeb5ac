"""What the engine may ask of a cluster, whatever it is: a Kubernetes API or a folder.

A Delivery does the whole work of Fleet's agent for one cluster (`fleet-semantics.md` 4): render, apply, prune,
look again, correct, remove. It keeps its own record of what it applied on the cluster itself (Helm's release
secrets, a release file in a directory), so that a hub restored from an old backup finds the truth there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from extension.delivery.copies import Copies
from extension.objects.kinds import BundleDeploymentStatus, BundleResource
from extension.objects.options import BundleDeploymentOptions, OverwrittenResource


class Deployment(msgspec.Struct, frozen=True):
    """One bundle for one cluster. `name` is the bundle's name, `resources` fetches its files when they are needed; `copies` are what goes
    beside them (`downstreamResources`), `passed` what other bundles take over from this one, where they have it."""

    name: str
    namespace: str
    deployment_id: str
    options: BundleDeploymentOptions
    resources: Callable[[], tuple[BundleResource, ...]]
    commit: str = ""
    status: BundleDeploymentStatus = BundleDeploymentStatus()
    copies: Copies = Copies()
    passed: tuple[OverwrittenResource, ...] = ()


def tried(deployment: Deployment) -> BundleDeploymentStatus:
    """The status to tell of when deploying failed: what has copies by now says so, so that they are not forgotten."""
    status = deployment.status
    if not deployment.copies.objects or status.downstream_resources_generation:
        return status
    return msgspec.structs.replace(status, downstream_resources_generation=-1)


class Release(msgspec.Struct, frozen=True):
    """A release on the cluster that this agent owns: its Helm name and namespace, the bundle and ID it came from. When it goes, `passed`
    are objects that stay for others."""

    name: str
    namespace: str
    bundle: str
    deployment_id: str
    keep_resources: bool = False
    delete_namespace: bool = False
    passed: tuple[OverwrittenResource, ...] = ()


class Delivery(Protocol):
    """One cluster. Calls for one release come one at a time; different releases may come from several threads.

    Raises `Unavailable` when the cluster can't be reached: the last status stands and the call is tried again.
    Errors of the deployment itself are in the status it returns (`fleet-semantics.md` 4.1), never raised.
    """

    def deploy(self, deployment: Deployment) -> BundleDeploymentStatus:
        """Installs or upgrades the release unless `status` says it is done, with these copies, then observes it."""

    def observe(self, deployment: Deployment) -> BundleDeploymentStatus:
        """Readiness and drift of what is deployed; corrects drift first when `correctDrift.enabled`."""

    def remove(self, release: Release) -> None:
        """Uninstalls the release; with `keep_resources` only its record. A release that is gone already is no error."""

    def withdraw(self, bundle: str) -> None:
        """Deletes the copies that were made for a bundle, whether it has a release or not."""

    def releases(self) -> tuple[Release, ...]:
        """What this agent has on the cluster."""

    def watch(self, tell: Callable[[str], None]) -> None:
        """From now on tells the names of deployments with which something happened on the cluster since they were looked at, where the
        cluster tells that."""

    def watched(self, name: str) -> bool:
        """Whether all that happens to a deployment is told, so that nobody has to look."""

    def close(self) -> None: ...
