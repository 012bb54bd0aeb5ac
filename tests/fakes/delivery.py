"""A cluster in memory: `delivery.protocol.Delivery` that does what a test tells it."""

from __future__ import annotations

import threading
from collections.abc import Callable

import msgspec

from extension.delivery.copies import Copies
from extension.delivery.protocol import Deployment, Release
from extension.delivery.status import Observation, failed, observed
from extension.objects.errors import Unavailable, UserError
from extension.objects.kinds import BundleDeploymentStatus
from extension.objects.options import OverwrittenResource
from extension.objects.status import ModifiedStatus, NonReadyStatus, ResourceKey, ResourceSummary

NOW = "2026-11-23T12:00:00Z"


class MemoryDelivery:
    """`calls` are (what, bundle) in order. `errors` by bundle fail its deployments, `stuck` its removal; `late` bundles are deployed but
    not ready, `modified` ones differ; `passed` is what they were to pass on. `tells` of bundles is whom to tell that something happened to
    one, which is all that does where they are `told`. While `down` the cluster can't be reached, while `gate` is unset calls wait."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.deployed: dict[str, Release] = {}
        self.copies: dict[str, Copies] = {}
        self.passed: dict[str, tuple[OverwrittenResource, ...]] = {}
        self.errors: dict[str, UserError] = {}
        self.stuck: dict[str, UserError] = {}
        self.late: set[str] = set()
        self.modified: set[str] = set()
        self.tells: Callable[[str], None] = lambda _bundle: None
        self.told: set[str] = set()
        self.down = ""
        self.closed = False
        self.gate = threading.Event()
        self.gate.set()

    def deploy(self, deployment: Deployment) -> BundleDeploymentStatus:
        self._call("deploy", deployment.name)
        self.passed[deployment.name] = deployment.passed
        error = self.errors.get(deployment.name)
        if error is not None:
            return failed(deployment.status, deployment.deployment_id, error, NOW)
        try:
            deployment.resources()
        except Unavailable:
            raise
        except UserError as fault:
            return failed(deployment.status, deployment.deployment_id, fault, NOW)
        self.copies[deployment.name] = deployment.copies
        namespace = deployment.options.default_namespace or "default"
        keep = deployment.options.keep_resources
        self.deployed[deployment.name] = Release(deployment.name, namespace, deployment.name, deployment.deployment_id, keep)
        return self._observed(deployment)

    def observe(self, deployment: Deployment) -> BundleDeploymentStatus:
        if deployment.name not in self.deployed:
            return self.deploy(deployment)
        self._call("observe", deployment.name)
        self.copies[deployment.name] = deployment.copies
        return self._observed(deployment)

    def remove(self, release: Release) -> None:
        self._call("keep" if release.keep_resources else "remove", release.bundle)
        self.passed[release.bundle] = release.passed
        if release.bundle in self.stuck:
            raise self.stuck[release.bundle]
        self.deployed.pop(release.bundle, None)

    def withdraw(self, bundle: str) -> None:
        self._call("withdraw", bundle)
        self.copies.pop(bundle, None)

    def releases(self) -> tuple[Release, ...]:
        self._call("releases", "")
        return tuple(self.deployed.values())

    def watch(self, tell: Callable[[str], None]) -> None:
        self.tells = tell

    def watched(self, name: str) -> bool:
        return name in self.told

    def close(self) -> None:
        self.closed = True

    def did(self, what: str) -> list[str]:
        """The bundles of one sort of call, in order."""
        return [bundle for call, bundle in self.calls if call == what]

    def _call(self, what: str, bundle: str) -> None:
        self.calls.append((what, bundle))
        self.gate.wait(10)
        if self.down:
            raise Unavailable(self.down)

    def _observed(self, deployment: Deployment) -> BundleDeploymentStatus:
        name = deployment.name
        key = ResourceKey("ConfigMap", "v1", "default", name)
        late = NonReadyStatus("uid", "ConfigMap", "v1", "default", name, ResourceSummary("in-progress", transitioning=True))
        seen = Observation(
            release=f"{self.deployed[name].namespace}/{name}:1",
            resources=(key,),
            modified=(ModifiedStatus("ConfigMap", "v1", "default", name, patch="{}"),) if name in self.modified else (),
            non_ready=(late,) if name in self.late else (),
        )
        status = observed(deployment.status, deployment.deployment_id, seen, NOW)
        return msgspec.structs.replace(
            status,
            sync_generation=deployment.options.force_sync_generation,
            downstream_resources_generation=deployment.copies.generation,
        )
